"""Files of users to import, and importing them."""

import io
import json
from typing import Any

import bcrypt
from argon2 import PasswordHasher

from app.administration.user_import.use_cases import Report
from app.commands.provision import import_users
from app.core.errors import InvalidRequest
from tests.support.account.arrange import Tenant
from tests.support.observe.sql import run_sql

PASSWORD = "pässword of a while ago"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
ARGON2 = PasswordHasher(memory_cost=128, time_cost=2, parallelism=1).hash(PASSWORD)


def line(email: str, **changes: Any) -> dict[str, Any]:
    """Return a valid line with these changes."""
    return {"email": email, "name": "Somebody", "role": "end_user"} | changes


def file_of(*lines: dict[str, Any] | str | bytes) -> io.BytesIO:
    """Return a file with these lines: dictionaries as JSON, `str` and `bytes` unchanged."""
    content = b""
    for each in lines:
        text = json.dumps(each, ensure_ascii=False) if isinstance(each, dict) else each
        content += (text.encode() if isinstance(text, str) else text) + b"\n"
    return io.BytesIO(content)


async def import_into(tenant: Tenant, *lines: dict[str, Any] | str | bytes, skip_bad: bool = False) -> Report:
    """Import the lines into the account."""
    return await import_users(tenant.services, tenant.account.slug, file_of(*lines), skip_bad=skip_bad)


async def refused_import(tenant: Tenant, *lines: dict[str, Any] | str | bytes) -> list[str]:
    """Import some bad lines, assert that nothing was imported, and return the errors."""
    before = await count_users(tenant)
    try:
        await import_into(tenant, *lines)
    except InvalidRequest as refusal:
        *said, last = [error.detail for error in refusal.errors]
        assert last == "no user was imported"
        assert await count_users(tenant) == before
        return said
    raise AssertionError("nothing was refused")


async def count_users(tenant: Tenant) -> int:
    """Return how many users the account has."""
    [(count,)] = await run_sql(tenant, "SELECT count(*) FROM users WHERE account_id = :account")
    return int(count)
