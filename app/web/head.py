"""HEAD: answered as GET, without the content (RFC 9110, section 9.3.2)."""

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Handles HEAD as GET, and drops the content of the answer.

    Pure ASGI. Layers outside of it, and the server, still see HEAD.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_content(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        scope["state"]["is_head"] = True
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send_without_content)
        finally:
            scope.update({**inner, "method": "HEAD"})  # the log line and the metrics need the route


def is_head(request: Request) -> bool:
    """Whether the client asks for the headers alone: a GET that records or reads more must not do so."""
    return getattr(request.state, "is_head", False)
