"""A proxy to Postgres that cuts the connection between a commit and its response."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

from tests.faults.cluster import Cluster
from tests.support.programs.serving import free_port

# In PostgreSQL's protocol: what a client message that commits contains, and what the server sends after it.
# The last two are in statements that are transactions of their own.
COMMITS = (b"COMMIT\0", b'"passcode.failed"', b'"sign_in.succeeded"')
COMMITTED = b"Z\0\0\0\x05I"  # ReadyForQuery, idle: no transaction is open any more


class CuttingProxy:
    """Forwards both directions; when armed, drops the response to the next commit and cuts."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._armed = False
        self.dropped = 0  # responses to a commit that the server sent and the client did not get

    def cut_after_next_commit(self) -> None:
        self._armed = True

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection to the database until either end closes it or it is cut."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        committing = asyncio.Event()

        async def pass_requests() -> None:
            while data := await reader.read(65536):
                if self._armed and any(commit in data for commit in COMMITS):
                    self._armed = False
                    committing.set()
                server_writer.write(data)

        async def pass_responses() -> None:
            while data := await server_reader.read(65536):
                if committing.is_set() and COMMITTED in data:
                    self.dropped += 1
                    return
                writer.write(data)

        directions = [asyncio.create_task(pass_requests()), asyncio.create_task(pass_responses())]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            for end in (writer, server_writer):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()


@asynccontextmanager
async def cutting_proxy_to(cluster: Cluster) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """Yield a proxy to the cluster, and the database URL that leads to it."""
    parts, port = urlsplit(cluster.url), free_port()
    proxy = CuttingProxy(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432")
    server = await asyncio.start_server(proxy.forward, "127.0.0.1", port)
    yield proxy, f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}/passgate"
    server.close()
