"""HTTP/1.1 whose heads are bounded: httptools would hold one of any size in memory, and wait for it for ever."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 * 1024
"""The longest target with all header fields, and trailers, that is read."""
SECONDS = 20
"""How long a client may take for a head, from connecting or from what came of it first."""

HTTP_SERVER: Final[dict[str, Any]] = {
    "http": f"{__name__}:LimitedHttpProtocol",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
}
"""What uvicorn is told of every port that the service listens on."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Refuses what is longer with 400, and closes the connection at once; so it does, without a word, in time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0  # bytes of this request's head so far
        self._unfinished = 0  # bytes of a field whose end has not come, as the parser keeps them
        self._is_complete = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read on, unless a single field goes on for ever."""
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
        if not self._is_complete:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count a new head."""
        self._head = self._unfinished = 0
        self._is_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait no longer: whoever reads the body bounds its time."""
        self._is_complete = True
        self._wait_no_longer()
        super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Pass the body on: whoever reads it bounds it."""
        self._unfinished = 0
        super().on_body(body)

    def _count(self, size: int) -> None:
        self._unfinished = 0
        self._head += size
        if self._head > MOST_BYTES:
            raise ValueError("The head of the request is too large.")  # the parser stops, and it is a 400

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(SECONDS, self.transport.close)

    def _wait_no_longer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
