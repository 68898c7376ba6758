"""HTTP for signing in by a JWT, and for a browser's way to a provider and back, whatever its protocol."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse

from app.callers import Visitor
from app.errors import NotFound, Refusal
from app.oidc.issuers import Issuers
from app.services import Services
from app.sign_in.outcomes import Completed
from app.sign_in.router import show_completed
from app.sign_in.schemas import Complete
from app.sign_in.sso import schemas, use_cases
from app.sign_in.sso.cookies import login_cookie
from app.sign_in.sso.oidc import use_cases as oidc
from app.sign_in.sso.rules import LoginRequest, Provider, ProviderType
from app.web.dependencies import AppServices, AtTheDoor, accepted, services_of
from app.web.problems import problems
from app.web.routes import AccountRoute

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


async def get_issuers(request: Request) -> Issuers:
    """Return what this process knows of issuers."""
    return cast("Issuers", request.app.state.issuers)


AskedIssuers = Annotated[Issuers, Depends(get_issuers)]


@router.post("/sign-ins/jwt", status_code=201, operation_id="signInByJwt", responses=problems(403, 409))
async def sign_in_by_jwt(services: AppServices, visitor: AtTheDoor, body: schemas.JwtSignIn) -> Complete:
    """Sign in with a token of the application's own sign-in. No passcode is asked for, whatever the policy."""
    async with services.database.read() as tx:
        provider = await use_cases.provider_of(tx, visitor, body.provider, ProviderType.JWT)
    claims = use_cases.read_jwt(services.sealer, visitor, provider, body.token)
    outcome: Completed | Refusal
    async with services.database.begin() as tx:
        if isinstance(claims, Refusal):
            outcome = await use_cases.refuse_provider(tx, visitor, provider, claims)
        else:
            outcome = await use_cases.sign_in_by_jwt(tx, visitor, provider, claims)
    return show_completed(accepted(outcome))


@router.post("/sign-ins/exchange", status_code=201, operation_id="exchangeCode", responses=problems(401))
async def exchange_code(services: AppServices, visitor: AtTheDoor, body: schemas.Exchange) -> Complete:
    """Exchange the code of a finished login, once and within a minute, for the session."""
    async with services.database.begin() as tx:
        completed = await use_cases.exchange_code(tx, visitor, body.code)
    return show_completed(completed)


@router.get("/sso/{name}/login", status_code=303, response_class=RedirectResponse, operation_id="beginLogin")
async def begin_login(
    services: AppServices,
    visitor: AtTheDoor,
    request: Request,
    name: str,
    return_to: Annotated[str, Query(max_length=1024)],
) -> RedirectResponse:
    """Send a browser to log in at the provider; it comes back to `return_to` with a code, or an error."""
    async with services.database.begin() as tx:
        provider = await use_cases.login_provider(tx, visitor, name, return_to)
        secret = await use_cases.begin_login(tx, visitor, provider, return_to)
    response = RedirectResponse(await _login_address(services, visitor, request, provider, secret), 303)
    by_post = provider.type is ProviderType.SAML
    cookie = login_cookie(secret, secure=services.settings.is_https, answered_cross_site=by_post)
    response.headers.append("Set-Cookie", cookie)
    return response


async def _login_address(
    services: Services, visitor: Visitor, request: Request, provider: Provider, secret: str
) -> str:
    if provider.type is ProviderType.OIDC:
        client = oidc.client_of(services.sealer, visitor, provider, callback_address(request, provider.name))
        return await oidc.login_address(await get_issuers(request), visitor, provider, client, secret)
    raise NotFound("The account has no such provider.")


def callback_address(request: Request, name: str) -> str:
    """Return where an issuer sends browsers back to, as it is registered there."""
    public_url = services_of(request).settings.public_url
    return f"{public_url}/v1/accounts/{request.path_params['account']}/sso/{name}/callback"


def send_back(
    services: Services, login: LoginRequest, outcome: str | Refusal, *, answered_cross_site: bool
) -> RedirectResponse:
    """Return the way back to where a browser's login began, with its code or its error; the login's cookie ends."""
    fragment = f"error={outcome.code}" if isinstance(outcome, Refusal) else f"code={outcome}"
    response = RedirectResponse(f"{login.return_to}#{fragment}", 303)
    cookie = login_cookie("", secure=services.settings.is_https, answered_cross_site=answered_cross_site)
    response.headers.append("Set-Cookie", cookie)
    return response
