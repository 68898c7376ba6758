"""HTTP for the challenge of a step-up; its answer goes to `POST /session/step-up`.

Included only if a registered kind uses challenges.
"""

from fastapi import APIRouter

from app.authentication.allow import SessionCaller
from app.authentication.routes import AccountRoute
from app.second_factor.challenges.schemas import Challenge, NewChallenge, show_challenge
from app.sessions.step_up import use_cases
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["session"], route_class=AccountRoute)


@router.post(
    "/session/step-up/challenges",
    status_code=201,
    operation_id="askAtStepUp",
    responses=problems(409, "too_many_attempts"),
)
async def ask_at_step_up(services: AppServices, caller: SessionCaller, body: NewChallenge) -> Challenge:
    """Make a challenge for an authenticator; the next step-up in this session must answer it.

    The first answer removes the challenge, whether it is right or wrong.
    """
    async with services.database.begin() as tx:
        asked = await use_cases.ask_in_session(tx, caller, services.sealer, body.authenticator_id)
    return show_challenge(asked)
