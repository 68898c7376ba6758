"""After a failover to the synchronous replica nothing acknowledged is lost or usable twice."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.crypto.passwords import Hasher
from app.database.embedded import server
from app.database.migrate import migrate
from app.main import create_app
from app.services import make_services
from tests.faults.cluster import Cluster
from tests.faults.conftest import CHEAP
from tests.faults.storm import assert_nothing_is_lost, people, ready_again, run_storm
from tests.support.account.arrange import make_tenant
from tests.support.account.clock import TurnableClock
from tests.support.observe.jobs import eventually

SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


def make_replica_dir(primary: Cluster, primary_dir: Path, standby_dir: Path) -> None:
    """Create the data directory of a replica of the primary."""
    [postmaster] = (primary_dir / "postgres" / "postmaster.pid").read_text().split()[:1]
    programs = Path(f"/proc/{postmaster}/exe").resolve().parent
    standby_dir.mkdir()
    shutil.copy(primary_dir / "postgres-password", standby_dir)
    target = standby_dir / "postgres"
    subprocess.run(
        [programs / "pg_basebackup", "-d", primary.url, "-D", target, "--checkpoint=fast", "-X", "stream"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    (target / "standby.signal").touch()
    with (target / "postgresql.auto.conf").open("a") as file:
        file.write(f"primary_conninfo = '{primary.url}&application_name=standby'\n")
    owner = (primary_dir / "postgres").stat()
    for path in (target, *target.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


@pytest.fixture
def pair(open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cluster, Cluster]]:
    """Yield a primary and its streaming replica."""

    def is_up(cluster: Path) -> bool:  # a replica says "standby", never "ready"
        pid = cluster / "postmaster.pid"
        return pid.exists() and pid.read_text().splitlines()[7:8] in (["ready   "], ["standby "])

    monkeypatch.setattr(server, "is_ready", is_up)
    directories = open_dir / "primary", open_dir / "standby"
    directories[0].mkdir()
    primary, standby = map(Cluster, directories)
    try:
        primary.start()
        asyncio.run(migrate(primary.url))
        make_replica_dir(primary, *directories)
        standby.start()
        yield primary, standby
    finally:
        standby.stop()
        primary.stop()


async def test_a_failover_loses_nothing_acknowledged(
    pair: tuple[Cluster, Cluster], the_clock: TurnableClock
) -> None:
    primary, standby = pair
    await primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    async with primary.connection() as somebody_else:
        await eventually(lambda: somebody_else.fetchval(SYNCHRONOUS), 10)

    parts, *hosts = urlsplit(primary.url), *(parse_qs(urlsplit(one.url).query)["host"][0] for one in pair)
    url = f"postgresql://{parts.username}:{parts.password}@/passgate?host={','.join(hosts)}&port=5432,5432"
    settings = Settings.model_validate({"database_url": SecretStr(url), "secret_keys": new_key_setting()})
    services = make_services(settings, clock=the_clock, hasher=Hasher(CHEAP))
    tenant = await make_tenant(create_app(services), services, the_clock)
    everybody = await people(tenant, signers=24, guessers=6)

    storm = asyncio.create_task(run_storm(tenant, everybody))
    await asyncio.sleep(0.3)
    assert not storm.done()
    primary.kill()
    await standby.run("SELECT pg_promote()")
    await ready_again(tenant)
    await storm

    await assert_nothing_is_lost(tenant, everybody)
    await services.close()
