"""Middleware for all requests: request id, security headers, log line, answer to a fault."""

import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from app.core.errors import InternalError
from app.core.metrics import FAULTS, REFUSALS, REQUESTS, SECONDS
from app.web.bodies import Incoming
from app.web.cookies import set_cookies_aside
from app.web.problems import problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
CACHEABLE = re.compile(r"/(healthz|readyz|openapi\.json|\.well-known/jwks\.json|problems/[^/]*)")
_PASSWORDS_DEPRECATED = "@1795478400"  # 2026-11-24: passwords at the API are for old clients only (RFC 9745)
_PROBES = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds
_FAILURES_FROM = 400
_HSTS = "max-age=31536000; includeSubDomains"

log = structlog.get_logger()


class RequestLogMiddleware:
    """Adds the request id and security headers, logs and counts each request.

    Pure ASGI, and the outermost layer but for tracing.
    """

    def __init__(self, app: ASGIApp, *, https: bool, shared: bool) -> None:
        self._app = app
        self._https = https
        self._shared = shared  # pages of other origins may call (CORS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        set_cookies_aside(scope)
        begun_at = time.perf_counter()
        incoming = Incoming(headers, receive)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                await incoming.drain()
                status = message["status"]
                self._add_headers(scope, message, request_id)
            await send(message)

        with bound_contextvars(request_id=request_id):  # in every log line of this request
            try:
                await self._app(scope, incoming.receive, send_with_headers)
            finally:  # also if the answer fails after its beginning, or the request is canceled
                seconds = time.perf_counter() - begun_at
                _count_request(scope, status, seconds)
                _log_request(scope, status, seconds)

    def _add_headers(self, scope: Scope, message: MutableMapping[str, Any], request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Request-ID"] = request_id
        if self._https:
            headers["Strict-Transport-Security"] = _HSTS
        if scope["state"].get("by_password"):
            headers["Deprecation"] = _PASSWORDS_DEPRECATED
        if scope["state"].get("in_test_account"):
            headers["Passgate-Test-Account"] = "true"
        if self._shared and "origin" not in headers.get("vary", "").lower():
            headers.add_vary_header("Origin")  # so that no cache serves one origin's answer to another origin
        if not CACHEABLE.fullmatch(scope["path"]):
            headers["Cache-Control"] = "no-store"


class ServerErrorMiddleware:
    """Logs an exception and answers it with a problem document.

    Pure ASGI. It is inside the CORS middleware, so that a page of another origin can read the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        begun = False

        async def note_and_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note_and_send)
        except Exception:
            if scope["type"] != "http":
                raise
            FAULTS.inc()
            log.exception("fault", method=scope["method"])
            if begun:
                raise  # the answer has begun, so the server can only close the connection
            fault = problem_response(
                InternalError("Something went wrong here. The log has it under the request id.")
            )
            await fault(scope, receive, send)


def _count_request(scope: Scope, status: int, seconds: float) -> None:
    route = template_of(scope) or "none"
    REQUESTS.labels(scope["method"] if route != "none" else "", route, status).inc()
    SECONDS.labels(route).observe(seconds)
    if code := scope["state"].get("refused"):
        REFUSALS.labels(route, code).inc()


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    state = scope["state"]
    account, identified = state.get("account_id"), state.get("identified")
    caller = identified and identified.caller
    marked = {"test_account": True} if state.get("in_test_account") else {}
    route = template_of(scope)
    write = log.debug if route in _PROBES and status < _FAILURES_FROM else log.info
    write(
        "request",
        method=scope["method"],
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        account=account and str(account),
        user=caller and str(caller.user_id),
        credential=caller and caller.credential.value,
        **marked,
    )


def template_of(scope: Scope) -> str | None:
    """Return the route's path template, because the values in a path must not be logged."""
    # A route of an included router has only its path within that router. FastAPI keeps the full path here.
    whole = scope.get("fastapi", {}).get("effective_route_context")
    template: str | None = getattr(whole or scope.get("route"), "path", None)
    return template
