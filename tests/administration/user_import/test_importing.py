"""Importing a file: all of it, none of it, or all but the bad lines."""

import asyncio
import json
from typing import Any

import pytest

from app.commands.provision import import_users
from app.core.callers import Role
from app.core.errors import NotFound, Unavailable
from app.database.bulk import bulk_transaction
from tests.support.account.arrange import Tenant
from tests.support.account.importing import (
    ARGON2,
    BCRYPT,
    SECRET,
    count_users,
    file_of,
    import_into,
    line,
    refused_import,
)
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql


async def emails(tenant: Tenant) -> list[str]:
    rows = await run_sql(tenant, "SELECT email FROM users WHERE account_id = :account ORDER BY email")
    return [email for (email,) in rows]


async def test_users_are_imported_with_every_field_of_their_lines(tenant: Tenant) -> None:
    report = await import_into(
        tenant,
        line(
            "Eve@example.com", name="Eve Söhne", role="admin", external_id="7", locale="de", password_hash=ARGON2
        ),
        line("bob@example.com", password_hash=BCRYPT, totp_secret=SECRET),
    )

    assert (report.taken, report.bad, report.named) == (2, 0, [])
    statement = """
        SELECT email, email_key, name, role, status, external_id, locale, password_hash, created_at,
               last_sign_in_at
        FROM users WHERE account_id = :account ORDER BY email
    """
    now = tenant.clock.now()
    assert [tuple(row) for row in await run_sql(tenant, statement)] == [
        ("Eve@example.com", "eve@example.com", "Eve Söhne", "admin", "active", "7", "de", ARGON2, now, None),
        ("bob@example.com", "bob@example.com", "Somebody", "end_user", "active", None, "en", BCRYPT, now, None),
    ]
    statement = "SELECT turned_on_by_user FROM second_factor_state WHERE account_id = :account"
    assert sorted(on for (on,) in await run_sql(tenant, statement)) == [False, True]


async def test_each_imported_user_and_authenticator_is_recorded(tenant: Tenant) -> None:
    trail = AuditTrail(tenant)

    await import_into(tenant, line("eve@example.com", role="agent"), line("bob@example.com", totp_secret=SECRET))

    events = await trail.new()
    assert sorted(event.type for event in events) == [
        "authenticator.added",
        "two_factor.turned_on",
        "user.created",
        "user.created",
        "users.imported",
    ]
    assert {(event.credential, event.actor_id, event.user_agent) for event in events} == {
        ("command_line", None, "passgate")
    }
    created = [event.details for event in events if event.type == "user.created"]
    assert sorted(created, key=str) == [
        {"role": "agent", "imported": True},
        {"role": "end_user", "imported": True},
    ]
    ids = {row[0] for row in await run_sql(tenant, "SELECT id FROM users WHERE account_id = :account")}
    assert {event.target_id for event in events if event.target_type == "user"} == ids


async def test_one_bad_line_stops_the_whole_import(tenant: Tenant) -> None:
    await tenant.person(email="taken@example.com", external_id="taken")
    trail = AuditTrail(tenant)
    await trail.new()

    said = await refused_import(
        tenant,
        line("good@example.com", external_id="1"),
        "nonsense",
        line("owner@example.com", role="owner"),
        line(" GOOD@example.com", external_id="2"),
        line("TAKEN@example.com"),
        line("another@example.com", external_id="taken"),
        line("third@example.com", external_id="1"),
        line("secret@example.com", password_hash="hunter2", totp_secret="hunter2"),
    )

    assert said.pop().startswith("line 8: password_hash: is neither an Argon2 hash")
    assert said == [
        "line 2: the line is not JSON",
        "line 3: role: an import cannot create an owner",
        "line 4: email: is already used in line 1",
        "line 5: email: is already used by an existing user",
        "line 6: external_id: is already used by an existing user",
        "line 7: external_id: is already used in line 1",
    ]
    assert await trail.new() == []
    assert await emails(tenant) == ["taken@example.com"]


async def test_skip_bad_leaves_out_bad_lines(tenant: Tenant) -> None:
    await tenant.person(email="taken@example.com")

    report = await import_into(
        tenant,
        "nonsense",
        line("taken@example.com", external_id="1"),
        line("good@example.com", external_id="1", totp_secret=SECRET),
        line("GOOD@example.com", external_id="2"),
        line("last@example.com", external_id="2"),
        skip_bad=True,
    )

    assert report.taken == 2
    assert report.describe() == [
        "line 1: the line is not JSON",
        "line 2: email: is already used by an existing user",
        "line 4: email: is already used in line 3",
    ]
    assert await emails(tenant) == ["good@example.com", "last@example.com", "taken@example.com"]
    for table, count in (("second_factor_state", 3), ("authenticators", 1)):
        statement = f"SELECT count(*) FROM {table} WHERE account_id = :account"  # noqa: S608 -- from the line above
        assert await run_sql(tenant, statement) == [(count,)]


async def test_a_hundred_bad_lines_are_named_and_the_others_counted(tenant: Tenant) -> None:
    await tenant.person(email="taken@example.com")
    lines: list[dict[str, Any] | str] = []
    for _ in range(60):
        lines += ["nonsense", line("taken@example.com"), line("eve@example.com")]

    said = await refused_import(tenant, *lines)

    assert len(said) == 101
    assert said[:5] == [
        "line 1: the line is not JSON",
        "line 2: email: is already used by an existing user",
        "line 4: the line is not JSON",
        "line 5: email: is already used by an existing user",
        "line 6: email: is already used in line 3",
    ]
    assert said[-2].startswith("line 101: ")
    assert said[-1] == "and 79 more bad lines"


async def test_importing_the_same_file_again_is_refused(tenant: Tenant) -> None:
    file = [line("eve@example.com"), line("bob@example.com")]
    await import_into(tenant, *file)

    said = await refused_import(tenant, *file)

    assert said == [
        f"this file was imported before, at {tenant.clock.now():%Y-%m-%d %H:%M:%S} UTC",
        "line 1: email: is already used by an existing user",
        "line 2: email: is already used by an existing user",
    ]


async def test_users_of_another_account_cause_no_conflict(tenant: Tenant) -> None:
    elsewhere = await another_account(tenant)
    await import_into(elsewhere, line("eve@example.com", external_id="7"))

    assert (await import_into(tenant, line("eve@example.com", external_id="7"))).taken == 1


async def test_a_user_created_meanwhile_makes_a_bad_line(tenant: Tenant) -> None:
    reports = await asyncio.gather(
        *(import_into(tenant, *(line(f"u{n}@example.com") for n in range(200)), skip_bad=True) for _ in range(3))
    )

    assert sorted(report.taken for report in reports) == [0, 0, 200]
    assert await count_users(tenant) == 200


async def test_an_empty_file_imports_nobody(tenant: Tenant) -> None:
    assert (await import_into(tenant)).taken == 0
    assert (await import_into(tenant, "", "  ")).taken == 0


async def test_an_account_that_does_not_exist_is_not_found(tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        await import_users(tenant.services, "nobody", file_of(line("eve@example.com")), skip_bad=False)


async def test_an_imported_totp_secret_is_stored_sealed(tenant: Tenant) -> None:
    await import_into(tenant, line("a@example.com", totp_secret=SECRET), line("b@example.com", totp_secret=SECRET))

    statement = "SELECT a::text, sealed_secret, kind, label, last_accepted_step FROM authenticators a "
    rows = await run_sql(tenant, statement + "WHERE account_id = :account")
    for dump, sealed, kind, label, step in rows:
        assert SECRET not in dump
        assert b"12345678901234567890".hex() not in dump
        assert len(sealed) > 20 + 12 + 16
        assert (kind, label, step) == ("totp", "Authenticator app", -1)
    assert len({sealed for _, sealed, *_ in rows}) == 2


async def test_more_kinds_of_hashes_than_an_account_may_have_are_bad_lines(tenant: Tenant) -> None:
    await tenant.person(Role.AGENT)  # whose hash has this service's parameters
    kinds = [ARGON2.replace("m=128", f"m={memory}") for memory in (128, 256, 512, 1024, 2048)]

    said = await refused_import(tenant, *(line(f"{n}@example.com", password_hash=k) for n, k in enumerate(kinds)))

    assert said == [
        "line 5: password_hash: with this one the account would have more than 5 kinds (costs) of hashes"
    ]


async def test_five_thousand_users_are_imported_at_once(tenant: Tenant) -> None:
    hashes = (None, ARGON2, BCRYPT)
    lines = (
        json.dumps(
            line(f"user.{n}@example.com", external_id=str(n), password_hash=hashes[n % 3])
            | ({"totp_secret": SECRET} if n % 2 else {})
        )
        for n in range(5000)
    )

    report = await import_into(tenant, *lines)

    assert (report.taken, report.bad) == (5000, 0)
    statement = """
        SELECT count(*), count(a.id), count(*) FILTER (WHERE s.turned_on_by_user), count(u.password_hash)
        FROM users u JOIN second_factor_state s ON s.account_id = u.account_id AND s.user_id = u.id
        LEFT JOIN authenticators a ON a.account_id = u.account_id AND a.user_id = u.id
        WHERE u.account_id = :account
    """
    assert await run_sql(tenant, statement) == [(5000, 2500, 2500, 3333)]


async def test_an_unreachable_database_raises_unavailable() -> None:
    with pytest.raises(Unavailable):
        async with bulk_transaction("postgresql://nobody@127.0.0.1:1/nothing"):
            pass
