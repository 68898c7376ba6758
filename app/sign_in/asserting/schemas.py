"""Request schema of an assertion."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.accounts.users.schemas import GivenEmail
from app.second_factor.trusted_devices.rules import PREFIX as DEVICE_PREFIX
from app.web.wire import Body, BodyId, WithoutControls, malformed, secret_field


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise malformed("This must be an IPv4 or IPv6 address.") from None


class Assertion(Body):
    """The user whose first factor the application has checked, and where that user comes from.

    Exactly one of `user_id`, `external_id` and `email` identifies the user.
    """

    user_id: BodyId | None = None
    external_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    email: GivenEmail | None = None
    first_factor: Literal["password", "sso"]
    ip: Annotated[str, Field(max_length=64), AfterValidator(_address)] | None = None
    user_agent: Annotated[str, Field(max_length=512), WithoutControls] | None = None
    device_token: Annotated[str, secret_field(DEVICE_PREFIX, with_id=True)] | None = None
