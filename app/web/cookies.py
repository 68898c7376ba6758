"""The `Cookie` headers of a request, out of the framework's reach.

FastAPI has all cookies parsed for every request, whether or not a handler asks for any, and CPython before 3.11.10
takes 12 s for one of 60 KB (CVE-2024-7592). Here whoever needs a cookie reads its own from the header.
"""

from fastapi import Request
from starlette.types import Scope

_NAME = b"cookie"


def set_cookies_aside(scope: Scope) -> None:
    """Move the `Cookie` headers from where the framework looks to the state of the request."""
    headers = scope["headers"]
    found = [value.decode("latin-1") for name, value in headers if name == _NAME]
    scope["state"]["cookie_headers"] = found
    if found:
        scope["headers"] = [(name, value) for name, value in headers if name != _NAME]


def cookie_headers_of(request: Request) -> list[str]:
    """Return the values of the `Cookie` headers, as the client sent them."""
    found: list[str] = request.state.cookie_headers
    return found
