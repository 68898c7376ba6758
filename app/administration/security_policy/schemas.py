"""The security policy on the wire (docs/api.md section 7)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.second_factor.schemas import KindName, ShownKind
from app.web.wire import LEFT_OUT, Answer, Body


class Requirement(Answer):
    """Of whom two-factor authentication is required."""

    team_members: bool
    end_users: bool


class AllowedKinds(Answer):
    """Which kinds of authenticator may be enrolled."""

    team_members: list[ShownKind]
    end_users: list[ShownKind]


class SecurityPolicy(Answer):
    """What the account requires."""

    require_two_factor: Requirement
    api_password_access: bool
    trusted_device_days: int
    allowed_kinds: AllowedKinds
    updated_at: datetime


class RequirementChange(Body):
    """Of whom to require it from now on."""

    team_members: bool = LEFT_OUT
    end_users: bool = LEFT_OUT


Kinds = Annotated[list[KindName], Field(min_length=1, max_length=8)]


class AllowedKindsChange(Body):
    """Which kinds to allow from now on; existing authenticators stay."""

    team_members: Kinds = LEFT_OUT
    end_users: Kinds = LEFT_OUT


class PolicyChange(Body):
    """What to change; what is left out stays as it is (RFC 7396)."""

    require_two_factor: RequirementChange = LEFT_OUT
    api_password_access: bool = LEFT_OUT
    trusted_device_days: Annotated[int, Field(ge=0, le=30)] = LEFT_OUT
    allowed_kinds: AllowedKindsChange = LEFT_OUT
    end_sessions: bool = Field(
        default=False, description="end the sessions of users who would now have to enroll, but not the caller's"
    )


class GroupPreview(Answer):
    """How many active users a group has, and how many of them no authenticator."""

    total: int
    without_two_factor: int


class PolicyPreview(Answer):
    """Who a requirement would touch."""

    team_members: GroupPreview
    end_users: GroupPreview
    api_password_access_users: int
