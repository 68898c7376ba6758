"""Fixtures for all tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings
from structlog.processors import KeyValueRenderer

from app.core.callers import Role
from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.crypto.passwords import Argon2Parameters, Hasher
from app.main import create_app
from app.services import Services, make_services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.clock import TurnableClock
from tests.support.observe.limits import forget_addresses
from tests.support.programs.database import migrated_database
from tests.support.programs.oidc_provider import Issuer, running_issuer

hypothesis_settings.register_profile("machine-of-any-speed", deadline=None)
hypothesis_settings.load_profile("machine-of-any-speed")

# Nobody reads the log of a test, and the usual rendering takes longer than most requests.
structlog.configure(processors=[KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory())


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run directories in two processes, and single files in this one, with one database."""
    return 2 if any(Path(argument.partition("::")[0]).is_dir() for argument in config.args) else 0


# Cheap parameters: these tests do not depend on the cost of a hash.
CHEAP = Argon2Parameters(time_cost=1, memory_kib=64)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a migrated database, one per test process."""
    with migrated_database(tmp_path_factory.mktemp("data")) as url:
        yield url


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a data directory of this process: two processes must not empty each other's mailbox."""
    return Settings.model_validate(
        {
            "database_url": database_url,
            "secret_keys": new_key_setting(),
            "data_dir": tmp_path_factory.mktemp("data_dir"),
        }
    )


@pytest.fixture(scope="session")
def the_clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def clock(the_clock: TurnableClock) -> TurnableClock:
    """The service's clock, set to the machine's time when a test begins."""
    the_clock.reset()
    return the_clock


@pytest.fixture(scope="session")
async def services(settings: Settings, the_clock: TurnableClock) -> AsyncIterator[Services]:
    made = make_services(settings, clock=the_clock, hasher=Hasher(CHEAP))
    yield made
    await made.close()


@pytest.fixture(scope="session")
def app(services: Services) -> FastAPI:
    return create_app(services)


@pytest.fixture
async def tenant(app: FastAPI, services: Services, clock: TurnableClock) -> Tenant:
    """A new account for the test; the address limits shared by all accounts are reset."""
    await forget_addresses(services)
    return await make_tenant(app, services, clock)


@pytest.fixture
async def owner(tenant: Tenant) -> SimulatedUser:
    """The account's owner, with a fresh session by password."""
    return await tenant.signed_in(Role.OWNER)


@pytest.fixture(scope="session")
def the_issuer(the_clock: TurnableClock) -> Iterator[Issuer]:
    with running_issuer(the_clock) as issuer:
        yield issuer


@pytest.fixture
def issuer(the_issuer: Issuer, clock: TurnableClock) -> Issuer:
    """An OpenID Connect issuer in its initial state, with the service's clock."""
    assert clock
    the_issuer.begin()
    return the_issuer
