"""HTTP for sign-in by JWT."""

from fastapi import APIRouter

from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.core.errors import Refusal
from app.sign_in.outcomes import Completed
from app.sign_in.router import show_completed
from app.sign_in.schemas import Complete
from app.sign_in.sso.attempts import counted_attempt, undo_count
from app.sign_in.sso.jwt import schemas, use_cases
from app.sign_in.sso.rules import ProviderType
from app.sign_in.sso.use_cases import provider_of, refuse_provider
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


@router.post(
    "/sign-ins/jwt",
    status_code=201,
    operation_id="signInByJwt",
    responses=problems("invalid_credentials", 403, "identity_incomplete", 409, 429),
)
async def sign_in_by_jwt(services: AppServices, context: Context, body: schemas.JwtSignIn) -> Complete:
    """Sign in with a token of the application's own sign-in. No passcode is asked for, whatever the policy."""
    async with services.database.read() as tx:
        provider = await provider_of(tx, context, body.provider, ProviderType.JWT)
    outcome: Completed | Refusal
    async with counted_attempt(services.database, context, provider) as counted:
        claims = use_cases.read_jwt(services.sealer, context, provider, body.token)
        async with services.database.begin() as tx:
            if isinstance(claims, Refusal):
                outcome = await refuse_provider(tx, context, provider, claims)
            else:
                outcome = await use_cases.sign_in_by_jwt(tx, context, provider, claims)
            if isinstance(outcome, Completed):
                await undo_count(tx, context, counted)
    return show_completed(accepted(outcome))
