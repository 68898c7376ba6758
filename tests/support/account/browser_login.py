"""A browser that logs in at an OpenID Connect issuer and returns with a code."""

from dataclasses import dataclass, field

import httpx

from tests.support.account.arrange import Tenant
from tests.support.account.client import Client
from tests.support.programs.oidc_provider import RETURN_TO


@dataclass
class BrowserLogin:
    """A browser login; `asked` are additional query parameters of the login."""

    tenant: Tenant
    provider: str = "issuer"
    browser: Client = field(init=False)

    def __post_init__(self) -> None:
        self.browser = self.tenant.browser()

    async def begin(self, **asked: str) -> str:
        """Begin a login; return the URL that the browser is redirected to."""
        path = f"/sso/{self.provider}/login"
        response = await self.browser.get(path, params={"return_to": RETURN_TO} | asked)
        assert response.status_code == 303, response.text
        return response.headers["location"]

    async def log_in(self, **asked: str) -> str:
        """Log in at the issuer; return the URL that it redirects the browser back to."""
        address = await self.begin(**asked)
        async with httpx.AsyncClient(trust_env=False) as http:
            response = await http.get(address)
        assert response.status_code == 302, response.text
        return response.headers["location"]

    async def come_back(self, address: str) -> httpx.Response:
        return await self.browser.http.get(address)

    async def code(self, **asked: str) -> str:
        """Do the complete login, and return the code that the front end gets."""
        response = await self.come_back(await self.log_in(**asked))
        assert response.status_code == 303, response.text
        address, _, fragment = response.headers["location"].partition("#")
        assert address == RETURN_TO
        assert fragment.startswith("code=pgc_"), fragment
        return fragment.removeprefix("code=")
