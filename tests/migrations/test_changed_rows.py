"""Migrations that change rows: old rows get the values that the new release writes."""

from uuid import uuid4

import asyncpg
import pytest

from app.accounts.users.rules import email_key
from app.core.errors import Conflict
from app.database.migrate import migrate

BEFORE, BY_IDNA = "202611250120", "202611250125"

# The addresses, and the keys of the release before.
STORED = {
    "a@example.com": "a@example.com",
    "Ü@Example.com": "ü@example.com",
    "a@Müller.example": "a@müller.example",
    "a@xn--mnchen-3ya.example": "a@xn--mnchen-3ya.example",
    "A@XN--MNCHEN-3YA.example": "b@unused.example",  # of another account
    "a@straße.example": "a@strasse.example",
    "weiß@example.com": "weiss@example.com",
    "a@xn--kxa6akbbkh.example": "a@xn--kxa6akbbkh.example",  # its new key is the old key of the next one
    "a@\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2.example": "a@\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3.example",
    "a@xn--a.example": "a@xn--a.example",
}


async def add_account(connection: asyncpg.Connection) -> str:
    account_id = str(uuid4())
    await connection.execute(
        "INSERT INTO accounts (id, slug, name, created_at) VALUES ($1, $2, 'Acme', now())",
        account_id,
        f"acme-{account_id[:8]}",
    )
    return account_id


async def add_user(
    connection: asyncpg.Connection, account_id: str, email: str, key: str, name: str = "Somebody"
) -> str:
    user_id = str(uuid4())
    await connection.execute(
        "INSERT INTO users (account_id, id, email, email_key, name, role, status, locale, created_at) "
        "VALUES ($1, $2, $3, $4, $5, 'agent', 'active', 'en', now())",
        account_id,
        user_id,
        email,
        key,
        name,
    )
    return user_id


async def test_the_keys_of_all_addresses_become_those_of_the_new_release(empty_url: str) -> None:
    await migrate(empty_url, BEFORE)
    connection = await asyncpg.connect(dsn=empty_url, timeout=5)
    account_id, another = await add_account(connection), await add_account(connection)
    for email, key in STORED.items():
        await add_user(connection, another if "unused" in key else account_id, email, key)

    await migrate(empty_url, BY_IDNA)

    rows = await connection.fetch("SELECT email, email_key FROM users")
    assert {row["email"]: row["email_key"] for row in rows} == {email: email_key(email) for email in STORED}
    await migrate(empty_url, BEFORE, down=True)
    rows = await connection.fetch("SELECT email, email_key FROM users WHERE account_id = $1", account_id)
    assert {row["email"]: row["email_key"] for row in rows} == {
        email: key for email, key in STORED.items() if "unused" not in key
    }
    await connection.close()


async def test_names_become_nfc(empty_url: str) -> None:
    await migrate(empty_url, BEFORE)
    connection = await asyncpg.connect(dsn=empty_url, timeout=5)
    account_id = await add_account(connection)
    await add_user(connection, account_id, "a@example.com", "a@example.com", "Rene\u0301e")
    await add_user(connection, account_id, "b@example.com", "b@example.com", "\u212bsa")

    await migrate(empty_url, BY_IDNA)

    names = [row["name"] for row in await connection.fetch("SELECT name FROM users ORDER BY email")]
    await connection.close()
    assert names == ["Ren\u00e9e", "\u00c5sa"]


async def test_two_users_with_one_address_stop_the_migration_and_are_named(empty_url: str) -> None:
    await migrate(empty_url, BEFORE)
    connection = await asyncpg.connect(dsn=empty_url, timeout=5)
    account_id = await add_account(connection)
    await add_user(connection, account_id, "a@müller.example", "a@müller.example")
    double = await add_user(connection, account_id, "a@xn--mller-kva.example", "a@xn--mller-kva.example")
    await add_user(connection, account_id, "a@straße.example", "a@strasse.example")

    with pytest.raises(Conflict, match=double) as caught:
        await migrate(empty_url, BY_IDNA)

    assert "müller" not in str(caught.value)
    keys = {row["email_key"] for row in await connection.fetch("SELECT email_key FROM users")}
    assert keys == {"a@müller.example", "a@xn--mller-kva.example", "a@strasse.example"}
    await connection.execute("DELETE FROM users WHERE id = $1", double)
    await connection.close()
    await migrate(empty_url, BY_IDNA)
