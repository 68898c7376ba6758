"""Giant request headers are refused or cut in bounded memory; other clients are served."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator

import httpx
import pytest

from tests.faults.cluster import in_time
from tests.faults.test_service import most_memory_kb
from tests.support.account.client import ok
from tests.support.programs.serving import Serving, serving

PIECE = b"a" * 65_536
MOST_SENT = 64 * 1024 * 1024
MOST_GROWTH_KB = 16 * 1024
START = b"GET /v1/accounts/demo/session HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /v1/accounts/demo/sign-ins HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

GIANTS: dict[str, Iterable[bytes]] = {
    "one field": [START, b"X-Giant: ", PIECE, b"\r\n\r\n"],
    "a field without an end": itertools.chain([START, b"X-Giant: "], itertools.repeat(PIECE)),
    "a name without an end": itertools.chain([START], itertools.repeat(PIECE)),
    "thousands of fields": [START, *(b"X-%d: some value\r\n" % number for number in range(5000)), b"\r\n"],
    "fields without an end": itertools.chain([START], itertools.repeat(b"X-Again: some value\r\n" * 1000)),
    "cookie": [START, b"Cookie: passgate_device_0123456789abcdef=", PIECE, b"\r\n\r\n"],
    "credential": [START, b"Authorization: Basic ", PIECE, b"\r\n\r\n"],
    "forwarded for": [START, b"X-Forwarded-For: ", b"192.0.2.1, " * 6000, b"\r\n\r\n"],
    "target": [b"GET /", PIECE, b" HTTP/1.1\r\nHost: x\r\n\r\n"],
    "trailer": itertools.chain([CHUNKED, b"X-Giant: "], itertools.repeat(PIECE)),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("giants") / "data", "--no-jobs") as running:
        yield running


async def send(service: Serving, pieces: Iterable[bytes]) -> bytes:
    """Send until the service stops reading; return its status line, empty if it just closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    sent = 0
    try:
        for piece in pieces:
            sent += len(piece)
            assert sent < MOST_SENT, "the service still reads"
            writer.write(piece)
            await writer.drain()
        return await reader.readline()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("giant", GIANTS)
async def test_a_giant_header_is_refused_or_cut_in_bounded_memory(service: Serving, giant: str) -> None:
    before = most_memory_kb(service)

    with in_time():
        answer = await send(service, GIANTS[giant])

    assert answer in {b"", b"HTTP/1.1 400 Bad Request\r\n"}
    assert most_memory_kb(service) - before < MOST_GROWTH_KB
    async with httpx.AsyncClient(trust_env=False) as http:
        ok(await http.get(f"{service.url}/healthz"))


async def test_a_header_just_within_the_limit_is_read(service: Serving) -> None:
    fields = [b"X-%d: " % number + b"a" * 6000 + b"\r\n" for number in range(10)]

    assert await send(service, [START, *fields, b"\r\n"]) == b"HTTP/1.1 401 Unauthorized\r\n"
