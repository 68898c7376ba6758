"""HTTP for a browser that logs in at an identity provider."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.sign_in.sso import use_cases as sso
from app.sign_in.sso.attempts import count_begun
from app.sign_in.sso.cookies import login_cookie
from app.sign_in.sso.oidc.dependencies import KnownIssuers
from app.sign_in.sso.protocols import PROTOCOLS, BegunLogin
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


_CHALLENGE = "^[A-Za-z0-9_-]{43}$"
_CHALLENGE_OF = "of a verifier that the front end keeps: SHA-256 in base64url, without padding (RFC 7636, S256)"


@router.get(
    "/sso/{name}/login",
    status_code=303,
    operation_id="beginLogin",
    response_class=RedirectResponse,
    responses=problems(429),
)
async def begin_login(
    services: AppServices,
    context: Context,
    issuers: KnownIssuers,
    request: Request,
    name: str,
    return_to: Annotated[str, Query(max_length=1024)],
    code_challenge: Annotated[str | None, Query(pattern=_CHALLENGE, description=_CHALLENGE_OF)] = None,
    code_challenge_method: Annotated[Literal["S256"], Query()] = "S256",  # noqa: ARG001 -- as RFC 7636 names it
) -> RedirectResponse:
    """Redirect the browser to the identity provider. It comes back to `return_to`, one of the `return_urls`.

    With a `code_challenge`, the final code is exchanged by its verifier, from anywhere. Without one, this browser
    exchanges it, from a page of the same site.
    """
    async with services.database.read() as tx:
        provider = await sso.login_provider(tx, context, name, return_to)
    browser_login = PROTOCOLS[provider.type].browser_login
    if browser_login is None:
        raise sso.no_provider()
    await count_begun(services.database, context)
    async with services.database.begin() as tx:
        secret = await sso.begin_login(tx, context, provider, return_to, code_challenge=code_challenge)
    login = BegunLogin(services, context, issuers, request.path_params["account"], provider, secret)
    address = await browser_login.address(login)
    response = RedirectResponse(address, 303)
    response.headers["Set-Cookie"] = login_cookie(
        secret,
        secure=services.settings.is_https,
        answered_cross_site=browser_login.answers_by_post,
    )
    return response
