"""Frequent requests read few rows, each by an index, however big the tables are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.accounts.repository import Account
from app.core.callers import Role
from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.crypto.passwords import Hasher
from app.database import engine
from app.database.long import begin_long
from app.database.migrate import migrate
from app.main import create_app
from app.services import make_services
from tests.conftest import CHEAP
from tests.database.plans import SETTINGS, Plans
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant, make_tenant
from tests.support.account.client import Client
from tests.support.account.clock import TurnableClock
from tests.support.account.credentials import by_token
from tests.support.account.devices import trusted_person
from tests.support.account.many_users import add_many_users
from tests.support.account.sign_ins import credentials
from tests.support.programs.database import empty_database

_USERS = 20_000
_BIG = 1000
"""A table with at least this many rows counts as growing."""
_MOST_ROWS = 50
"""The most rows examined in a table: ten recovery codes of a user, or a few kinds of hashes."""

# One row for each user of the account in the first tables; 5000 accounts, policies and jobs.
_MORE = """
    INSERT INTO sessions (account_id, id, user_id, token_digest, amr, created_at, last_seen_at, ip, user_agent)
    SELECT account_id, gen_random_uuid(), id, sha256(uuid_send(id)), '{pwd}', now(), now(), '', '' FROM users;
    INSERT INTO sign_ins (account_id, id, user_id, token_digest, next_step, version, created_at, expires_at)
    SELECT account_id, gen_random_uuid(), id, sha256(uuid_send(id)), 'passcode', 1, now(), now() FROM users;
    INSERT INTO api_tokens (account_id, id, user_id, token_digest, description, scopes, created_at)
    SELECT account_id, gen_random_uuid(), id, sha256(uuid_send(id)), '', '{api}', now() FROM users;
    INSERT INTO audit_events (account_id, id, type, at, actor_id, target_id, details)
    SELECT account_id, gen_random_uuid(), 'sign_in_succeeded', now(), id, id, '{}' FROM users;
    INSERT INTO password_limits (account_id, "limit", key, empty_at)
    SELECT account_id, 'user', sha256(uuid_send(id)), now() FROM users;
    INSERT INTO stored_answers (account_id, id, user_id, session_id, key_digest, sealed_answer, expires_at)
    SELECT account_id, gen_random_uuid(), user_id, id, token_digest, '', now() FROM sessions;
    INSERT INTO accounts (id, slug, name, created_at)
    SELECT gen_random_uuid(), 'other-' || n, 'Other', now() FROM generate_series(1, 5000) n;
    INSERT INTO security_policies
    SELECT id, false, false, false, 30, '{totp}', '{totp}', 1, now() FROM accounts WHERE slug LIKE 'other-%';
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    SELECT 'letters', 'send_letter', '{}' FROM generate_series(1, 5000);
    ANALYZE;
"""


@dataclass(frozen=True)
class Watched:
    """An account with many users in a database that logs its plans, and the growing tables."""

    tenant: Tenant
    plans: Plans
    growing: set[str]


@dataclass(frozen=True)
class Request:
    """A request, and the expected status of its response."""

    browser: Client
    status: int
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self) -> None:
        method = "POST" if self.body else "GET"
        sent = self.browser.request(method, self.path, json=self.body, headers=self.headers)
        response = await sent
        assert response.status_code == self.status, response.text


async def unknown_email(tenant: Tenant) -> Request:
    body = {"email": "nobody@example.com", "password": PASSWORD}
    return Request(tenant.browser(), 401, "/sign-ins", body)


async def wrong_password(tenant: Tenant) -> Request:
    person = await tenant.person()
    return Request(tenant.browser(), 401, "/sign-ins", credentials(person, password="not the password"))


async def password_alone(tenant: Tenant) -> Request:
    return Request(tenant.browser(), 201, "/sign-ins", credentials(await tenant.person()))


async def password_before_passcode(tenant: Tenant) -> Request:
    return Request(tenant.browser(), 201, "/sign-ins", credentials(await tenant.enrolled()))


async def password_in_trusted_device(tenant: Tenant) -> Request:
    person = await trusted_person(tenant)
    return Request(person.browser, 201, "/sign-ins", credentials(person))


async def _answer(tenant: Tenant, person: SimulatedUser, passcode: str, status: int) -> Request:
    body = {"sign_in_token": await tenant.asked(person), "passcode": passcode, "remember_device": True}
    return Request(tenant.browser(), status, "/sign-ins/passcode", body)


async def right_passcode(tenant: Tenant) -> Request:
    person = await tenant.enrolled()
    return await _answer(tenant, person, person.authenticator.next_passcode(), 201)


async def wrong_passcode(tenant: Tenant) -> Request:
    person = await tenant.enrolled()
    return await _answer(tenant, person, person.authenticator.wrong_passcode(), 401)


async def right_recovery_code(tenant: Tenant) -> Request:
    person = await trusted_person(tenant)
    return await _answer(tenant, person, person.recovery_codes[0], 201)


async def wrong_recovery_code(tenant: Tenant) -> Request:
    return await _answer(tenant, await tenant.enrolled(), "0000000-0000000", 401)


async def authorize_by_session(tenant: Tenant) -> Request:
    person = await tenant.enrolled()
    tenant.clock.turn(minutes=2)  # so that `last_seen_at` is updated
    return Request(person.browser, 204, "/authorize")


async def authorize_by_token(tenant: Tenant) -> Request:
    admin = await tenant.signed_in(Role.ADMIN)
    return Request(await by_token(tenant, admin, "api"), 204, "/authorize")


async def keyed_request(tenant: Tenant) -> Request:
    admin = await tenant.signed_in(Role.ADMIN)
    body = {"description": "a job", "scopes": ["api"]}
    return Request(admin.browser, 201, "/api-tokens", body, {"Idempotency-Key": '"the-key"'})


async def keyed_request_again(tenant: Tenant) -> Request:
    request = await keyed_request(tenant)
    await request.send()
    return request


SIGNED_IN = {"users", "second_factor_state", "sessions", "audit_events"}
HOT: dict[Callable[[Tenant], Awaitable[Request]], set[str]] = {
    unknown_email: {"users", "password_limits", "audit_events"},
    wrong_password: {"users", "password_limits", "audit_events"},
    password_alone: SIGNED_IN | {"password_limits", "security_policies", "authenticators"},
    password_before_passcode: {"users", "second_factor_state", "password_limits", "sign_ins", "authenticators"},
    password_in_trusted_device: SIGNED_IN | {"trusted_devices", "password_limits"},
    right_passcode: SIGNED_IN
    | {"sign_ins", "authenticators", "trusted_devices", "recovery_codes", "procrastinate_jobs"},
    wrong_passcode: {"sign_ins", "second_factor_state", "authenticators", "audit_events"},
    right_recovery_code: SIGNED_IN
    | {"sign_ins", "recovery_code_sets", "recovery_codes", "trusted_devices", "procrastinate_jobs"},
    wrong_recovery_code: {"sign_ins", "second_factor_state", "recovery_code_sets", "recovery_codes"},
    keyed_request: {"stored_answers", "sessions", "api_tokens"},
    keyed_request_again: {"stored_answers", "sessions", "audit_events"},
    authorize_by_session: {"sessions", "users", "security_policies"},
    authorize_by_token: {"api_tokens", "users", "security_policies"},
}
"""The most frequent requests, and some of the tables that their plans must name."""


@pytest.fixture(scope="module")
async def big(database_url: str, the_clock: TurnableClock) -> AsyncIterator[tuple[Settings, Account]]:
    """A database whose growing tables have thousands of rows each, and its biggest account."""
    async with empty_database(database_url) as url:
        await asyncio.to_thread(asyncio.run, migrate(url))
        settings = Settings.model_validate({"database_url": url, "secret_keys": new_key_setting()})
        services = make_services(settings, clock=the_clock, hasher=Hasher(CHEAP))
        tenant = await make_tenant(create_app(services), services, the_clock)
        async with begin_long(url) as tx:
            await add_many_users(tx, tenant.account.id, Role.END_USER, _USERS, the_clock.now())
        await services.close()
        connection = await asyncpg.connect(url)
        await connection.execute(_MORE)
        await connection.close()
        yield settings, tenant.account


@pytest.fixture(scope="module", params=["force_custom_plan", "force_generic_plan"])
async def watched(
    request: pytest.FixtureRequest, big: tuple[Settings, Account], the_clock: TurnableClock
) -> AsyncIterator[Watched]:
    """The service on the big database, with custom plans or with generic plans."""
    settings, account = big
    plans = Plans()
    connect = engine.connect

    async def watching(url: str, *, seconds: float, settings: dict[str, str]) -> asyncpg.Connection:
        more = SETTINGS | {"plan_cache_mode": request.param}
        connection = await connect(url, seconds=seconds, settings=settings | more)
        plans.listen_to(connection)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "connect", watching)
        services = make_services(settings, clock=the_clock, hasher=Hasher(CHEAP))
        async with services.database.read() as tx:
            growing = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= :big"
            found = await tx.execute(text(growing), {"big": _BIG})
        tenant = Tenant(create_app(services), services, the_clock, account)
        yield Watched(tenant, plans, set(found.scalars()))
        await services.close()


@pytest.mark.parametrize("make_request", HOT, ids=lambda make_request: make_request.__name__)
async def test_a_frequent_request_reads_few_rows_by_an_index(
    watched: Watched, clock: TurnableClock, make_request: Callable[[Tenant], Awaitable[Request]]
) -> None:
    assert clock
    request = await make_request(watched.tenant)
    watched.plans.begin()

    await request.send()

    assert watched.plans.tables() >= HOT[make_request]
    assert HOT[make_request] <= watched.growing
    assert watched.plans.wasteful(watched.growing, most_rows=_MOST_ROWS) == []


async def test_a_query_without_an_index_is_detected(watched: Watched) -> None:
    watched.plans.begin()
    async with watched.tenant.services.database.read() as tx:
        await tx.execute(text("SELECT id FROM sessions WHERE ip = '192.0.2.1'"))
        await tx.execute(
            text("SELECT id FROM users WHERE account_id = :id AND name = ''"), {"id": watched.tenant.account.id}
        )

    detected = watched.plans.wasteful(watched.growing, most_rows=_MOST_ROWS)
    assert [scan.table for scan in detected] == ["sessions", "users"]
