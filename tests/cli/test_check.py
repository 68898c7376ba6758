"""The problems that `passgate check` reports."""

from pathlib import Path
from typing import Any

from app.commands.check import check_everything
from app.services import make_services
from tests.support.account.arrange import Tenant
from tests.support.account.services import with_changes
from tests.support.observe.sql import run_sql


async def wrong(tenant: Tenant, tmp_path: Path, **settings: Any) -> dict[str, str]:
    services = with_changes(tenant.services, data_dir=tmp_path, **settings)
    await run_sql(tenant, "DELETE FROM signing_keys")  # another test may have sealed them with other keys
    return {finding.subject: finding.says for finding in await check_everything(services) if not finding.well}


async def test_a_correct_setup_has_no_problems(tenant: Tenant, tmp_path: Path) -> None:
    tenant.clock.reset()
    tenant.clock.turn(seconds=15)  # the clock starts on a whole time step, up to 30 s late
    said = await wrong(tenant, tmp_path)

    assert set(said) <= {"clock"}


async def test_a_wrong_clock_is_found(tenant: Tenant, tmp_path: Path) -> None:
    tenant.clock.turn(seconds=-60)

    assert set(await wrong(tenant, tmp_path)) == {"clock"}


async def test_a_public_url_without_https_is_found(tenant: Tenant, tmp_path: Path) -> None:
    assert "clients" in await wrong(tenant, tmp_path, public_url="http://passgate.example")
    assert "clients" not in await wrong(tenant, tmp_path, public_url="https://passgate.example")


async def test_each_setting_is_shown_and_no_secret(tenant: Tenant, tmp_path: Path) -> None:
    mail = "smtp://user:mArKeR@127.0.0.1:1"
    services = with_changes(tenant.services, data_dir=tmp_path, mail_url=mail)
    findings = await check_everything(services)

    shown = {finding.subject for finding in findings}
    assert {"PASSGATE_DATABASE_URL", "PASSGATE_PUBLIC_URL", "PASSGATE_MAIL_URL", "PASSGATE_AUDIT_DAYS"} <= shown
    assert "mArKeR" not in str(findings)
    keys = services.settings.secret_keys
    assert keys is not None
    assert keys.get_secret_value() not in str(findings)


async def test_keys_are_not_called_right_without_the_database(tenant: Tenant, tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    services = make_services(with_changes(tenant.services, data_dir=tmp_path, database_url=url).settings)
    try:
        findings = {finding.subject: finding for finding in await check_everything(services)}
    finally:
        await services.close()

    assert not findings["keys"].well
    assert not findings["database"].well
