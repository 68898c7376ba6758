"""Rotation of secret keys while the service runs, killed and resumed; removal of the old key."""

import asyncio
import base64
import re
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.core.callers import Role
from app.core.settings import Settings
from app.credentials.identity_tokens.use_cases import KeyRing
from app.crypto.passwords import Hasher
from app.crypto.sealing import AssociatedData, Sealer
from app.database.base import sealed_columns
from app.database.migrate import migrate
from app.main import create_app
from app.services import Services, make_services
from tests.faults.cluster import Cluster
from tests.faults.conftest import CHEAP
from tests.idempotency.calls import api_token
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import client_of, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import app_of, begin, confirm
from tests.support.account.identity_tokens import ask_token, fetch_keys, verify
from tests.support.account.sign_ins import credentials
from tests.support.account.third_parties import name_provider
from tests.support.observe.jobs import eventually
from tests.support.observe.sql import run_sql
from tests.support.programs.instances import Crowd, crowd_of, running_instances
from tests.support.programs.serving import environment, passgate

OLD = "old:" + base64.b64encode(bytes(range(32))).decode()
NEW = "new:" + base64.b64encode(bytes(range(32, 64))).decode()
BOTH = f"{NEW},{OLD}"
SIGN_INS_AT_ONCE = 4


@pytest.fixture
async def own_url(cluster: Cluster) -> AsyncIterator[str]:
    """The URL of a new database, which contains only what the test sealed."""
    name = f"keys_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(dsn=cluster.url, timeout=5)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    url = urlsplit(cluster.url)._replace(path=f"/{name}").geturl()
    await migrate(url)
    yield url
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
def settings(own_url: str) -> Settings:
    return Settings.model_validate({"database_url": own_url, "secret_keys": OLD})


@pytest.fixture
async def services(settings: Settings, the_clock: TurnableClock) -> AsyncIterator[Services]:
    made = make_services(settings, clock=the_clock, hasher=Hasher(CHEAP))
    yield made
    await made.close()


def with_keys(settings: Settings, keys: str) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "secret_keys": keys})


def variables(own_url: str, keys: str) -> dict[str, str]:
    return {"PASSGATE_DATABASE_URL": own_url, "PASSGATE_SECRET_KEYS": keys}


async def key_ids(own_url: str) -> dict[str, list[str]]:
    """Return the ids of the keys that sealed the values of each sealed column."""
    connection = await asyncpg.connect(dsn=own_url, timeout=5)
    try:
        return {
            f"{column.table.name}.{column.name}": [
                Sealer.key_id_of(row[0])
                for row in await connection.fetch(
                    f"SELECT {column.name} FROM {column.table.name} WHERE {column.name} IS NOT NULL"  # noqa: S608 -- no user input
                )
            ]
            for column in sealed_columns()
        }
    finally:
        await connection.close()


async def seal_one_of_each(tenant: Tenant, own_url: str) -> list[SimulatedUser]:
    """Seal a value in every sealed column with the current key; return users who can sign in."""
    people = [await tenant.enrolled() for _ in range(SIGN_INS_AT_ONCE)]
    await KeyRing(tenant.services).signer()
    owner = await tenant.signed_in(Role.OWNER)
    invited = {"email": "new@example.com", "name": "New", "role": "agent"}
    ok(await owner.browser.post("/users", json=invited, headers={"Idempotency-Key": '"a-key"'}), 201)
    ok(await owner.browser.post("/reports", json={"type": "two_factor_status"}), 202)
    await name_provider(owner)
    connection = await asyncpg.connect(dsn=own_url, timeout=5)
    try:
        for table in ("links", "reports"):
            user = "user_id" if table == "links" else "requested_by"
            [(account, id_, user_id)] = await connection.fetch(f"SELECT account_id, id, {user} FROM {table}")  # noqa: S608 -- no user input
            associated_data = AssociatedData(table, "sealed_token", account, id_, user_id)
            query = f"UPDATE {table} SET sealed_token = $1"  # noqa: S608 -- no user input
            await connection.execute(query, tenant.services.sealer.seal(b"a token", associated_data))
    finally:
        await connection.close()
    found = await key_ids(own_url)
    assert all(found.values()), found
    assert {key for keys in found.values() for key in keys} == {"old"}
    return people


async def sign_in_repeatedly(crowd: Crowd, person: SimulatedUser, stop: asyncio.Event) -> int:
    """Sign in by password and passcode until `stop` is set; return how often. Each must succeed."""
    times = 0
    while not stop.is_set() or times == 0:
        asked = ok(await crowd.post("/sign-ins", credentials(person)), 201)
        body = {"sign_in_token": asked["sign_in_token"], "passcode": person.authenticator.next_passcode()}
        ok(await crowd.post("/sign-ins/passcode", body | {"remember_device": False}), 201)
        times += 1
    return times


async def test_a_rotation_under_load_is_killed_and_resumed_and_the_old_key_removed(
    tenant: Tenant, settings: Settings, own_url: str, clock: TurnableClock, tmp_path: Path
) -> None:
    people = await seal_one_of_each(tenant, own_url)
    waiting = await tenant.signed_in()
    begun, begun_at = await begin(waiting), clock.now()
    call = await api_token(tenant)
    made = ok(await call.send(), 201)

    with running_instances(with_keys(settings, BOTH), clock, count=2) as instances:
        async with crowd_of(instances, tenant.account.slug) as crowd:
            stop = asyncio.Event()
            storm = asyncio.create_task(sign_in_repeatedly(crowd, people[0], stop))
            await kill_half_way(own_url, tmp_path)
            done = await asyncio.to_thread(passgate, "rotate-keys", data_dir=tmp_path, **variables(own_url, BOTH))
            stop.set()
            assert await storm >= 2

    assert done.returncode == 0, done.stderr
    assert "authenticators.sealed_secret: re-encrypted 0" in done.stdout
    assert "the other keys can be removed" in done.stdout
    found = await key_ids(own_url)
    assert {key for keys in found.values() for key in keys} == {"new"}, found

    after = make_services(with_keys(settings, NEW), clock=clock, hasher=Hasher(CHEAP))
    there = Tenant(create_app(after), after, clock, tenant.account)
    for person in people:
        await there.pass_passcode(person, there.browser())
    clock.set(begun_at)  # each sign-in moved it forward
    waiting.browser.http = client_of(there.app, tenant.account.slug).http
    ok(await confirm(waiting, begun, app_of(there, begun).passcode()), 201)
    call.client.http = client_of(there.app, tenant.account.slug).http
    assert ok(await call.send(), 201) == made
    root = httpx.AsyncClient(transport=httpx.ASGITransport(app=there.app), base_url="http://127.0.0.1:8000")
    verify(await ask_token(waiting), await fetch_keys(root), clock)
    await after.close()


async def kill_half_way(own_url: str, tmp_path: Path) -> None:
    """Start a rotation, lock a row that it needs, and kill it when only this row is left."""

    async def only_one_is_left() -> bool:
        return (await key_ids(own_url))["enrollments.sealed_secret"].count("old") == 1

    holder = await asyncpg.connect(dsn=own_url, timeout=5)
    await holder.execute("BEGIN; SELECT FROM enrollments ORDER BY id LIMIT 1 FOR UPDATE")
    rotating = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "rotate-keys"), env=environment(tmp_path, variables(own_url, BOTH))
    )
    try:
        await eventually(only_one_is_left)
        assert rotating.returncode is None
    finally:
        rotating.kill()
        await rotating.wait()
        await holder.close()
    found = await key_ids(own_url)
    assert "new" in found["enrollments.sealed_secret"]
    # Rotated last, so that until then a start without the old key fails.
    assert found["signing_keys.sealed_private_key"] == ["old"]


async def test_a_secret_that_does_not_decrypt_is_reported_and_the_others_are_rotated(
    tenant: Tenant, settings: Settings, own_url: str, tmp_path: Path
) -> None:
    person, other, *_ = await seal_one_of_each(tenant, own_url)
    seal = "SELECT sealed_secret FROM authenticators WHERE account_id = :account AND user_id = :user"
    moved = f"UPDATE authenticators SET sealed_secret = ({seal}) WHERE user_id = :here RETURNING sealed_secret"  # noqa: S608 -- no user input
    before = await run_sql(tenant, moved, user=other.user.id, here=person.user.id)

    ended = passgate("rotate-keys", data_dir=tmp_path, **variables(own_url, BOTH))

    assert ended.returncode == 1
    assert "authenticators.sealed_secret: re-encrypted 3; 1 cannot be decrypted" in ended.stdout
    assert "signing_keys.sealed_private_key: re-encrypted 1\n" in ended.stdout
    assert "can be removed" not in ended.stdout
    [line] = [line for line in ended.stderr.splitlines() if "does not open" in line]
    assert '"column": "authenticators.sealed_secret"' in line
    assert await run_sql(tenant, seal, user=person.user.id) == before
    after = make_services(with_keys(settings, BOTH), clock=tenant.clock, hasher=Hasher(CHEAP))
    there = Tenant(create_app(after), after, tenant.clock, tenant.account)
    body = {"sign_in_token": await there.asked(person), "passcode": person.authenticator.next_passcode()}
    refused(await there.browser().post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")
    await there.pass_passcode(other, there.browser())
    await after.close()


async def seal_in_the_old_format(own_url: str, sealer: Sealer) -> None:
    """Seal user secrets as the previous release did: bound to their row, but not to their user."""
    connection = await asyncpg.connect(dsn=own_url, timeout=5)
    try:
        for column in sealed_columns():
            table, name, user = column.table.name, column.name, column.info["user"]
            if user is None:
                continue
            query = f"SELECT account_id, id, {user}, {name} FROM {table} WHERE {name} IS NOT NULL"  # noqa: S608 -- no user input
            for account, id_, user_id, sealed in await connection.fetch(query):
                associated_data = AssociatedData(table, name, account, id_, user_id)
                old = sealer.seal(sealer.open(sealed, associated_data), replace(associated_data, user_id=None))
                await connection.execute(f"UPDATE {table} SET {name} = $1 WHERE id = $2", old, id_)  # noqa: S608 -- no user input
    finally:
        await connection.close()


async def test_secrets_in_the_old_format_work_until_a_rotation_binds_them_to_their_users(
    tenant: Tenant, own_url: str, tmp_path: Path
) -> None:
    one, two, *_ = await seal_one_of_each(tenant, own_url)
    await seal_in_the_old_format(own_url, tenant.services.sealer)
    await tenant.pass_passcode(one, tenant.browser())

    first = await asyncio.to_thread(passgate, "rotate-keys", data_dir=tmp_path, **variables(own_url, OLD))
    again = await asyncio.to_thread(passgate, "rotate-keys", data_dir=tmp_path, **variables(own_url, OLD))

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    for column, count in (("authenticators.sealed_secret", 4), ("enrollments.sealed_secret", 4)):
        assert f"{column}: re-encrypted {count}\n" in first.stdout
    for column in ("links.sealed_token", "reports.sealed_token", "stored_answers.sealed_answer"):
        assert f"{column}: re-encrypted 1\n" in first.stdout
    for column in ("sso_providers.sealed_secret", "signing_keys.sealed_private_key"):
        # Still in the format that the previous release reads.
        assert f"{column}: re-encrypted 0\n" in first.stdout
    assert again.stdout.count(": re-encrypted 0\n") == len(sealed_columns())
    await tenant.pass_passcode(one, tenant.browser())

    swap = """
        UPDATE authenticators SET user_id = CASE user_id WHEN :one THEN :two ELSE :one END
        WHERE user_id IN (:one, :two)
    """
    await run_sql(tenant, swap, one=one.user.id, two=two.user.id)
    for person in (one, two):
        for app in (one.authenticator, two.authenticator):
            body = {"sign_in_token": await tenant.asked(person), "passcode": app.next_passcode()}
            refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")
    await run_sql(tenant, swap, one=one.user.id, two=two.user.id)
    await tenant.pass_passcode(one, tenant.browser())
    await tenant.pass_passcode(two, tenant.browser())


WRONG = {
    "missing": ("", "PASSGATE_SECRET_KEYS: is not set"),
    "short": ("old:" + base64.b64encode(bytes(31)).decode(), "31 bytes long instead of 32"),
    "of another id": (NEW, "cannot decrypt the stored data. The data was sealed by a key that is not"),
    "of the same id": ("old:" + NEW.partition(":")[2], "cannot decrypt the stored data. The sealed data was"),
}


async def test_a_missing_short_or_wrong_key_stops_the_start_with_one_clear_line(
    services: Services, own_url: str, tmp_path: Path
) -> None:
    await KeyRing(services).signer()

    starts = [(("serve", "--port", "1"), *wrong) for wrong in WRONG.values()]
    for command, keys, says in [*starts, (("worker",), *WRONG["of another id"])]:
        ended = passgate(*command, data_dir=tmp_path, **variables(own_url, keys))
        assert ended.returncode == 2, says
        [line] = ended.stderr.splitlines()
        assert line.startswith("passgate: PASSGATE_SECRET_KEYS: ")
        assert says in line
        assert not re.search("[A-Za-z0-9+/]{20,}", line)
