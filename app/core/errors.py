"""The errors of Passgate: one class hierarchy, without HTTP.

    Refusal
    ├── InvalidRequest      the request is not valid
    ├── UnsupportedMediaType, TooLarge, MethodNotAllowed
    ├── Unauthenticated     the caller is not authenticated
    ├── StepUpRequired      the caller is authenticated, but not recently enough
    ├── Forbidden           the caller is authenticated, but not allowed to do this
    ├── NotFound            the object does not exist for this caller
    ├── Conflict            the state of the object does not allow this
    ├── Gone                the object has ended
    ├── PreconditionFailed  the object has changed since the caller read it
    ├── TooMany             a limit was reached; says when to retry
    ├── Unavailable         the service cannot answer now; nothing was done
    └── InternalError       a fault of the service

A refusal has a kind (its class) and a stable `code` (docs/api.md section 10). `app.web.problems` maps kinds to
HTTP statuses. Clients must use the code, not the text.

A refusal is raised or returned. A raised one rolls the transaction back. A returned one lets it commit, so that
what it recorded is kept (a counted failure, an audit event).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """One error of one field: its JSON pointer (RFC 6901), a stable code, and a sentence."""

    pointer: str
    code: str
    detail: str


class Refusal(Exception):  # noqa: N818 -- often returned, not raised
    """Base class of all refusals.

    `retry_after` is the number of whole seconds until trying again makes sense, where that is known. `extra` goes
    into the problem document unchanged.
    """

    default_code: ClassVar[str]

    def __init__(
        self, detail: str, *, code: str | None = None, retry_after: int | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.retry_after = retry_after
        self.extra = extra


class InvalidRequest(Refusal):
    """The request is not valid; `errors` lists what is wrong."""

    default_code = "invalid_request"

    def __init__(self, detail: str, *errors: FieldError, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.errors = errors


def invalid_field(pointer: str, code: str, detail: str) -> InvalidRequest:
    """Return the refusal of one field; `pointer` is a JSON pointer into the body (RFC 6901)."""
    return InvalidRequest("Some fields are not valid.", FieldError(pointer, code, detail))


class UnsupportedMediaType(Refusal):
    """The content type of the body is neither JSON nor the form that the call accepts."""

    default_code = "unsupported_media_type"


class TooLarge(Refusal):
    """The body is longer than the limit."""

    default_code = "too_large"


class MethodNotAllowed(Refusal):
    """The path exists, but does not support the method; `allow` lists the supported methods."""

    default_code = "method_not_allowed"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class Unauthenticated(Refusal):
    """The caller is not authenticated."""

    default_code = "unauthenticated"


class StepUpRequired(Refusal):
    """The caller's second factor is not fresh enough (RFC 9470)."""

    default_code = "step_up_required"


class Forbidden(Refusal):
    """The caller is authenticated, but not allowed to do this."""

    default_code = "forbidden"


class NotFound(Refusal):
    """The object does not exist, or this caller may not know that it exists."""

    default_code = "not_found"

    def __init__(self, detail: str = "There is no such object.", **extra: Any) -> None:
        super().__init__(detail, **extra)


class Conflict(Refusal):
    """The state of the object does not allow this."""

    default_code = "conflict"


class Gone(Refusal):
    """What the request refers to has ended."""

    default_code = "enrollment_expired"


class PreconditionFailed(Refusal):
    """The object is no longer the one that `If-Match` names."""

    default_code = "precondition_failed"


@dataclass(frozen=True)
class ReachedLimit:
    """A limit that was reached: `most` in `seconds`. Try again after `retry_after` seconds."""

    name: str
    retry_after: int
    most: int
    seconds: int


class TooMany(Refusal):
    """A limit was reached; try again after `retry_after` whole seconds.

    `limits` lists the limits that were reached, if they are rates (a number in a time).
    """

    default_code = "too_many_requests"

    def __init__(
        self, detail: str, *, retry_after: int, code: str | None = None, limits: Sequence[ReachedLimit] = ()
    ) -> None:
        super().__init__(detail, code=code, retry_after=retry_after)
        self.limits = limits


class Unavailable(Refusal):
    """The service cannot answer now, and nothing was done; try again in `retry_after` seconds."""

    default_code = "unavailable"

    def __init__(self, detail: str = "The service cannot answer at the moment.", *, retry_after: int = 1) -> None:
        super().__init__(detail, retry_after=retry_after)


class InternalError(Refusal):
    """A fault of the service; the log has the details under the request id."""

    default_code = "internal_error"
