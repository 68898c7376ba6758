"""What `passgate check` says of what is wrong."""

from pathlib import Path
from typing import Any

from app.commands.check import examine
from tests.support.arrange import Place
from tests.support.services import with_changes
from tests.support.sql import run_sql


async def wrong(place: Place, tmp_path: Path, **settings: Any) -> dict[str, str]:
    services = with_changes(place.services, data_dir=tmp_path, **settings)
    await run_sql(place, "DELETE FROM signing_keys")  # another test's, which may have had other sealing keys
    return {finding.subject: finding.says for finding in await examine(services) if not finding.well}


async def test_nothing_is_wrong_where_all_is_well(place: Place, tmp_path: Path) -> None:
    place.clock.reset()
    place.clock.turn(seconds=15)  # it stands on a whole step, up to 30 s behind
    said = await wrong(place, tmp_path)

    assert set(said) <= {"clock"}


async def test_a_clock_that_is_off_is_found(place: Place, tmp_path: Path) -> None:
    place.clock.turn(seconds=-60)

    assert set(await wrong(place, tmp_path)) == {"clock"}


async def test_a_public_url_without_https_is_found(place: Place, tmp_path: Path) -> None:
    assert "clients" in await wrong(place, tmp_path, public_url="http://passgate.example")
    assert "clients" not in await wrong(place, tmp_path, public_url="https://passgate.example")


async def test_each_setting_is_shown_and_no_secret(place: Place, tmp_path: Path) -> None:
    mail = "smtp://user:mArKeR@127.0.0.1:1"
    services = with_changes(place.services, data_dir=tmp_path, mail_url=mail)
    findings = await examine(services)

    shown = {finding.subject for finding in findings}
    assert {"PASSGATE_DATABASE_URL", "PASSGATE_PUBLIC_URL", "PASSGATE_MAIL_URL", "PASSGATE_AUDIT_DAYS"} <= shown
    assert "mArKeR" not in str(findings)
    keys = services.settings.secret_keys
    assert keys is not None
    assert keys.get_secret_value() not in str(findings)
