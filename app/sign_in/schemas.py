"""Request and response schemas of signing in (docs/api.md section 4)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from app.accounts.users.schemas import GivenEmail, User
from app.enrollment.schemas import Confirmation, NewEnrollment
from app.second_factor.schemas import Passcode, ShownKind
from app.second_factor.trusted_devices.rules import PREFIX as DEVICE_PREFIX
from app.second_factor.trusted_devices.schemas import DeviceOptions, TrustOutcome
from app.sessions.schemas import NewSession
from app.sign_in.rules import PREFIX as SIGN_IN_PREFIX
from app.web.wire import Answer, Body, BodyId, GivenPassword, secret_field

SignInToken = Annotated[str, secret_field(SIGN_IN_PREFIX)]


class PasswordSignIn(Body):
    """The first factor. `device_token` is for native clients that keep no cookies."""

    email: GivenEmail
    password: GivenPassword
    device_token: Annotated[str, secret_field(DEVICE_PREFIX, with_id=True)] | None = None


class PasscodeSignIn(DeviceOptions):
    """The second factor of a sign-in; without `authenticator_id` every authenticator is tried."""

    sign_in_token: SignInToken
    passcode: Passcode
    authenticator_id: BodyId | None = None


class SignInEnrollment(NewEnrollment):
    """An enrollment that the sign-in requires."""

    sign_in_token: SignInToken


class SignInConfirmation(Confirmation):
    """A passcode of the new authenticator, which confirms the enrollment."""

    sign_in_token: SignInToken


class Method(Answer):
    """An authenticator whose passcode is accepted."""

    authenticator_id: UUID
    kind: ShownKind
    label: str


class Complete(Answer):
    """Signed in."""

    status: Literal["complete"]
    session: NewSession
    user: User


class PasscodeRequired(Answer):
    """A passcode is required: POST /sign-ins/passcode."""

    status: Literal["passcode_required"]
    sign_in_token: str
    expires_at: datetime
    methods: list[Method]


class EnrollmentRequired(Answer):
    """The account requires a second factor, and the user has none: POST /sign-ins/enrollments."""

    status: Literal["enrollment_required"]
    sign_in_token: str
    expires_at: datetime
    allowed_kinds: list[ShownKind]


class CompletedByPasscode(Complete, TrustOutcome):
    """Signed in with a second factor."""

    recovery_codes_left: int


class CompletedByEnrollment(CompletedByPasscode):
    """Signed in with a new authenticator; the recovery codes are shown only in this answer."""

    recovery_codes: list[str]


SignInAnswer = TypeAliasType(
    "SignInAnswer", Annotated[Complete | PasscodeRequired | EnrollmentRequired, Field(discriminator="status")]
)
"""The answer to a first factor: a session, or what comes next. Its name is that of the schema."""
