"""HTTP for enrollment in a session; enrollment at sign-in is in `app.sign_in`."""

from fastapi import APIRouter

from app.authentication.allow import Enrolling, Owner, SessionCaller
from app.authentication.routes import AccountRoute
from app.core.callers import Caller
from app.enrollment import use_cases
from app.enrollment.schemas import Confirmation, Confirmed, Enrollment, NewEnrollment
from app.enrollment.use_cases import EnrollingUser
from app.second_factor.settings.use_cases import lock_own_factors
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
    responses=problems("passcode_incorrect", 409, 410),
)
async def confirm_my_enrollment(
    services: AppServices, caller: SessionCaller, owner: Owner, enrollment_id: PathId, body: Confirmation
) -> Confirmed:
    """Confirm with a passcode. The first authenticator adds recovery codes, ends other sessions."""
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
        outcome = await use_cases.confirm_my_enrollment(
            tx,
            caller,
            services.sealer,
            enrollment_id,
            _enrollee(caller, owner),
            digits=body.passcode,
            codes=codes,
            amr=owner.session.amr,
        )
    return Confirmed.model_validate(accepted(outcome))
