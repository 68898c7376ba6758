"""HTTP for the challenge of a sign-in.

The answer to it goes to POST /sign-ins/passcode, with the `authenticator_id`. This router is included only if a
registered kind has challenges.
"""

from fastapi import APIRouter

from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.second_factor.challenges.schemas import Challenge, NewChallenge, show_challenge
from app.sign_in.challenging import use_cases
from app.sign_in.schemas import SignInToken
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["sign-in"], route_class=AccountRoute)


class SignInChallenge(NewChallenge):
    """The authenticator to create a challenge for, and the sign-in."""

    sign_in_token: SignInToken


@router.post(
    "/sign-ins/challenges",
    status_code=201,
    operation_id="askAtSignIn",
    responses=problems("sign_in_expired", 409, "too_many_attempts"),
)
async def ask_at_sign_in(services: AppServices, context: Context, body: SignInChallenge) -> Challenge:
    """Create a challenge for an authenticator in a sign-in.

    The first answer to it, right or wrong, ends the challenge.
    """
    async with services.database.begin() as tx:
        asked = await use_cases.ask_in_sign_in(
            tx, context, services.sealer, body.sign_in_token, body.authenticator_id
        )
    return show_challenge(asked)
