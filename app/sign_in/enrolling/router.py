"""HTTP for the enrollment that a sign-in requires."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from app.authentication.context import Context, Cookies
from app.authentication.routes import AccountRoute
from app.enrollment import use_cases as enrollment
from app.enrollment.schemas import Enrollment
from app.idempotency.answers import KEY_PROBLEMS, IdempotencyKey, answer_once
from app.second_factor.trusted_devices.answers import trust_asked
from app.sign_in import outcomes
from app.sign_in.enrolling import use_cases
from app.sign_in.outcomes import Device
from app.sign_in.router import completed_answer, count_sign_in
from app.sign_in.schemas import CompletedByEnrollment, SignInConfirmation, SignInEnrollment
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems
from app.web.wire import PathId

router = APIRouter(tags=["sign-in"], route_class=AccountRoute)


@router.post(
    "/sign-ins/enrollments",
    status_code=201,
    operation_id="beginEnrollmentAtSignIn",
    responses=problems("sign_in_expired", "already_enrolled"),
)
async def begin_enrollment(services: AppServices, context: Context, body: SignInEnrollment) -> Enrollment:
    """Begin the enrollment that the sign-in requires."""
    async with services.database.begin() as tx:
        begun = await use_cases.begin_enrollment(
            tx, context, services.sealer, body.sign_in_token, kind=body.kind, label=body.label
        )
    return Enrollment(id=begun.id, kind=begun.kind, expires_at=begun.expires_at, **begun.shown)


@router.post(
    "/sign-ins/enrollments/{enrollment_id}/confirmation",
    status_code=201,
    operation_id="confirmEnrollmentAtSignIn",
    response_model=CompletedByEnrollment,
    responses=problems(
        "sign_in_expired",
        "passcode_incorrect",
        "already_enrolled",
        409,
        410,
        *KEY_PROBLEMS,
    ),
)
async def confirm_enrollment(
    services: AppServices,
    context: Context,
    cookies: Cookies,
    key: IdempotencyKey,
    request: Request,
    response: Response,
    enrollment_id: PathId,
    body: SignInConfirmation,
) -> Response:
    """Confirm the enrollment with a passcode; this completes the sign-in.

    The recovery codes are shown only in this answer.
    """

    def show(done: outcomes.CompletedByEnrollment) -> CompletedByEnrollment:
        shown = completed_answer(done.completed, device, response, body)
        return CompletedByEnrollment(**shown, recovery_codes=done.recovery_codes)

    device = Device(cookies, asked=trust_asked(request, body))
    async with services.database.read() as tx:
        sign_in = await use_cases.find_enrolling_sign_in(tx, context, body.sign_in_token, keyed=key is not None)
    keyed = key.of_sign_in(services.sealer, context, sign_in.id, sign_in.user_id) if key else None
    codes = await enrollment.prepare_codes(
        services.database,
        services.hasher,
        services.sealer,
        context,
        sign_in.user_id,
        enrollment_id,
        body.passcode,
    )
    async with services.database.begin() as tx:
        outcome = await use_cases.confirm_enrollment(
            tx,
            context,
            services.sealer,
            enrollment_id,
            body.sign_in_token,
            digits=body.passcode,
            codes=codes,
            device=device,
            request=keyed,
        )
        if keyed and isinstance(outcome, outcomes.CompletedByEnrollment):
            keyed = replace(keyed, session_id=outcome.completed.session.id)
        answer = await answer_once(tx, keyed, outcome, response, show)
    if isinstance(outcome, outcomes.CompletedByEnrollment):
        count_sign_in(outcome.completed)
    return accepted(answer)
