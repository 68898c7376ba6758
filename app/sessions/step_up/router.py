"""HTTP for step-up."""

from fastapi import APIRouter, Request

from app.accounts.users import repository as users
from app.authentication.allow import SessionCaller, two_factor_setup_required
from app.authentication.routes import AccountRoute
from app.core.assurance import is_fresh
from app.core.callers import Caller
from app.core.errors import Conflict, InvalidRequest, Refusal, invalid_field
from app.second_factor.passcode import RecoveryCode, SixDigits
from app.second_factor.settings.use_cases import no_authenticator
from app.services import Services
from app.sessions import rules
from app.sessions.router import show_session
from app.sessions.schemas import Session, StepUp
from app.sessions.step_up import use_cases
from app.throttling.rules import session_buckets
from app.throttling.use_cases import counted_password_attempt
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems

router = APIRouter(tags=["session"], route_class=AccountRoute)


@router.post(
    "/session/step-up",
    operation_id="stepUp",
    responses=problems(
        "passcode_incorrect",
        "passcode_already_used",
        "two_factor_setup_required",
        "no_authenticator",
        409,
        "too_many_attempts",
    ),
)
async def step_up(request: Request, services: AppServices, caller: SessionCaller, body: StepUp) -> Session:
    """Prove the second factor again; the session is then fresh for 10 minutes.

    A user without an authenticator proves the password. While the account requires 2FA of that user, this makes
    the session fresh for enrolling only, and is refused while the session is that fresh already.
    """
    if body.passcode is not None and body.password is None:
        session = await _by_passcode(services, caller, body.passcode)
    elif body.password is not None and body.passcode is None:
        if caller.must_set_up_two_factor and is_fresh(caller, for_enrolling=True):
            raise two_factor_setup_required(request)
        session = await _by_password(services, caller, body.password)
    else:
        raise InvalidRequest("Send either a passcode or a password.")
    return show_session(session, caller.role, current=True)


async def _by_passcode(services: Services, caller: Caller, passcode: SixDigits | RecoveryCode) -> rules.Session:
    if not caller.has_authenticator:
        raise no_authenticator()
    attempt = await use_cases.prepare_step_up(services.database, services.hasher, caller, passcode)
    async with services.database.begin() as tx:
        outcome = await use_cases.step_up_by_passcode(tx, caller, services.sealer, attempt)
    return accepted(outcome)


async def _by_password(services: Services, caller: Caller, password: str) -> rules.Session:
    if caller.has_authenticator:
        raise invalid_field("/password", "not_allowed", "A user with an authenticator sends a passcode.")
    async with services.database.read() as tx:
        found = await users.find_by_id(tx, caller.account_id, caller.user_id)
    if found is not None and found.password_hash is None:
        raise Conflict("You have no password to prove. Sign in again by your identity provider.")
    filled = session_buckets(services.password_limits, user_id=caller.user_id, ip=caller.context.ip)
    async with counted_password_attempt(services.database, caller.context, filled, user_id=caller.user_id):
        check = await services.hasher.verify_password(found.password_hash if found else None, password)
    outcome: rules.Session | Refusal
    async with services.database.begin() as tx:
        if found is None or not check.matches:
            outcome = await use_cases.refuse_password(tx, caller)
        else:
            outcome = await use_cases.step_up_by_password(tx, caller, found, filled)
    return accepted(outcome)
