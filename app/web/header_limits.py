"""Limits on the request header. httptools has none: neither on its size nor on its time."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 * 1024
"""Limit on a request's target, header fields and trailers together."""
SECONDS = 20
"""How long a request header may take: from the connection, or from the first byte of a later request."""

HTTP_SERVER: Final[dict[str, Any]] = {
    "http": f"{__name__}:LimitedHttpProtocol",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
}
"""uvicorn's options for every port that the service listens on."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with limits on the request header.

    A header that is too large gets 400, and the connection is closed. A header that is too slow has its connection
    closed without an answer (slowloris).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0  # bytes of this request's header so far
        self._unfinished = 0  # bytes of a header field that is not complete; the parser keeps them in memory
        self._is_complete = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the timeout of the first request header."""
        super().connection_made(transport)
        self._start_timeout()

    def data_received(self, data: bytes) -> None:
        """Parse the data; refuse a single header field that is too long."""
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
        if not self._is_complete:
            self._start_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeout."""
        self._cancel_timeout()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Reset the counts for a new request."""
        self._head = self._unfinished = 0
        self._is_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Cancel the timeout; `app.web.bodies` limits the time of the body."""
        self._is_complete = True
        self._cancel_timeout()
        super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        """Count a part of the request target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header field."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Pass the body on; `app.web.bodies` limits its size."""
        self._unfinished = 0
        super().on_body(body)

    def _count(self, size: int) -> None:
        self._unfinished = 0
        self._head += size
        if self._head > MOST_BYTES:
            raise ValueError("The head of the request is too large.")  # the parser stops, and uvicorn answers 400

    def _start_timeout(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(SECONDS, self.transport.close)

    def _cancel_timeout(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
