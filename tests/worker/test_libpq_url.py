"""The database URL of the settings, converted for psycopg, the driver of the worker."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from app.database.libpq import libpq_url

LOCAL = {"sslmode": "prefer", "gssencmode": "disable"}
VERIFIED = {"sslmode": "verify-full", "sslrootcert": "system", "gssencmode": "disable"}


@pytest.mark.parametrize(
    ("url", "read"),
    [
        (
            "postgresql://u:p%40ss%2F%25@/db?host=%2Ftmp%2Fa%20dir%2B&port=5432",
            {"user": "u", "password": "p@ss/%", "dbname": "db", "host": "/tmp/a dir+", "port": "5432"} | LOCAL,  # noqa: S108 -- no file is made
        ),
        ("postgresql:///db", {"dbname": "db"} | LOCAL),
        ("postgres://u@h1:1,h2:2/db", {"user": "u", "host": "h1,h2", "port": "1,2", "dbname": "db"} | VERIFIED),
        ("postgresql://u@[::1]:5433/db", {"user": "u", "host": "::1", "port": "5433", "dbname": "db"} | LOCAL),
        (
            "postgresql://h/db?search_path=a",
            {"host": "h", "dbname": "db", "options": "-c search_path=a"} | VERIFIED,
        ),
        ("postgresql://h/db?sslmode=disable", {"host": "h", "dbname": "db"} | LOCAL | {"sslmode": "disable"}),
        (
            "postgresql://h/db?sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem&pgbouncer=true",
            {"host": "h", "dbname": "db", "sslcert": "/c.pem", "sslkey": "/k.pem"}
            | VERIFIED
            | {"sslrootcert": "/ca.pem"},
        ),
    ],
)
def test_libpq_reads_the_same_settings_from_the_url(url: str, read: dict[str, str]) -> None:
    assert conninfo_to_dict(libpq_url(url)) == read


async def test_psycopg_connects_to_the_test_database(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(libpq_url(f"{database_url}&search_path=elsewhere")) as tx:
        cursor = await tx.execute("SHOW search_path")

        assert await cursor.fetchone() == ("elsewhere",)
