"""What the OpenAPI document says of a dependency that checks the caller."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant

SECURITY_SCHEMES = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a session, `pgs_...`, from the answer to a sign-in.",
    },
    "api_token": {
        "type": "http",
        "scheme": "basic",
        "description": "User name: the e-mail address and `/token`. Password: the API token, `pgt_...`.",
    },
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "User name: the e-mail address. Password: the user's. Deprecated, and usually turned off.",
    },
}


class Guard:
    """A dependency that checks the caller before the handler runs.

    It must call `refuse_unexpected_input`, which comes after the caller in the order of checks.
    """

    @property
    def schemes(self) -> list[str]:
        """The names of the security schemes that it accepts."""
        raise NotImplementedError

    @property
    def problem_codes(self) -> list[str]:
        """The codes of the problems that it can answer."""
        raise NotImplementedError


def guards_of(dependant: Dependant) -> Iterator[Guard]:
    """Yield the guards among the dependencies of a route."""
    for dependency in dependant.dependencies:
        call: Callable[..., Any] | None = dependency.call
        if isinstance(call, Guard):
            yield call
        yield from guards_of(dependency)
