"""HTTP for a browser on its way to an identity provider, and on its way back to where it began."""

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse

from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.core.callers import RequestContext
from app.core.errors import Refusal
from app.core.settings import Limit
from app.services import Services
from app.sign_in.sso import use_cases as sso
from app.sign_in.sso.cookies import exchange_cookie, login_cookie
from app.sign_in.sso.login.protocols import PROTOCOLS, BegunLogin
from app.sign_in.sso.oidc.issuer.issuers import Issuers
from app.sign_in.sso.rules import HandedOut, LoginRequest
from app.throttling.rules import over_all_accounts, request_bucket
from app.throttling.use_cases import count_password_attempt
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


async def get_issuers(request: Request) -> Issuers:
    """Return what this process knows of OpenID Connect issuers."""
    return cast("Issuers", request.app.state.issuers)


KnownIssuers = Annotated[Issuers, Depends(get_issuers)]


_BEGUN = Limit("600/600")
_CHALLENGE = "^[A-Za-z0-9_-]{43}$"
_CHALLENGE_OF = "of a verifier that the front end keeps: SHA-256 in base64url, without padding (RFC 7636, S256)"


async def count_begun(services: Services, context: RequestContext) -> None:
    """Count a sign-in that somebody begins, whom nobody knows yet; raises `TooMany` for too many of an address."""
    begun = request_bucket(ip=context.ip, requests=_BEGUN)
    because = "Too many sign-ins were begun from this address."
    await count_password_attempt(services.database, context, [begun, over_all_accounts(begun)], because=because)


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
    """Send the browser to the identity provider; it comes back to `return_to`, one of the provider's addresses.

    With a `code_challenge` the code in the end is exchanged by its verifier, from anywhere; without one, by this
    browser from a page of the same site.
    """
    async with services.database.read() as tx:
        provider = await sso.login_provider(tx, context, name, return_to)
    await count_begun(services, context)
    async with services.database.begin() as tx:
        secret = await sso.begin_login(tx, context, provider, return_to, code_challenge=code_challenge)
    protocol = PROTOCOLS[provider.type]
    login = BegunLogin(services, context, issuers, request.path_params["account"], provider, secret)
    address = await protocol.login_address(login)
    response = RedirectResponse(address, 303)
    response.headers["Set-Cookie"] = login_cookie(
        secret,
        secure=services.settings.is_https,
        answered_cross_site=protocol.answers_by_post,
    )
    return response


def send_back(
    services: Services, login: LoginRequest, outcome: HandedOut | Refusal, *, by_post: bool
) -> RedirectResponse:
    """Return the way back to where the login began, with a code or an error; the login's cookie ends.

    `by_post`: the provider's answer was posted from its own page.
    """
    end = f"error={outcome.code}" if isinstance(outcome, Refusal) else f"code={outcome.code}"
    response = RedirectResponse(f"{login.return_to}#{end}", 303)
    secure = services.settings.is_https
    response.headers.append("Set-Cookie", login_cookie("", secure=secure, answered_cross_site=by_post))
    if isinstance(outcome, HandedOut) and outcome.browser_secret:
        response.headers.append("Set-Cookie", exchange_cookie(outcome.browser_secret, secure=secure))
    return response
