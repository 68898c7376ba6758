"""Retention: which rows are deleted, and when, and which are kept."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.commands import retention as purging
from app.commands.retention import purge
from app.core.callers import RequestContext, Role
from app.core.ids import new_id
from app.credentials.links.use_cases import invite
from app.database.queue import enqueue
from app.services import Services
from app.sign_in.sso import repository as sso
from app.sign_in.sso.rules import HandedOut, Identity, Provider, ProviderType
from app.sign_in.sso.use_cases import begin_login, hand_out_code, take_login
from tests.idempotency.calls import api_token
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.devices import trusted_person
from tests.support.account.enrolling import begin, confirm
from tests.support.account.services import with_changes
from tests.support.account.sign_ins import submit
from tests.support.observe.jobs import empty_queue, jobs
from tests.support.observe.sql import run_sql

SSO = ("sso_requests", "exchange_codes", "sso_used_tokens")
TABLES = (
    "sign_ins",
    "enrollments",
    "sessions",
    "trusted_devices",
    "audit_events",
    "password_limits",
    "links",
    "stored_answers",
    *SSO,
)
NEVER = ("users", "second_factor_state", "authenticators", "recovery_code_sets", "recovery_codes", "accounts")


async def counts(tenant: Tenant, *tables: str) -> dict[str, int]:
    """Return how many rows of the account each table holds."""
    found = {}
    for table in tables:
        key = "id" if table == "accounts" else "account_id"
        [[found[table]]] = await run_sql(tenant, f"SELECT count(*) FROM {table} WHERE {key} = :account")  # noqa: S608 -- our own names
    return found


async def rows(tenant: Tenant, *tables: str) -> dict[str, list[Any]]:
    """Return all rows of the account in these tables."""
    found = {}
    for table in tables:
        key = "id" if table == "accounts" else "account_id"
        statement = f"SELECT * FROM {table} WHERE {key} = :account ORDER BY 1, 2, 3"  # noqa: S608 -- our own names
        found[table] = [tuple(row) for row in await run_sql(tenant, statement)]
    return found


@pytest.fixture
async def filled(tenant: Tenant) -> Tenant:
    """An account with rows in every table: trusted device, sessions, used and open sign-ins."""
    person = await trusted_person(tenant)
    await tenant.asked(person)
    await begin(await tenant.signed_in())
    ok(await (await api_token(tenant)).send(), 201)
    refused(
        await tenant.browser().post("/sign-ins", json={"email": person.user.email, "password": "wrong password"}),
        401,
        "invalid_credentials",
    )
    context = RequestContext(tenant.account.id, tenant.clock.now(), "", "", "")
    async with tenant.services.database.begin() as tx:
        await invite(tx, context, person.user)
        provider = Provider(
            id=new_id(context.now),
            name="intranet",
            type=ProviderType.JWT,
            create_users=False,
            default_role=Role.END_USER,
            roles=frozenset(Role),
            trusted_domains=frozenset({"example.com"}),
            settings={},
            sealed_secret=None,
        )
        await sso.add_provider(tx, context.account_id, provider, now=context.now)
        secret = await begin_login(tx, context, provider, None)
        login = await take_login(tx, context, secret)
        assert login
        identity = Identity(person.user.email, None, email_verified=True)
        assert isinstance(await hand_out_code(tx, context, provider, identity, login), HandedOut)
        assert await sso.use_once(tx, context.account_id, "a token", expires_at=context.now)
    assert all((await counts(tenant, *TABLES, *NEVER)).values())
    return tenant


async def test_recent_rows_are_kept(filled: Tenant) -> None:
    before = await rows(filled, *TABLES, *NEVER)

    await purge(filled.services)

    assert await rows(filled, *TABLES, *NEVER) == before


@pytest.mark.parametrize(
    ("table", "stays", "goes"),
    [
        ("sign_ins", timedelta(minutes=59), timedelta(minutes=71)),
        ("enrollments", timedelta(days=1, minutes=69), timedelta(days=1, minutes=71)),
        ("sessions", timedelta(hours=8, minutes=59), timedelta(hours=9, minutes=1)),
        ("sso_requests", timedelta(minutes=69), timedelta(minutes=71)),
        ("exchange_codes", timedelta(minutes=60), timedelta(minutes=62)),
        ("stored_answers", timedelta(minutes=69), timedelta(minutes=71)),
        ("sso_used_tokens", timedelta(minutes=59), timedelta(minutes=61)),
        ("links", timedelta(days=7, minutes=59), timedelta(days=7, minutes=61)),
        ("trusted_devices", timedelta(days=30, minutes=59), timedelta(days=30, minutes=61)),
        ("audit_events", timedelta(days=400, minutes=59), timedelta(days=400, minutes=61)),
    ],
)
async def test_rows_are_deleted_after_their_retention_and_not_before(
    filled: Tenant, table: str, stays: timedelta, goes: timedelta
) -> None:
    before = await counts(filled, table)
    filled.clock.turn(seconds=stays.total_seconds())
    await purge(filled.services)
    assert await counts(filled, table) == before

    filled.clock.turn(seconds=(goes - stays).total_seconds())
    await purge(filled.services)
    assert await counts(filled, table) == {table: 0}


async def test_empty_password_limits_are_deleted(filled: Tenant) -> None:
    filled.clock.turn(hours=3)

    await purge(filled.services)

    assert await counts(filled, "password_limits") == {"password_limits": 0}


async def test_tables_that_keep_secrets_single_use_are_never_purged(filled: Tenant) -> None:
    before = await rows(filled, *NEVER)

    filled.clock.turn(days=5_000)
    await purge(filled.services)

    assert await rows(filled, *NEVER) == before
    assert await counts(filled, *TABLES) == dict.fromkeys(TABLES, 0)


async def test_how_long_audit_events_are_kept_is_a_setting(filled: Tenant) -> None:
    filled.clock.turn(days=8)
    await purge(filled.services)
    assert (await counts(filled, "audit_events"))["audit_events"]

    await purge(with_changes(filled.services, audit_days=7))
    assert await counts(filled, "audit_events") == {"audit_events": 0}


async def test_a_session_in_use_stays_and_ends_after_thirty_days_at_the_latest(filled: Tenant) -> None:
    for _ in range(4):
        filled.clock.turn(days=7)
        await run_sql(
            filled, "UPDATE sessions SET last_seen_at = :now WHERE account_id = :account", now=filled.clock.now()
        )
        await purge(filled.services)
    assert (await counts(filled, "sessions"))["sessions"]

    filled.clock.turn(days=2, hours=2)
    await run_sql(
        filled, "UPDATE sessions SET last_seen_at = :now WHERE account_id = :account", now=filled.clock.now()
    )
    await purge(filled.services)
    assert await counts(filled, "sessions") == {"sessions": 0}


async def test_purging_changes_no_answer(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    used, open_ = await tenant.asked(person), await tenant.asked(person)
    spent = person.authenticator.next_passcode()
    ok(await submit(tenant.browser(), used, spent, remember_device=False), 201)
    tenant.clock.turn(minutes=75)
    spoiled = await tenant.asked(person)

    async def answers() -> list[tuple[int, str]]:
        browser = tenant.browser()
        given = [
            await submit(browser, used, person.authenticator.passcode()),
            await submit(browser, open_, person.authenticator.passcode()),
            await person.browser.get("/session"),
            await submit(browser, spoiled, spent),
        ]
        return [(answer.status_code, answer.json()["code"]) for answer in given]

    before = await answers()
    await purge(tenant.services)

    assert await answers() == before
    assert before[:3] == [(401, "sign_in_expired"), (401, "sign_in_expired"), (401, "unauthenticated")]


async def test_a_passcode_stays_used_when_its_sign_in_is_gone(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    passcode = person.authenticator.next_passcode()
    ok(await submit(tenant.browser(), await tenant.asked(person), passcode), 201)
    code = person.recovery_codes[0]
    ok(await submit(tenant.browser(), await tenant.asked(person), code), 201)

    tenant.clock.turn(hours=2)
    await purge(tenant.services)
    tenant.clock.turn(hours=-2)  # even if the clock goes back

    refused(await submit(tenant.browser(), await tenant.asked(person), passcode), 401, "passcode_already_used")
    refused(await submit(tenant.browser(), await tenant.asked(person), code), 401, "passcode_already_used")


async def test_an_ended_enrollment_answers_gone_for_a_day(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    tenant.clock.turn(days=1)
    await purge(tenant.services)
    await tenant.sign_in(person)

    refused(await confirm(person, begun, "000000"), 410, "enrollment_expired")


async def test_purging_skips_locked_rows(filled: Tenant) -> None:
    filled.clock.turn(days=31)
    async with filled.services.database.begin() as tx:
        locked = (await tx.exec_driver_sql("SELECT id FROM sessions LIMIT 1 FOR UPDATE")).scalar_one()
        await purge(filled.services)

    left = await run_sql(filled, "SELECT id FROM sessions WHERE last_seen_at < :now", now=filled.clock.now())
    assert [row.id for row in left] == [locked]


async def test_purging_covers_many_batches_and_accounts(filled: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "BATCH", 7)
    now, old = filled.clock.now(), filled.clock.now() - timedelta(days=401)

    async def add(account: Any, moments: list[datetime]) -> None:
        for at in moments:
            await run_sql(
                filled,
                "INSERT INTO audit_events (account_id, id, type, at, details) VALUES (:of, :id, 'x', :at, '{}')",
                of=account,
                id=new_id(at),
                at=at,
            )

    accounts = [new_id(now) for _ in range(5)]
    for number, account in enumerate(accounts):
        await add(account, [old] * (number * 5) + [now] * 10)

    await purge(filled.services)

    kept = "SELECT count(*), count(*) FILTER (WHERE at = :old) FROM audit_events WHERE account_id = :of"
    assert [tuple((await run_sql(filled, kept, of=account, old=old))[0]) for account in accounts] == [(10, 0)] * 5


async def test_failed_jobs_are_kept_for_thirty_days(services: Services, filled: Tenant) -> None:
    await empty_queue(services)
    async with services.database.begin() as tx:
        for name in ("failed long ago", "failed of late", "waits"):
            await enqueue(tx, "some_task", {"job": name})
        await tx.exec_driver_sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'job' <> 'waits'")
        await tx.exec_driver_sql("UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'doing'")
        await tx.exec_driver_sql(
            """
            UPDATE procrastinate_events SET at = now() - interval '31 days' WHERE job_id IN
            (SELECT id FROM procrastinate_jobs WHERE args->>'job' <> 'failed of late')
            """
        )

    await purge(filled.services)

    assert [job.arguments["job"] for job in await jobs(services)] == ["failed of late", "waits"]
