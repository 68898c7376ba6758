"""A service is ready if its database has the schema that it needs, or a newer one."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from app.core.settings import Settings
from app.database.migrate import migrate
from app.database.revisions import needed_revision
from app.main import create_app
from app.services import make_services
from tests.migrations.test_migrations import SCRIPTS, run
from tests.support.account.client import Client, client_of, ok, refused
from tests.support.account.clock import TurnableClock

ROOT = "http://127.0.0.1:8000"


@pytest.fixture
async def browser(empty_url: str, settings: Settings, the_clock: TurnableClock) -> AsyncIterator[Client]:
    services = make_services(settings.model_copy(update={"database_url": SecretStr(empty_url)}), clock=the_clock)
    yield client_of(create_app(services), "any")
    await services.close()


async def readiness(browser: Client) -> httpx.Response:
    assert ok(await browser.get(f"{ROOT}/healthz")) == {"status": "ok"}
    return await browser.get(f"{ROOT}/readyz")


def not_ready(response: httpx.Response) -> None:
    problem = refused(response, 503, "unavailable")
    assert "passgate migrate" in problem["detail"]
    assert response.headers["retry-after"].isdecimal()


async def test_an_empty_database_is_not_ready(browser: Client) -> None:
    not_ready(await readiness(browser))


async def test_an_older_schema_is_not_ready_and_the_needed_one_is(browser: Client, empty_url: str) -> None:
    for script in SCRIPTS[:-1]:
        await migrate(empty_url, script.revision)
        not_ready(await readiness(browser))
    await migrate(empty_url)

    assert ok(await readiness(browser)) == {"status": "ok"}


async def test_a_schema_of_a_newer_release_is_ready(browser: Client, empty_url: str) -> None:
    await migrate(empty_url)
    for newer in (str(int(needed_revision()) + 1), "299912312359"):
        await run(empty_url, f"UPDATE alembic_version SET version_num = '{newer}'")  # noqa: S608 -- digits

        assert ok(await readiness(browser)) == {"status": "ok"}


async def test_a_reverted_schema_is_not_ready(browser: Client, empty_url: str) -> None:
    await migrate(empty_url)
    assert ok(await readiness(browser)) == {"status": "ok"}

    await migrate(empty_url, "base", down=True)

    not_ready(await readiness(browser))
