"""Request headers that never end: their connection is closed in time, and no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.web import header_limits
from app.web.header_limits import LimitedHttpProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SECONDS = 0.4


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer 204 once the body was received."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(header_limits, "SECONDS", SECONDS)
    config, state = Config(app, lifespan="off", timeout_keep_alive=60), ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: LimitedHttpProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read an answer's header, and return its first line, or nothing after a disconnect."""
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    return head.partition(b"\r\n")[0]


@pytest.mark.parametrize("before", [b"", HEAD], ids=["at first", "later"])
@pytest.mark.parametrize("begun", [b"G", HEAD[:20], HEAD[:-2]], ids=["a byte", "a field", "fields"])
async def test_an_unfinished_header_closes_the_connection_in_time(port: int, before: bytes, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if before:
        writer.write(before)
        assert await answer(reader) == b"HTTP/1.1 204 No Content"
    writer.write(begun)

    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_a_header_that_trickles_in_closes_the_connection_in_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def trickle() -> None:
        writer.write(HEAD[:-2])
        while True:
            writer.write(b"X-More: x\r\n")
            await asyncio.sleep(SECONDS / 20)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(10):
        with suppress(ConnectionResetError):  # the last bytes were not read
            assert await reader.read() == b""
    trickling.cancel()
    writer.close()


async def test_a_silent_client_is_disconnected_in_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_a_slow_client_within_the_limit_is_served(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    for _ in range(3):
        for piece in (HEAD[:10], HEAD[10:-1], HEAD[-1:]):
            writer.write(piece)
            await asyncio.sleep(SECONDS / 5)
        assert await answer(reader) == b"HTTP/1.1 204 No Content"
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
    await asyncio.sleep(SECONDS * 2)
    writer.write(b"}")
    assert await answer(reader) == b"HTTP/1.1 204 No Content"
    writer.close()
