"""What is thrown away when its time is over, and what must stay."""

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
    """Return all that these tables hold of the account."""
    found = {}
    for table in tables:
        key = "id" if table == "accounts" else "account_id"
        statement = f"SELECT * FROM {table} WHERE {key} = :account ORDER BY 1, 2, 3"  # noqa: S608 -- our own names
        found[table] = [tuple(row) for row in await run_sql(tenant, statement)]
    return found


@pytest.fixture
async def busy(tenant: Tenant) -> Tenant:
    """An account with a row of every kind: a trusted device, sessions, sign-ins used and open, an enrollment."""
    person = await trusted_person(tenant)
    await tenant.asked(person)
    await begin(await tenant.signed_in())
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


async def test_what_is_young_stays(busy: Tenant) -> None:
    before = await rows(busy, *TABLES, *NEVER)

    await purge(busy.services)

    assert await rows(busy, *TABLES, *NEVER) == before


@pytest.mark.parametrize(
    ("table", "stays", "goes"),
    [
        ("sign_ins", timedelta(minutes=59), timedelta(minutes=71)),
        ("enrollments", timedelta(days=1, minutes=69), timedelta(days=1, minutes=71)),
        ("sessions", timedelta(hours=8, minutes=59), timedelta(hours=9, minutes=1)),
        ("sso_requests", timedelta(minutes=69), timedelta(minutes=71)),
        ("exchange_codes", timedelta(minutes=60), timedelta(minutes=62)),
        ("sso_used_tokens", timedelta(minutes=59), timedelta(minutes=61)),
        ("links", timedelta(days=7, minutes=59), timedelta(days=7, minutes=61)),
        ("trusted_devices", timedelta(days=30, minutes=59), timedelta(days=30, minutes=61)),
        ("audit_events", timedelta(days=400, minutes=59), timedelta(days=400, minutes=61)),
    ],
)
async def test_each_goes_when_its_time_is_over_and_not_before(
    busy: Tenant, table: str, stays: timedelta, goes: timedelta
) -> None:
    before = await counts(busy, table)
    busy.clock.turn(seconds=stays.total_seconds())
    await purge(busy.services)
    assert await counts(busy, table) == before

    busy.clock.turn(seconds=(goes - stays).total_seconds())
    await purge(busy.services)
    assert await counts(busy, table) == {table: 0}


async def test_password_limits_go_once_they_are_empty(busy: Tenant) -> None:
    busy.clock.turn(hours=3)

    await purge(busy.services)

    assert await counts(busy, "password_limits") == {"password_limits": 0}


async def test_what_keeps_secrets_used_once_is_never_touched(busy: Tenant) -> None:
    before = await rows(busy, *NEVER)

    busy.clock.turn(days=5_000)
    await purge(busy.services)

    assert await rows(busy, *NEVER) == before
    assert await counts(busy, *TABLES) == dict.fromkeys(TABLES, 0)


async def test_how_long_audit_events_are_kept_is_a_setting(busy: Tenant) -> None:
    busy.clock.turn(days=8)
    await purge(busy.services)
    assert (await counts(busy, "audit_events"))["audit_events"]

    await purge(with_changes(busy.services, audit_days=7))
    assert await counts(busy, "audit_events") == {"audit_events": 0}


async def test_a_session_in_use_stays_and_ends_after_thirty_days_at_the_latest(busy: Tenant) -> None:
    for _ in range(4):
        busy.clock.turn(days=7)
        await run_sql(
            busy, "UPDATE sessions SET last_seen_at = :now WHERE account_id = :account", now=busy.clock.now()
        )
        await purge(busy.services)
    assert (await counts(busy, "sessions"))["sessions"]

    busy.clock.turn(days=2, hours=2)
    await run_sql(
        busy, "UPDATE sessions SET last_seen_at = :now WHERE account_id = :account", now=busy.clock.now()
    )
    await purge(busy.services)
    assert await counts(busy, "sessions") == {"sessions": 0}


async def test_the_answers_are_the_same_afterwards(tenant: Tenant) -> None:
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
    tenant.clock.turn(hours=-2)  # even for a clock that goes wrong

    refused(await submit(tenant.browser(), await tenant.asked(person), passcode), 401, "passcode_already_used")
    refused(await submit(tenant.browser(), await tenant.asked(person), code), 401, "passcode_already_used")


async def test_an_ended_enrollment_answers_gone_for_a_day(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    tenant.clock.turn(days=1)
    await purge(tenant.services)
    await tenant.sign_in(person)

    refused(await confirm(person, begun, "000000"), 410, "enrollment_expired")


async def test_nothing_waits_for_a_row_that_somebody_has_locked(busy: Tenant) -> None:
    busy.clock.turn(days=31)
    async with busy.services.database.begin() as tx:
        locked = (await tx.exec_driver_sql("SELECT id FROM sessions LIMIT 1 FOR UPDATE")).scalar_one()
        await purge(busy.services)

    left = await run_sql(busy, "SELECT id FROM sessions WHERE last_seen_at < :now", now=busy.clock.now())
    assert [row.id for row in left] == [locked]


async def test_many_batches_of_many_accounts_are_walked_through(
    busy: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 7)
    now, old = busy.clock.now(), busy.clock.now() - timedelta(days=401)

    async def add(account: Any, moments: list[datetime]) -> None:
        for at in moments:
            await run_sql(
                busy,
                "INSERT INTO audit_events (account_id, id, type, at, details) VALUES (:of, :id, 'x', :at, '{}')",
                of=account,
                id=new_id(at),
                at=at,
            )

    accounts = [new_id(now) for _ in range(5)]
    for number, account in enumerate(accounts):
        await add(account, [old] * (number * 5) + [now] * 10)

    await purge(busy.services)

    kept = "SELECT count(*), count(*) FILTER (WHERE at = :old) FROM audit_events WHERE account_id = :of"
    assert [tuple((await run_sql(busy, kept, of=account, old=old))[0]) for account in accounts] == [(10, 0)] * 5


async def test_failed_jobs_are_kept_for_thirty_days(services: Services, busy: Tenant) -> None:
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

    await purge(busy.services)

    assert [job.arguments["job"] for job in await jobs(services)] == ["failed of late", "waits"]
