"""HTTP for enrollment in a session; enrollment at sign-in is in `app.sign_in`."""

from fastapi import APIRouter, Request, Response

from app.authentication.allow import Enrolling, Owner, SessionCaller
from app.authentication.context import Cookies
from app.authentication.routes import AccountRoute
from app.core.callers import Caller
from app.enrollment import use_cases
from app.enrollment.in_session import confirm_my_enrollment as confirm_in_session
from app.enrollment.outcomes import ConfirmedEnrollment
from app.enrollment.schemas import Confirmation, Confirmed, Enrollment, NewEnrollment
from app.enrollment.use_cases import EnrollingUser
from app.idempotency.answers import KEY_PROBLEMS, IdempotencyKey, answer_once
from app.second_factor.settings.schemas import Authenticator
from app.second_factor.settings.use_cases import lock_own_factors
from app.second_factor.trusted_devices.answers import set_device_cookie, show_trust, trust_asked
from app.sessions.repository import SessionOwner
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems
from app.web.wire import PathId

router = APIRouter(tags=["two-factor"], route_class=AccountRoute)


def _enrollee(caller: Caller, owner: SessionOwner) -> EnrollingUser:
    kinds = owner.policy.kinds_for(caller.role)
    return EnrollingUser(caller.user_id, caller.email, kinds, credential=caller.credential)


@router.post(
    "/users/me/two-factor/enrollments",
    status_code=201,
    operation_id="beginMyEnrollment",
    responses=problems(409),
)
async def begin_my_enrollment(
    services: AppServices, caller: Enrolling, owner: Owner, body: NewEnrollment
) -> Enrollment:
    """Begin an enrollment; nothing changes until it is confirmed. Needs a fresh session."""
    async with services.database.begin() as tx:
        state, _ = await lock_own_factors(tx, caller)
        begun = await use_cases.begin_enrollment(
            tx,
            caller.context,
            services.sealer,
            _enrollee(caller, owner),
            state,
            kind=body.kind,
            label=body.label,
        )
    return Enrollment(id=begun.id, kind=begun.kind, expires_at=begun.expires_at, **begun.shown)


@router.post(
    "/users/me/two-factor/enrollments/{enrollment_id}/confirmation",
    status_code=201,
    operation_id="confirmMyEnrollment",
    response_model=Confirmed,
    responses=problems("passcode_incorrect", 409, 410, *KEY_PROBLEMS),
)
async def confirm_my_enrollment(
    services: AppServices,
    caller: SessionCaller,
    owner: Owner,
    cookies: Cookies,
    key: IdempotencyKey,
    request: Request,
    response: Response,
    enrollment_id: PathId,
    body: Confirmation,
) -> Response:
    """Confirm with a passcode. The first authenticator adds recovery codes, ends other sessions."""
    asked = trust_asked(request, body)
    keyed = key.of_caller(services.sealer, caller) if key else None

    def show(confirmed: ConfirmedEnrollment) -> Confirmed:
        set_device_cookie(response, cookies, caller.user_id, confirmed.trust, body)
        return Confirmed(
            authenticator=Authenticator.model_validate(confirmed.authenticator),
            recovery_codes=confirmed.recovery_codes,
            **show_trust(confirmed.trust, confirmed.not_trusted, body),
        )

    codes = await use_cases.prepare_codes(
        services.database,
        services.hasher,
        services.sealer,
        caller.context,
        caller.user_id,
        enrollment_id,
        body.passcode,
    )
    async with services.database.begin() as tx:
        outcome = await confirm_in_session(
            tx,
            caller,
            services.sealer,
            enrollment_id,
            _enrollee(caller, owner),
            digits=body.passcode,
            codes=codes,
            amr=owner.session.amr,
            asked=asked,
            request=keyed,
        )
        answer = await answer_once(tx, keyed, outcome, response, show)
    return accepted(answer)
