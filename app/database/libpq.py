"""The second way to Postgres, by psycopg and libpq: procrastinate's, for the worker alone."""

import logging
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from psycopg.pq import Conninfo
from psycopg_pool import AsyncConnectionPool

from app.core.database_url import parse_database_url
from app.database.tls import libpq_tls

CONNECT_SECONDS = 5


def make_pool(url: str) -> AsyncConnectionPool[Any]:
    """Return a pool that is still to be opened; it connects by itself as soon as the database is there."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # the worker says what is wrong, once
    return AsyncConnectionPool(
        libpq_url(url),
        kwargs={
            "autocommit": True,  # each call of procrastinate's is one statement
            "prepare_threshold": None,  # a pooler in between may give each statement another connection
            "application_name": "passgate worker",
            "connect_timeout": CONNECT_SECONDS,
            "target_session_attrs": "read-write",  # of several hosts, the primary
            "tcp_user_timeout": 20_000,
            "hostaddr": "",  # whatever PGHOSTADDR says
        },
        min_size=1,
        max_size=4,
        timeout=CONNECT_SECONDS,
        open=False,
        check=AsyncConnectionPool.check_connection,
    )


def libpq_url(url: str) -> str:
    """Return the URL of a database as libpq reads it, with the protection that asyncpg is told to demand.

    A parameter that libpq does not know is a setting of the server for asyncpg; libpq takes those as options.
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
