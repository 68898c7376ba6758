"""HTTP for signing in with e-mail address and password, and then with a passcode."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.accounts.users import repository as users
from app.accounts.users.schemas import User
from app.authentication.context import device_cookies_of, request_context_of
from app.authentication.routes import AccountRoute
from app.core.callers import RequestContext
from app.core.errors import Refusal
from app.core.metrics import SIGN_INS
from app.credentials.passwords.use_cases import refuse_password
from app.second_factor.passcode import RecoveryCode
from app.second_factor.trusted_devices.answers import set_device_cookie, show_trust, trust_asked
from app.second_factor.trusted_devices.rules import parse_device_token
from app.second_factor.trusted_devices.schemas import DeviceOptions
from app.second_factor.use_cases import Attempt, prepare_attempt
from app.services import Services
from app.sessions.router import show_session
from app.sessions.schemas import NewSession
from app.sign_in import schemas, use_cases
from app.sign_in.challenging.use_cases import answer_challenge
from app.sign_in.fixed_passcode import accept_test_passcode
from app.sign_in.outcomes import Completed, Device, Waiting
from app.sign_in.rules import NextStep
from app.throttling.rules import buckets
from app.throttling.use_cases import counted_password_attempt, refund_shared_buckets
from app.web.dependencies import accepted, services_of
from app.web.problems import problems

router = APIRouter(tags=["sign-in"], route_class=AccountRoute)


@router.post(
    "/sign-ins",
    status_code=201,
    operation_id="signIn",
    responses=problems("invalid_credentials", "too_many_requests"),
)
async def sign_in(request: Request, body: schemas.PasswordSignIn) -> schemas.SignInAnswer:
    """Sign in with e-mail address and password.

    The answer is a session, or says which step comes next.
    """
    services, context = services_of(request), request_context_of(request)
    brought = parse_device_token(body.device_token) if body.device_token else None
    device = Device(device_cookies_of(request), brought)
    async with services.database.read() as tx:
        found = await users.find_by_email(tx, context.account_id, body.email)
        known = await use_cases.is_known_device(tx, context, found, device)
        kinds = await users.list_password_kinds(tx, context.account_id)
    filled = buckets(services.password_limits, email=body.email, ip=context.ip, known_device=known)
    user_id = found.user.id if found else None
    async with counted_password_attempt(services.database, context, filled, user_id=user_id):
        check = await services.hasher.verify_password(
            found.password_hash if found else None, body.password, kinds=kinds
        )
    outcome: Completed | Waiting | Refusal
    async with services.database.begin() as tx:
        if found and check.matches:
            outcome = await use_cases.begin_sign_in(tx, context, found, check.renewed_hash, device, filled)
        else:
            outcome = await refuse_password(tx, context, found)
    if isinstance(outcome, Refusal):
        raise outcome
    await refund_shared_buckets(services.database, context, filled)
    return show_first_factor_outcome(outcome)


@router.post(
    "/sign-ins/passcode",
    status_code=201,
    operation_id="submitPasscode",
    responses=problems(
        "sign_in_expired",
        "passcode_incorrect",
        "passcode_already_used",
        "no_authenticator",
        "too_many_attempts",
    ),
)
async def submit_passcode(
    request: Request, response: Response, body: schemas.PasscodeSignIn
) -> schemas.CompletedByPasscode:
    """Complete a sign-in with a passcode or a recovery code."""
    asked = trust_asked(request, body)
    services, context = services_of(request), request_context_of(request)
    device = Device(device_cookies_of(request), asked=asked)
    if isinstance(body.passcode, RecoveryCode):
        outcome = await _submit_recovery_code(services, context, body, body.passcode, device)
    else:
        attempt = Attempt(body.passcode, authenticator_id=body.authenticator_id)
        given = (services.database, context, services.sealer, body.sign_in_token, attempt, device)
        outcome = (
            await answer_challenge(*given)
            or await accept_test_passcode(services.database, context, body.sign_in_token, attempt, device)
            or await use_cases.submit_passcode(*given)
        )
    completed = accepted(outcome)
    count_sign_in(completed)
    return schemas.CompletedByPasscode(**completed_answer(completed, device, response, body))


async def _submit_recovery_code(
    services: Services, context: RequestContext, body: schemas.PasscodeSignIn, code: RecoveryCode, device: Device
) -> Completed | Refusal:
    async with services.database.read() as tx:
        opened = await use_cases.find_open_sign_in(tx, context, body.sign_in_token)
    attempt = await prepare_attempt(services.database, services.hasher, context, opened.sign_in.user_id, code)
    async with services.database.begin() as tx:
        return await use_cases.submit_recovery_code(tx, context, body.sign_in_token, attempt, device)


def count_sign_in(completed: Completed) -> None:
    """Count a completed sign-in in the metrics; call it only after the commit."""
    SIGN_INS.labels(" ".join(completed.session.amr), str(completed.by_trusted_device).lower()).inc()


def _new_session(completed: Completed) -> NewSession:
    shown = show_session(completed.session, completed.user.role, current=True)
    return NewSession.model_construct(**dict(shown), token=completed.token)


def show_completed(completed: Completed) -> schemas.Complete:
    """Return the answer to a completed sign-in without a newly trusted device, and count it."""
    count_sign_in(completed)
    return schemas.Complete(
        status="complete", session=_new_session(completed), user=User.model_validate(completed.user)
    )


def show_first_factor_outcome(begun: Completed | Waiting) -> schemas.SignInAnswer:
    """Return the answer to a first factor: the session, or the next step."""
    return show_completed(begun) if isinstance(begun, Completed) else _waiting(begun)


def _waiting(waiting: Waiting) -> schemas.PasscodeRequired | schemas.EnrollmentRequired:
    if waiting.next_step is NextStep.ENROLLMENT:
        return schemas.EnrollmentRequired(
            status="enrollment_required",
            sign_in_token=waiting.token,
            expires_at=waiting.expires_at,
            allowed_kinds=list(waiting.allowed_kinds),
        )
    methods = [
        schemas.Method(authenticator_id=found.id, kind=found.kind, label=found.label)
        for found in waiting.authenticators
    ]
    return schemas.PasscodeRequired(
        status="passcode_required", sign_in_token=waiting.token, expires_at=waiting.expires_at, methods=methods
    )


def completed_answer(
    completed: Completed, device: Device, response: Response, body: DeviceOptions
) -> dict[str, Any]:
    """Return the fields of `CompletedByPasscode`, with a device token in the cookie or the body."""
    set_device_cookie(response, device.cookies, completed.user.id, completed.trust, body)
    return {
        "status": "complete",
        "session": _new_session(completed),
        "user": User.model_validate(completed.user),
        "recovery_codes_left": completed.recovery_codes_left,
    } | show_trust(completed.trust, completed.not_trusted, body)
