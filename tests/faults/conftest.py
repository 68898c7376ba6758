"""A Postgres that only these tests use, with `tenant` and `owner`: they kill and freeze it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi import FastAPI

from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.crypto.passwords import Argon2Parameters, Hasher
from app.database.migrate import migrate
from app.main import create_app
from app.services import Services, make_services
from tests.faults.cluster import Cluster
from tests.support.account.clock import TurnableClock

CHEAP = Argon2Parameters(time_cost=1, memory_kib=64)


@pytest.fixture(scope="session")
def open_dir() -> Iterator[Path]:
    """Yield a directory that every user can enter: Postgres and PgBouncer do not run as root."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="session")
def cluster(open_dir: Path) -> Iterator[Cluster]:
    (open_dir / "data").mkdir()
    made = Cluster(open_dir / "data")
    made.start()
    try:
        asyncio.run(migrate(made.url))
        yield made
    finally:
        made.thaw()
        made.stop()


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    return Settings.model_validate({"database_url": cluster.url, "secret_keys": new_key_setting()})


@pytest.fixture
async def services(cluster: Cluster, settings: Settings, the_clock: TurnableClock) -> AsyncIterator[Services]:
    """Services with their own pool, so that no test gets connections that another one broke."""
    made = make_services(settings, clock=the_clock, hasher=Hasher(CHEAP))
    yield made
    cluster.thaw()
    cluster.start()
    await made.close()


@pytest.fixture
def app(services: Services) -> FastAPI:
    return create_app(services)
