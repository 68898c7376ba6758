"""The `Cookie` headers of a request, hidden from FastAPI.

FastAPI parses all cookies of every request, even if no handler needs them, and CPython before 3.11.10 takes 12 s
to parse one of 60 KB (CVE-2024-7592). Code that needs a cookie reads it from the header itself.
"""

from fastapi import Request
from starlette.types import Scope

_NAME = b"cookie"


def set_cookies_aside(scope: Scope) -> None:
    """Move the `Cookie` headers from the request's headers to its state."""
    headers = scope["headers"]
    found = [value.decode("latin-1") for name, value in headers if name == _NAME]
    scope["state"]["cookie_headers"] = found
    if found:
        scope["headers"] = [(name, value) for name, value in headers if name != _NAME]


def cookie_headers_of(request: Request) -> list[str]:
    """Return the values of the `Cookie` headers as the client sent them."""
    found: list[str] = request.state.cookie_headers
    return found
