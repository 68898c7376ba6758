"""The security policy on the wire (docs/api.md section 7)."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.second_factor.schemas import KindName, ShownKind
from app.web.wire import LEFT_OUT, Answer, Body


class Requirement(Answer):
    """The groups of users of whom two-factor authentication is required."""

    team_members: bool
    end_users: bool


class AllowedKinds(Answer):
    """The kinds of authenticator that each group may enroll."""

    team_members: list[ShownKind]
    end_users: list[ShownKind]


class SecurityPolicy(Answer):
    """The account's security policy."""

    require_two_factor: Requirement
    api_password_access: bool
    trusted_device_days: int
    allowed_kinds: AllowedKinds
    updated_at: datetime


class RequirementChange(Body):
    """Changes of the groups of whom two-factor authentication is required."""

    team_members: bool = LEFT_OUT
    end_users: bool = LEFT_OUT


Kinds = Annotated[list[KindName], Field(min_length=1, max_length=8)]


class AllowedKindsChange(Body):
    """The kinds to allow from now on; existing authenticators stay."""

    team_members: Kinds = LEFT_OUT
    end_users: Kinds = LEFT_OUT


class PolicyChange(Body):
    """The fields to change; omitted fields keep their values (RFC 7396)."""

    require_two_factor: RequirementChange = LEFT_OUT
    api_password_access: bool = LEFT_OUT
    trusted_device_days: Annotated[int, Field(ge=0, le=30)] = LEFT_OUT
    allowed_kinds: AllowedKindsChange = LEFT_OUT
    end_sessions: bool = Field(
        default=False, description="end the sessions of users who would now have to enroll, but not the caller's"
    )


class GroupPreview(Answer):
    """The active users of a group, and those of them without an authenticator.

    `without_two_factor` would have to enroll; `not_applicable` sign in by a third party alone, and would not.
    """

    total: int
    without_two_factor: int
    not_applicable: int


class PolicyPreview(Answer):
    """How many users a requirement would affect."""

    team_members: GroupPreview
    end_users: GroupPreview
    api_password_access_users: int
