"""Calls by pages of other origins (CORS): who may call, and how a browser is refused."""

import structlog
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import Forbidden
from app.web.problems import problem_response

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "X-Request-ID",
    "traceparent",
    "tracestate",
)
_EXPOSED_HEADERS = (
    "Content-Disposition",
    "ETag",
    "Location",
    "Passgate-Test-Account",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
_OTHER_CALLS = f"Pages may call with {', '.join(_METHODS)}, and send the headers {', '.join(_REQUEST_HEADERS)}."
_LONGEST_ORIGIN = 256
_REFUSED = 400

log = structlog.get_logger()


class CrossOriginMiddleware(CORSMiddleware):
    """Starlette's CORS middleware for the origins of the settings; its refusals are problems, and logged."""

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks whether a page may call."""
        answer = super().preflight_response(request_headers)
        if answer.status_code != _REFUSED:
            return answer
        origin = request_headers["origin"]
        is_known = self.is_allowed_origin(origin)
        # The operator needs the origin to allow it. It is public, unlike paths and queries.
        log.warning("cors_refused", origin=origin[:_LONGEST_ORIGIN], is_origin_allowed=is_known)
        detail = (
            _OTHER_CALLS
            if is_known
            else "Pages of this origin may not call: PASSGATE_CORS_ORIGINS does not name it."
        )
        refusal = problem_response(Forbidden(detail, code="origin_not_allowed"))
        for name, value in answer.headers.items():
            if name not in {"content-length", "content-type"}:
                refusal.headers[name] = value
        return refusal

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """Handle a request that is no preflight; without allowed origins the answer is left as it is."""
        if self.allow_origins:
            await super().simple_response(scope, receive, send, request_headers)
        else:
            await self.app(scope, receive, send)
