"""HTTP for signing in by a JWT, and for exchanging the code that a browser brought back from a provider."""

from fastapi import APIRouter, Request, Response

from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.core.errors import Refusal
from app.sign_in.outcomes import Completed
from app.sign_in.router import show_completed
from app.sign_in.schemas import Complete
from app.sign_in.sso import schemas, use_cases
from app.sign_in.sso.attempts import counted_attempt, take_back
from app.sign_in.sso.cookies import exchange_cookie, read_exchange_cookie
from app.sign_in.sso.rules import ProviderType
from app.web.cookies import cookie_headers_of
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


@router.post("/sign-ins/jwt", status_code=201, operation_id="signInByJwt", responses=problems(403, 409, 429))
async def sign_in_by_jwt(services: AppServices, context: Context, body: schemas.JwtSignIn) -> Complete:
    """Sign in with a token of the application's own sign-in. No passcode is asked for, whatever the policy."""
    async with services.database.read() as tx:
        provider = await use_cases.provider_of(tx, context, body.provider, ProviderType.JWT)
    outcome: Completed | Refusal
    async with counted_attempt(services.database, context, provider) as counted:
        claims = use_cases.read_jwt(services.sealer, context, provider, body.token)
        async with services.database.begin() as tx:
            if isinstance(claims, Refusal):
                outcome = await use_cases.refuse_provider(tx, context, provider, claims)
            else:
                outcome = await use_cases.sign_in_by_jwt(tx, context, provider, claims)
            if isinstance(outcome, Completed):
                await take_back(tx, context, counted)
    return show_completed(accepted(outcome))


@router.post("/sign-ins/exchange", status_code=201, operation_id="exchangeCode", responses=problems(401))
async def exchange_code(
    services: AppServices, context: Context, request: Request, response: Response, body: schemas.Exchange
) -> Complete:
    """Exchange the code of a finished login, once and within a minute, for the session.

    With the `code_verifier` of the challenge that the login began with; without a challenge, from the browser that
    came back with the code: it has a cookie for this, which ends here.
    """
    secure = services.settings.is_https
    browser_secret = read_exchange_cookie(cookie_headers_of(request), secure=secure)
    async with services.database.begin() as tx:
        completed = await use_cases.exchange_code(
            tx, context, body.code, verifier=body.code_verifier or None, browser_secret=browser_secret
        )
    if browser_secret and not body.code_verifier:
        response.headers.append("Set-Cookie", exchange_cookie("", secure=secure))
    return show_completed(completed)
