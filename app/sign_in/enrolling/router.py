"""HTTP for the enrollment that a sign-in requires."""

from fastapi import APIRouter, Request, Response

from app.authentication.context import Context, Cookies
from app.authentication.routes import AccountRoute
from app.enrollment import use_cases as enrollment
from app.enrollment.schemas import Enrollment
from app.sign_in.enrolling import use_cases
from app.sign_in.outcomes import Device
from app.sign_in.router import completed_answer, refuse_device_token_in_browser
from app.sign_in.schemas import CompletedByEnrollment, SignInConfirmation, SignInEnrollment
from app.sign_in.use_cases import find_open_sign_in
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
    responses=problems("sign_in_expired", "passcode_incorrect", "already_enrolled", 409, 410),
)
async def confirm_enrollment(
    services: AppServices,
    context: Context,
    cookies: Cookies,
    request: Request,
    response: Response,
    enrollment_id: PathId,
    body: SignInConfirmation,
) -> CompletedByEnrollment:
    """Confirm the enrollment with a passcode; this completes the sign-in.

    The recovery codes are shown only in this answer.
    """
    refuse_device_token_in_browser(request, body)
    device = Device(cookies, remember=body.remember_device)
    async with services.database.read() as tx:
        opened = await find_open_sign_in(tx, context, body.sign_in_token)
    codes = await enrollment.prepare_codes(
        services.database,
        services.hasher,
        services.sealer,
        context,
        opened.sign_in.user_id,
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
        )
    completed, shown = accepted(outcome)
    return CompletedByEnrollment(**completed_answer(completed, device, response, body), recovery_codes=shown)
