"""The SSO protocols. A new protocol is a folder, one entry in `PROTOCOLS`, and a value of `ProviderType`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core.callers import RequestContext
from app.services import Services
from app.sign_in.sso.jwt import settings as jwt
from app.sign_in.sso.oidc import settings as oidc
from app.sign_in.sso.oidc.issuer.issuers import Issuers
from app.sign_in.sso.oidc.use_cases import begin_oidc_login, client_of
from app.sign_in.sso.rules import ProtocolSettings, Provider, ProviderType
from app.sign_in.sso.saml import settings as saml
from app.sign_in.sso.saml.use_cases import begin_saml_login, service_provider


@dataclass(frozen=True)
class BegunLogin:
    """A browser login that begins; `slug` is the account's, `secret` the browser's."""

    services: Services
    context: RequestContext
    issuers: Issuers
    slug: str
    provider: Provider
    secret: str


@dataclass(frozen=True)
class BrowserLogin:
    """How a browser logs in at a provider.

    `address` returns the URL to send the browser to. `answers_by_post`: the provider's own page posts the answer.
    """

    address: Callable[[BegunLogin], Awaitable[str]]
    answers_by_post: bool


@dataclass(frozen=True)
class Protocol:
    """One protocol: its providers' settings, and its browser login if it has one."""

    settings: ProtocolSettings
    browser_login: BrowserLogin | None = None


async def _oidc_address(login: BegunLogin) -> str:
    services, provider = login.services, login.provider
    client = client_of(services.sealer, login.context, provider, services.settings.public_url, login.slug)
    return await begin_oidc_login(login.issuers, login.context, provider, client, login.secret)


async def _saml_address(login: BegunLogin) -> str:
    ourselves = service_provider(login.services.settings.public_url, login.slug, login.provider.name)
    return begin_saml_login(login.provider, ourselves, login.secret, login.context.now)


PROTOCOLS = {
    ProviderType.JWT: Protocol(jwt.SETTINGS),
    ProviderType.OIDC: Protocol(oidc.SETTINGS, BrowserLogin(_oidc_address, answers_by_post=False)),
    ProviderType.SAML: Protocol(saml.SETTINGS, BrowserLogin(_saml_address, answers_by_post=True)),
}
