"""Everything that Passgate refuses, as one small tree without HTTP.

    Refusal
    ├── InvalidRequest      the request makes no sense as it stands
    ├── UnsupportedMediaType, TooLarge, MethodNotAllowed
    ├── Unauthenticated     who is calling has not been shown
    ├── StepUpRequired      it has, but not recently enough for this
    ├── Forbidden           it has, and this caller may not
    ├── NotFound            there is no such object for this caller
    ├── Conflict            there is, and its state forbids the act
    ├── Gone                it ended
    ├── PreconditionFailed  it changed since the caller looked
    ├── TooMany             a limit was reached; carries when to come back
    ├── Unavailable         the service cannot answer now; nothing was done
    └── InternalError       the service has a fault

A refusal has a kind (its class) and a stable `code`, one of docs/api.md section 10. `app.web.problems` owns the
table from kind to HTTP status. Clients read the code, never the prose.

A refusal may be raised or returned: what is raised rolls its transaction back and is forgotten, what is returned
lets it commit and is remembered (a counted failure, an audit event).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field: where (a JSON pointer, RFC 6901), a stable code, and a sentence."""

    pointer: str
    code: str
    detail: str


class Refusal(Exception):  # noqa: N818 -- what is returned as often as raised is no "Error"
    """Why Passgate does not do what it was asked; `extra` goes into the problem document as it is."""

    default_code: ClassVar[str]

    def __init__(self, detail: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.extra = extra


class InvalidRequest(Refusal):
    """The request makes no sense as it stands; `errors` says where."""

    default_code = "invalid_request"

    def __init__(self, detail: str, *errors: FieldError, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.errors = errors


def invalid_field(pointer: str, code: str, detail: str) -> InvalidRequest:
    """Return the refusal of one field; `pointer` is a JSON pointer into the body (RFC 6901)."""
    return InvalidRequest("Some fields are not valid.", FieldError(pointer, code, detail))


class UnsupportedMediaType(Refusal):
    """The body is not said to be JSON, or the form that a call takes."""

    default_code = "unsupported_media_type"


class TooLarge(Refusal):
    """The body is longer than any that makes sense."""

    default_code = "too_large"


class MethodNotAllowed(Refusal):
    """The path exists, and has no such method; `allow` lists those that it has."""

    default_code = "method_not_allowed"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class Unauthenticated(Refusal):
    """Who is calling has not been shown."""

    default_code = "unauthenticated"


class StepUpRequired(Refusal):
    """The caller's second factor is not fresh enough (RFC 9470)."""

    default_code = "step_up_required"


class Forbidden(Refusal):
    """The caller is known and may not do this."""

    default_code = "forbidden"


class NotFound(Refusal):
    """No such object, or none that this caller may know of."""

    default_code = "not_found"

    def __init__(self, detail: str = "There is no such object.", **extra: Any) -> None:
        super().__init__(detail, **extra)


class Conflict(Refusal):
    """The object's state forbids the act."""

    default_code = "conflict"


class Gone(Refusal):
    """What the request refers to has ended."""

    default_code = "enrollment_expired"


class PreconditionFailed(Refusal):
    """The object is no longer the one that `If-Match` names."""

    default_code = "precondition_failed"


@dataclass(frozen=True)
class ReachedLimit:
    """A limit that was reached: `most` in `seconds`, and in how many seconds the next fits in."""

    name: str
    retry_after: int
    most: int
    seconds: int


class TooMany(Refusal):
    """A limit was reached; after `retry_after` whole seconds the next attempt is judged.

    `limits` are those that were reached, where they are of so many in a time.
    """

    default_code = "too_many_requests"

    def __init__(
        self, detail: str, *, retry_after: int, code: str | None = None, limits: Sequence[ReachedLimit] = ()
    ) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after
        self.limits = limits


class Unavailable(Refusal):
    """The service cannot answer now, and nothing was done; try again in `retry_after` seconds."""

    default_code = "unavailable"

    def __init__(self, detail: str = "The service cannot answer at the moment.", *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class InternalError(Refusal):
    """The service has a fault; the log has it under the request id."""

    default_code = "internal_error"
