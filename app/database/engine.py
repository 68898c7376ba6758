"""Connections to Postgres, transactions with a deadline, and the handling of their failures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import asyncpg
import structlog
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidatePoolError, MissingGreenlet
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util.concurrency import in_greenlet

from app.core.database_url import parse_database_url
from app.core.errors import Unavailable
from app.core.metrics import POOL_IN_USE
from app.database.tls import asyncpg_tls, explain

CONNECT_SECONDS = 2
POOL_WAIT_SECONDS = 2
TRANSACTION_SECONDS = 2.5
"""The deadline of a transaction, including the wait for a connection."""
CLOSE_SECONDS = 0.2
"""The time limit for closing a connection. A frozen one never closes, and a pool may have ten of them."""

_SERVER_SETTINGS = {
    "application_name": "passgate",
    "timezone": "UTC",
    "statement_timeout": "2400",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
}

# Behind a pooler, use unnamed statements: parsed and run before the server connection goes to another client.
_UNPREPARED: dict[str, Any] = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}

# SQLSTATE classes and codes of temporary failures: connection lost, out of resources, shut down or canceled by an
# operator or a timeout, read only, serialization failure, deadlock, lock not available.
_READ_ONLY = "25006"
_TEMPORARY_SQLSTATES = ("08", "53", "57", _READ_ONLY, "40", "55P03")


# What `asyncpg.connect` raises, also for a URL that it cannot use.
_NO_CONNECTION = (
    OSError,
    ValueError,
    OverflowError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


log = structlog.get_logger()


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    def __init__(self, protocol: Any, transport: asyncio.Transport, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        tls = transport.get_extra_info("ssl_object")
        self.tls_version: str | None = tls.version() if tls else None

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- asyncpg's signature
        """Close within `CLOSE_SECONDS`, even if the caller allows more time or sets no limit.

        For a frozen connection, the pool would wait 2 s or for ever.
        """
        with suppress(TimeoutError):  # asyncpg has aborted the connection in this case
            await super().close(timeout=min(timeout or CLOSE_SECONDS, CLOSE_SECONDS))


async def connect(url: str, *, seconds: float, settings: dict[str, str]) -> asyncpg.Connection:
    """Return a new connection to a writable database; raises `Unavailable`.

    `app.database.tls.why_unprotected` returns the reason if TLS could not protect the connection.
    """
    read = parse_database_url(url)
    tls = asyncpg_tls(read)
    try:
        return await asyncpg.connect(
            dsn=read.dsn,
            ssl=tls,
            statement_cache_size=0 if read.pooled else 100,
            timeout=seconds,
            server_settings=settings,
            target_session_attrs="read-write",  # if there are several hosts, use the primary
            connection_class=_Connection,
        )
    except _NO_CONNECTION as error:
        unprotected = explain(error, read)
        if unprotected:
            log.error("the connection to the database would not be protected", reason=str(unprotected))  # noqa: TRY400 -- the reason is enough
        raise Unavailable("The database does not accept connections.") from unprotected or error


def make_engine(url: str, *, seconds: float, settings: dict[str, str], **options: Any) -> AsyncEngine:
    """Return an engine that connects by `connect`; `options` are those of SQLAlchemy.

    Connections are in autocommit mode; use `transaction` for a transaction.
    """
    read = parse_database_url(url)
    asyncpg_tls(read)  # read certificate files now, so that errors appear at start and not at the first request
    prepared = _UNPREPARED if read.pooled else {}

    def make() -> Awaitable[asyncpg.Connection]:
        if not in_greenlet():
            raise MissingGreenlet  # before a coroutine exists that nobody awaits
        return connect(url, seconds=seconds, settings=settings)

    # SQLAlchemy's `async_creator` cannot pass `prepared`; so do here what SQLAlchemy does with an `async_creator`.
    engine: AsyncEngine = create_async_engine(
        "postgresql+asyncpg://",
        creator=lambda: engine.sync_engine.dialect.loaded_dbapi.connect(async_creator_fn=make, **prepared),
        hide_parameters=True,  # error texts are logged
        isolation_level="AUTOCOMMIT",
        **options,
    )
    return engine


def driver(tx: AsyncConnection) -> asyncpg.Connection:
    """Return the asyncpg connection of a SQLAlchemy connection, in the same transaction."""
    assert tx.sync_connection is not None  # noqa: S101 -- an open connection always has one
    return tx.sync_connection.connection.driver_connection


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, *, isolation: Literal["READ COMMITTED", "REPEATABLE READ"] = "READ COMMITTED"
) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that commits when the block ends and rolls back when it raises."""
    async with _connected(engine) as tx:
        connection = driver(tx)
        try:
            await connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
            yield tx
            await connection.execute("COMMIT")
        except Exception:
            if not connection.is_closed() and connection.is_in_transaction():
                await connection.execute("ROLLBACK")
            raise


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    tx = await _check_out(engine)
    assert tx.sync_connection is not None  # noqa: S101 -- as above
    connection = driver(tx)
    try:
        yield tx
    except Exception:
        raise
    except BaseException:  # canceled: at the deadline, or because the process ends
        connection.terminate()  # a pending reply may never come; the server rolls back
        if not tx.invalidated:
            tx.sync_connection.invalidate()
        raise
    finally:
        if isinstance(engine.sync_engine.pool, QueuePool):
            tx.sync_connection.close()
        else:
            await tx.close()


async def _check_out(engine: AsyncEngine) -> AsyncConnection:
    # SQLAlchemy checks connections out and in through a greenlet, and each switch costs as much as a query. Taking
    # an idle connection and returning one need no await, so both are done here without the greenlet.
    pool = engine.sync_engine.pool
    if isinstance(pool, QueuePool) and pool.checkedin():
        with suppress(MissingGreenlet):  # the idle connection is unusable and a new one must be made
            return AsyncConnection(engine, engine.sync_engine.connect())
    return await engine.connect()


class Database:
    """A pool of connections to one database, opened lazily."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self._engine = make_engine(
            url,
            seconds=CONNECT_SECONDS,
            settings=_SERVER_SETTINGS,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_use_lifo=True,
        )
        self._replace_all = False
        event.listen(self._engine.sync_engine, "checkout", self._replace_if_closed)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits when the block ends and rolls back when it raises.

        Raises `Unavailable` if the database cannot be reached or does not answer in time. Then nothing was
        written, unless the connection was lost during the commit.
        """
        async with self._in_time(), transaction(self._engine) as tx:
            with POOL_IN_USE.track_inprogress():
                yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for reads without a transaction: each statement sees the newest commits."""
        async with self._in_time(), _connected(self._engine) as tx:
            with POOL_IN_USE.track_inprogress():
                yield tx

    single_statement = read
    """Open a connection for one statement that writes; it is durably committed when it returns."""

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    def _replace_if_closed(self, connection: Any, *_: Any) -> None:
        """Replace unusable connections at checkout, so that a request does not fail on them.

        After a failover (`_replace_all`) all connections are replaced.
        """
        if self._replace_all:
            self._replace_all = False
            raise InvalidatePoolError
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                yield
        except (TimeoutError, PoolTimeoutError, OSError) as error:
            raise Unavailable("The database does not answer.") from error
        except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
            self._replace_all |= state == _READ_ONLY
            if _is_lost(error) or state.startswith(_TEMPORARY_SQLSTATES):
                raise Unavailable("The database cannot answer at the moment.") from error
            raise


def _is_lost(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return not isinstance(error, asyncpg.PostgresError)  # an error of asyncpg itself: the connection is unusable
