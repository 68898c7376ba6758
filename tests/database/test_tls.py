"""A connection to a database on another machine: verified by its certificate, or refused."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg_pool import PoolTimeout
from pydantic import SecretStr
from sqlalchemy import text

from app.commands.check import Finding, check_everything
from app.core.errors import Unavailable
from app.core.settings import Settings, SettingsError
from app.database.bulk import bulk_transaction
from app.database.engine import Database
from app.database.libpq import make_pool
from app.database.long import begin_long
from app.database.migrate import migrate
from app.database.tls import why_unprotected
from app.services import make_services
from tests.database.tls_front import ANOTHER_MACHINE, Front, front_of
from tests.support.programs.mail import Authority, make_authority
from tests.support.programs.serving import free_port, passgate

CLEAR_LINE = "PASSGATE_DATABASE_URL: the server"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"), ANOTHER_MACHINE)


@pytest.fixture
def attacker(database_url: str) -> Iterator[Front]:
    """A man in the middle that answers that the server offers no TLS."""
    with front_of(database_url, None) as front:
        yield front


@pytest.fixture
def tls_server(database_url: str, authority: Authority) -> Iterator[Front]:
    with front_of(database_url, authority.server()) as front:
        yield front


async def assert_nothing_connects(url: str) -> None:
    """Assert that nothing connects; all but the pool raise `Unavailable` and state the reason."""
    database = Database(url)

    async def request() -> None:
        async with database.read():
            pass

    async def job() -> None:
        async with begin_long(url):
            pass

    async def command() -> None:
        async with bulk_transaction(url):
            pass

    for attempt in (request(), job(), command(), migrate(url)):
        with pytest.raises(Unavailable) as refused:
            await attempt
        assert (why_unprotected(refused.value) or "").startswith(CLEAR_LINE)
        assert "TLS" not in refused.value.detail  # the detail is shown to clients
    await database.close()
    pool = make_pool(url)
    with pytest.raises(PoolTimeout):
        await pool.open(wait=True, timeout=2)
    await pool.close()


async def test_a_man_in_the_middle_that_denies_tls_gets_no_byte(database_url: str, attacker: Front) -> None:
    await assert_nothing_connects(attacker.url(database_url))

    assert attacker.in_clear == []


async def test_one_of_several_hosts_that_denies_tls_gets_no_byte(database_url: str, attacker: Front) -> None:
    hosts = f"127.0.0.1:{free_port()},{ANOTHER_MACHINE}"

    await assert_nothing_connects(attacker.url(database_url, host=hosts))

    assert attacker.in_clear == []


async def test_a_server_with_an_untrusted_certificate_gets_nothing(database_url: str, tls_server: Front) -> None:
    await assert_nothing_connects(tls_server.url(database_url))

    assert (tls_server.in_clear, tls_server.served) == ([], 0)


async def test_a_server_with_a_certificate_for_another_name_gets_nothing(
    database_url: str, tmp_path: Path
) -> None:
    other = make_authority(tmp_path, "db.example.com")
    with front_of(database_url, other.server()) as front:
        await assert_nothing_connects(front.url(database_url, query=f"?sslrootcert={other.file}"))

        assert (front.in_clear, front.served) == ([], 0)


async def test_every_kind_of_connection_accepts_a_certificate_of_the_given_authority(
    database_url: str, tls_server: Front, authority: Authority
) -> None:
    url = tls_server.url(database_url, query=f"?sslrootcert={authority.file}")
    database = Database(url)
    async with database.read() as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    await database.close()
    async with begin_long(url) as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    async with bulk_transaction(url) as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    await migrate(url)
    async with make_pool(url) as pool:
        await pool.wait(10)

    assert tls_server.in_clear == []
    assert tls_server.served >= 5


async def test_without_sslrootcert_both_drivers_use_the_system_store(
    database_url: str, tls_server: Front, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    url = tls_server.url(database_url, query="?application_name=by_system_store")
    database = Database(url)
    async with database.read() as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    await database.close()
    async with make_pool(url) as pool:
        await pool.wait(10)


async def test_verify_ca_accepts_any_host_name(database_url: str, tmp_path: Path) -> None:
    other = make_authority(tmp_path, "db.example.com")
    with front_of(database_url, other.server()) as front:
        database = Database(front.url(database_url, query=f"?sslmode=verify-ca&sslrootcert={other.file}"))
        async with database.read() as tx:
            assert await tx.scalar(text("SELECT 1")) == 1
        await database.close()


async def test_an_explicit_sslmode_disable_uses_no_tls(database_url: str, attacker: Front) -> None:
    with pytest.raises(Unavailable):
        await migrate(attacker.url(database_url, query="?sslmode=disable"))

    assert b"passgate" in attacker.in_clear[0]


@pytest.mark.parametrize("name", ["PGSSLMODE", "PGSSLROOTCERT"])
async def test_the_environment_variables_of_libpq_change_nothing(
    database_url: str, attacker: Front, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "disable")

    await assert_nothing_connects(attacker.url(database_url))

    assert attacker.in_clear == []


def test_an_unreadable_sslrootcert_stops_the_start_with_one_line(settings: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file, says in ((tmp_path / "none.pem", "No such file"), (empty, "NO_CERTIFICATE")):
        url = SecretStr(f"postgresql://u:p@db/passgate?sslrootcert={file}")
        with pytest.raises(SettingsError, match=f"^PASSGATE_DATABASE_URL: .*{says}"):
            make_services(settings.model_copy(update={"database_url": url}))


async def findings_of_check(settings: Settings, url: str) -> dict[str, Finding]:
    services = make_services(settings.model_copy(update={"database_url": SecretStr(url)}))
    findings = await check_everything(services)
    await services.close()
    return {finding.subject: finding for finding in findings}


async def test_check_reports_how_the_connection_is_protected(
    settings: Settings, database_url: str, tls_server: Front, attacker: Front, authority: Authority
) -> None:
    local = (await findings_of_check(settings, database_url))["database connection"]
    assert (local.well, local.says) == (True, "in clear, on this machine")
    there = await findings_of_check(settings, tls_server.url(database_url, query=f"?sslrootcert={authority.file}"))
    assert there["database connection"].well
    assert there["database connection"].says == "by TLSv1.3, its certificate checked (verify-full)"
    unknown = (await findings_of_check(settings, tls_server.url(database_url)))["database"]
    assert not unknown.well
    assert "certificate is not accepted" in unknown.says
    assert "sslrootcert=FILE" in unknown.says
    denied = (await findings_of_check(settings, attacker.url(database_url)))["database"]
    assert not denied.well
    assert "offers no TLS" in denied.says
    assert "sslmode=disable" in denied.says


async def test_every_command_that_needs_the_database_ends_with_one_clear_line(
    settings: Settings, database_url: str, attacker: Front, tmp_path: Path
) -> None:
    assert settings.secret_keys is not None
    given = {
        "PASSGATE_DATABASE_URL": attacker.url(database_url),
        "PASSGATE_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "PASSGATE_LOG_LEVEL": "error",
    }

    async def run(*command: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(passgate, *command, data_dir=tmp_path, **given)

    for command in (("serve", "--port", "1"), ("worker",), ("migrate",), ("rotate-keys",)):
        ended = await run(*command)
        assert ended.returncode == 2
        [line] = [line for line in ended.stderr.splitlines() if line.startswith("passgate: ")]
        assert line.startswith(f"passgate: {CLEAR_LINE} offers no TLS")
        assert "Traceback" not in ended.stderr
    assert attacker.in_clear == []
