"""PgBouncer in transaction mode: each transaction may run on another database connection."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.callers import Role
from app.core.errors import Unavailable
from app.core.settings import Settings
from app.crypto.passwords import Hasher
from app.main import create_app
from app.services import Services, make_services
from tests.faults.cluster import Cluster
from tests.faults.conftest import CHEAP
from tests.faults.storm import assert_nothing_is_lost, people, run_storm
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.client import ok
from tests.support.account.clock import TurnableClock
from tests.support.observe.jobs import eventually, working
from tests.support.programs.serving import free_port, installed

pytestmark = pytest.mark.skipif(
    not installed("pgbouncer"), reason="needs PgBouncer (Debian: apt-get install pgbouncer)"
)

CONFIGURATION = """
[databases]
passgate = host={host} port=5432 dbname=passgate user=passgate password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_round_robin = 1
ignore_startup_parameters = {ignored}
"""
PAGE = " ".join((Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text().split())
TIME_OUTS = {"statement_timeout": "2400ms", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s"}
LOST_STATEMENT = {"26000", "42P05"}  # SQLSTATE: no such prepared statement; duplicate prepared statement


def ignored() -> str:
    """Return the startup parameters that PgBouncer must ignore, as docs/operating.md says."""
    [found] = re.findall(r"`ignore_startup_parameters = ([a-z_, ]+)`", PAGE)
    return str(found)


def tracks_prepared_statements() -> bool:
    """Return whether this PgBouncer tracks prepared statements itself, as 1.21 and later do."""
    said = subprocess.run(["pgbouncer", "--version"], capture_output=True, text=True, check=True).stdout
    [version] = re.findall(r"PgBouncer (\d+)\.(\d+)", said)
    return tuple(map(int, version)) >= (1, 21)


@pytest.fixture
def pooled_url(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    cluster.start()
    parts, port = urlsplit(cluster.url), free_port()
    configuration = tmp_path / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=parse_qs(parts.query)["host"][0], password=parts.password, port=port, ignored=ignored()
        )
    )
    as_root = os.geteuid() == 0
    # PgBouncer inherits the open file, because the user `nobody` cannot enter its directory.
    with configuration.open() as file, (tmp_path / "pgbouncer.log").open("w") as log:
        process = subprocess.Popen(
            ["pgbouncer", "--quiet", *(["--user=nobody"] if as_root else []), f"/proc/self/fd/{file.fileno()}"],
            pass_fds=[file.fileno()],
            stderr=log,
        )
    try:
        yield f"postgresql://passgate@127.0.0.1:{port}/passgate?pgbouncer=true"
    finally:
        process.terminate()
        process.wait(10)


async def ask(services: Services) -> object:
    async with services.database.read() as tx:
        return await tx.scalar(text("SELECT CAST(:number AS integer)"), {"number": 1})


async def is_there(services: Services) -> bool:
    with suppress(Unavailable):
        async with services.database.read() as tx:
            return bool(await tx.scalar(text("SELECT true")))
    return False


@pytest.fixture
async def pooled(pooled_url: str, settings: Settings, the_clock: TurnableClock) -> AsyncIterator[Tenant]:
    the_clock.reset()
    changed = settings.model_copy(update={"database_url": SecretStr(pooled_url)})
    services = make_services(changed, clock=the_clock, hasher=Hasher(CHEAP))
    app = create_app(services)
    await eventually(lambda: is_there(services))
    yield await make_tenant(app, services, the_clock)
    await services.close()


async def test_enrollment_sign_in_step_up_and_reports_work_through_pgbouncer(pooled: Tenant) -> None:
    owner = await pooled.enrolled(Role.OWNER)
    ok(await owner.browser.patch("/security-policy", json={"require_two_factor": {"team_members": True}}))
    await pooled.pass_passcode(owner)
    assert (await pooled.sign_in(owner))["status"] == "complete"  # on its trusted device
    await pooled.step_up(owner)
    ok(await owner.browser.get("/authorize"), 204)
    report = ok(await owner.browser.post("/reports", json={"type": "two_factor_status"}), 202)

    async def is_written() -> bool:
        return bool(ok(await owner.browser.get(f"/reports/{report['id']}"))["status"] == "ready")

    async with working(pooled.services):
        await eventually(is_written, 20)


async def test_many_sign_ins_at_once_share_a_few_connections(pooled: Tenant) -> None:
    everybody = await people(pooled, signers=12, guessers=4)

    await run_storm(pooled, everybody)

    assert all(getattr(somebody, "in_doubt", 0) == 0 for somebody in everybody)
    await assert_nothing_is_lost(pooled, everybody)


async def test_without_pgbouncer_true_in_the_url_prepared_statements_are_lost(
    pooled: Tenant, pooled_url: str
) -> None:
    if tracks_prepared_statements():
        pytest.skip("this PgBouncer tracks prepared statements itself")
    plain_url = SecretStr(pooled_url.removesuffix("?pgbouncer=true"))
    services = make_services(pooled.services.settings.model_copy(update={"database_url": plain_url}))

    said = await asyncio.gather(*(ask(services) for _ in range(40)), return_exceptions=True)

    lost = [error for error in said if isinstance(error, DBAPIError)]
    assert {getattr(error.orig, "sqlstate", None) for error in lost} & LOST_STATEMENT
    assert await asyncio.gather(*(ask(pooled.services) for _ in range(40))) == [1] * 40
    await services.close()


async def test_time_outs_that_are_set_for_the_role_apply(
    cluster: Cluster, pooled_url: str, settings: Settings
) -> None:
    roles = [f"ALTER ROLE passgate SET {name} = '{value}'" for name, value in TIME_OUTS.items()]
    assert all(f"{name} = '{value}'" in PAGE for name, value in TIME_OUTS.items())
    services = make_services(settings.model_copy(update={"database_url": SecretStr(pooled_url)}))
    await cluster.run(*roles)
    try:
        await eventually(lambda: is_there(services))
        async with services.database.read() as tx:
            shown = {name: await tx.scalar(text(f"SHOW {name}")) for name in TIME_OUTS}
    finally:
        await cluster.run("ALTER ROLE passgate RESET ALL")
        await services.close()

    assert shown == TIME_OUTS
