"""A trace span for each request, if traces are sent."""

from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.middleware import template_of

if TYPE_CHECKING:  # needs the extra `traces`
    from app.core.traces import Traces

# FastAPI's telemetry records full paths and queries, which contain the secrets of links. `app.core.traces`
# replaces it.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_FAULT = 500


class TracingMiddleware:
    """Opens a span for each request.

    Pure ASGI, and the outermost layer, so that the log line of the request has its trace id.
    """

    def __init__(self, app: ASGIApp, *, traces: "Traces") -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def note_and_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        parent = Headers(scope=scope).get("traceparent", "")
        with self._traces.request(parent) as span:
            try:
                await self._app(scope, receive, note_and_send)
            finally:
                # No free text from the client: the path is the route's template, the method a known one.
                method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
                route = template_of(scope)
                span.update_name(f"{method} {route}" if route else method)
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", route or "")
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("passgate.request_id", scope["state"]["request_id"])
                if status >= _FAULT:
                    self._traces.fail(span, str(status))
