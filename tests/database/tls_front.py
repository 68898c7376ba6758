"""A proxy between Passgate and Postgres that terminates TLS, or answers that there is none."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

ANOTHER_MACHINE = "0.0.0.0"  # noqa: S104 -- no rule treats it as this machine, but Linux connects it to loopback
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@dataclass
class Front:
    """The proxy, and what it has received."""

    socket_path: str
    certificate: ssl.SSLContext | None
    port: int = 0
    in_clear: list[bytes] = field(default_factory=list)
    """What clients sent without TLS, except the SSLRequest message."""
    served: int = 0
    """How many clients sent something over TLS, and were connected to Postgres."""

    def url(self, direct_url: str, *, host: str = ANOTHER_MACHINE, query: str = "") -> str:
        """Return a URL that reaches the database of `direct_url` through this proxy."""
        parts = urlsplit(direct_url)
        return f"postgresql://{parts.username}:{parts.password}@{host}:{self.port}{parts.path}{query}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError), closing(writer):
            first = await reader.readexactly(len(_SSL_REQUEST))
            if first != _SSL_REQUEST:
                self.in_clear.append(first + await reader.read(1000))
            elif self.certificate is None:
                writer.write(b"N")
                if more := await reader.read(1000):
                    self.in_clear.append(more)
            else:
                writer.write(b"S")
                await writer.start_tls(self.certificate)
                if not (startup := await reader.read(1000)):  # libpq checks the host name after the handshake
                    return
                self.served += 1
                there = await asyncio.open_unix_connection(self.socket_path)
                there[1].write(startup)
                await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while read := await reader.read(65_536):
            writer.write(read)
    writer.close()


@contextmanager
def front_of(url: str, certificate: ssl.SSLContext | None) -> Iterator[Front]:
    """Run a proxy before the Postgres at the URL; without a certificate it offers no TLS."""
    front = Front(parse_qs(urlsplit(url).query)["host"][0] + "/.s.PGSQL.5432", certificate)
    is_up, stops = threading.Event(), []

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
        front.port = server.sockets[0].getsockname()[1]
        is_up.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert is_up.wait(10)
        yield front
    finally:
        stops[0]()
        thread.join(10)
