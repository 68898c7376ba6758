"""A wire to Postgres that is cut once the database has committed and before it could say so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

from tests.faults.cluster import Cluster
from tests.support.programs.serving import free_port

# As PostgreSQL's protocol has them: what ends in a commit, and what the server says once it has committed.
COMMITS = (b"COMMIT\0", b'"passcode.failed"', b'"sign_in.succeeded"')  # the last two: a statement of its own
COMMITTED = b"Z\0\0\0\x05I"  # ReadyForQuery, idle: no transaction is open any more


class Wire:
    """Passes on what is said, and swallows the answer to the next commit when it is told to."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._armed = False
        self.swallowed = 0  # answers to a commit that the server gave and nobody heard

    def cut_behind_next_commit(self) -> None:
        self._armed = True

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection to the database, until either end closes it or it is cut."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        asked = asyncio.Event()

        async def pass_questions() -> None:
            while data := await reader.read(65536):
                if self._armed and any(commit in data for commit in COMMITS):
                    self._armed = False
                    asked.set()
                server_writer.write(data)

        async def pass_answers() -> None:
            while data := await server_reader.read(65536):
                if asked.is_set() and COMMITTED in data:
                    self.swallowed += 1
                    return
                writer.write(data)

        ways = [asyncio.create_task(pass_questions()), asyncio.create_task(pass_answers())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, server_writer):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()


@asynccontextmanager
async def wire_to(cluster: Cluster) -> AsyncIterator[tuple[Wire, str]]:
    """Yield a wire to the cluster, and the URL of its near end."""
    parts, port = urlsplit(cluster.url), free_port()
    wire = Wire(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432")
    server = await asyncio.start_server(wire.lead, "127.0.0.1", port)
    yield wire, f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}/passgate"
    server.close()
