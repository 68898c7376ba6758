"""Connections by psycopg and libpq, which procrastinate needs; only the worker uses them."""

import logging
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from psycopg.pq import Conninfo
from psycopg_pool import AsyncConnectionPool

from app.core.database_url import parse_database_url
from app.database.tls import libpq_tls

CONNECT_SECONDS = 5


def make_pool(url: str) -> AsyncConnectionPool[Any]:
    """Return a pool that is not opened yet; it keeps trying to connect until the database is up."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # the worker logs the problem once
    return AsyncConnectionPool(
        libpq_url(url),
        kwargs={
            "autocommit": True,  # each call of procrastinate is one statement
            "prepare_threshold": None,  # a connection pooler may run each statement on another connection
            "application_name": "passgate worker",
            "connect_timeout": CONNECT_SECONDS,
            "target_session_attrs": "read-write",  # if there are several hosts, use the primary
            "tcp_user_timeout": 20_000,
            "hostaddr": "",  # overrides PGHOSTADDR
        },
        min_size=1,
        max_size=4,
        timeout=CONNECT_SECONDS,
        open=False,
        check=AsyncConnectionPool.check_connection,
    )


def libpq_url(url: str) -> str:
    """Return the database URL for libpq, with the same TLS settings that asyncpg gets.

    asyncpg treats an unknown URL parameter as a server setting. libpq does not, so those are passed in `options`.
    """
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    read = parse_database_url(url)
    place, _, query = read.dsn.partition("?")
    given = parse_qsl(query)
    parameters = [(name, value) for name, value in given if name in known]
    settings = " ".join(f"-c {name}={value}" for name, value in given if name not in known)
    if settings:
        parameters.append(("options", settings))
    parameters += libpq_tls(read).items()
    return f"{place}?{urlencode(parameters, quote_via=quote)}"
