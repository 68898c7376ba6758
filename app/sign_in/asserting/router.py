"""HTTP for a backend that checks the first factor itself and lets Passgate check the second."""

from fastapi import APIRouter

from app.authentication.allow import Asserting
from app.authentication.routes import AccountRoute
from app.core.errors import Refusal, invalid_field
from app.core.settings import Limit
from app.second_factor.trusted_devices.cookies import read_device_cookies
from app.second_factor.trusted_devices.rules import parse_device_token
from app.sign_in.asserting.schemas import Assertion
from app.sign_in.asserting.use_cases import asserted_context, begin_asserted_sign_in, find_asserted
from app.sign_in.outcomes import Device
from app.sign_in.router import show_first_factor_outcome
from app.sign_in.schemas import SignInAnswer
from app.throttling.rules import assertion_buckets
from app.throttling.use_cases import count_attempt
from app.web.dependencies import AppServices

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)

_TOKEN_LIMIT = Limit("1200/60")
_USER_LIMIT = Limit("60/600")


@router.post("/sign-ins/assertions", status_code=201, operation_id="assertFirstFactor")
async def assert_first_factor(services: AppServices, caller: Asserting, body: Assertion) -> SignInAnswer:
    """Sign in a user whose first factor the caller has checked.

    The answer is a session, or says which step comes next.
    """
    named = (body.user_id, body.external_id, body.email)
    if sum(name is not None for name in named) != 1:
        raise invalid_field("", "missing", "Name the user by one of user_id, external_id and email.")
    async with services.database.read() as tx:
        user = await find_asserted(
            tx, caller.account_id, user_id=body.user_id, external_id=body.external_id, email=body.email
        )
    assert caller.token_id is not None  # noqa: S101 -- `Asserting` admits only API tokens
    filled = assertion_buckets(
        token_id=caller.token_id, user_id=user.id, of_token=_TOKEN_LIMIT, of_user=_USER_LIMIT
    )
    await count_attempt(services.database, caller.context, filled, because="Too many sign-ins.")
    device = Device(
        read_device_cookies(
            [], secure=services.settings.is_https
        ),  # no cookies: the request's are the backend's, not the user's
        parse_device_token(body.device_token) if body.device_token else None,
    )
    from_ = asserted_context(caller.context, ip=body.ip, user_agent=body.user_agent)
    async with services.database.begin() as tx:
        outcome = await begin_asserted_sign_in(
            tx, caller, user.id, device, by_password=body.first_factor == "password", from_=from_
        )
    if isinstance(outcome, Refusal):
        raise outcome
    return show_first_factor_outcome(outcome)
