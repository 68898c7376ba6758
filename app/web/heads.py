"""HTTP/1.1 whose heads are bounded: httptools would hold a head of any size in memory."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 * 1024
"""The longest target with all header fields, and trailers, that is read."""


class BoundedHeads(HttpToolsProtocol):
    """Refuses what is longer with 400, and closes the connection at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0  # bytes of this request's head so far
        self._unfinished = 0  # bytes of a field whose end has not come, as the parser keeps them

    def data_received(self, data: bytes) -> None:
        """Read on, unless a single field goes on for ever."""
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Count a new head."""
        self._head = self._unfinished = 0
        super().on_message_begin()

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
