"""`passgate import-users` as an operator runs it."""

import hashlib
import subprocess
from pathlib import Path

from tests.support.account.arrange import Tenant
from tests.support.account.importing import BCRYPT, PASSWORD, count_users, file_of, line
from tests.support.account.passwords import send
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.programs.serving import passgate


def run(tenant: Tenant, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    settings = tenant.services.settings
    assert settings.database_url is not None
    assert settings.secret_keys is not None
    return passgate(
        "import-users",
        tenant.account.slug,
        *arguments,
        data_dir=Path("unused"),
        stdin=stdin,
        PASSGATE_DATABASE_URL=settings.database_url.get_secret_value(),
        PASSGATE_SECRET_KEYS=settings.secret_keys.get_secret_value(),
    )


async def test_a_file_is_imported_whole(tenant: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    file.write_bytes(file_of(line("eve@example.com", password_hash=BCRYPT), line("bob@example.com")).getvalue())

    ended = run(tenant, str(file))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "Took 2 users and left out 0 lines.\n"
    assert (await send(tenant.browser(), "eve@example.com", PASSWORD)).status_code == 201


async def test_bad_lines_are_named_on_standard_error_and_nobody_is_imported(tenant: Tenant) -> None:
    content = (
        file_of(line("eve@example.com"), line("bob@example.com", password_hash="hunter2")).getvalue().decode()
    )

    ended = run(tenant, "-", stdin=content)

    assert (ended.returncode, ended.stdout) == (2, "")
    first, last = ended.stderr.splitlines()
    assert first.startswith("passgate: line 2: password_hash: is neither")
    assert last == "passgate: no user was imported"
    assert "hunter2" not in ended.stderr
    assert await count_users(tenant) == 0


async def test_a_second_run_says_when_the_first_one_was_committed(tenant: Tenant) -> None:
    file = file_of(line("eve@example.com"), line("bob@example.com")).getvalue()
    trail = AuditTrail(tenant)
    assert run(tenant, "-", stdin=file.decode()).returncode == 0
    [imported] = [event for event in await trail.new() if event.type == "users.imported"]
    assert imported.details == {"sha256": hashlib.sha256(file).hexdigest(), "users": 2, "left_out": 0}

    again = run(tenant, "-", stdin=file.decode())
    skipping = run(tenant, "-", "--skip-bad", stdin=file.decode())

    said = f"passgate: this file was imported before, at {imported.at:%Y-%m-%d %H:%M:%S} UTC"
    assert (again.returncode, again.stderr.splitlines()[0]) == (2, said)
    assert (skipping.returncode, skipping.stderr.splitlines()[0]) == (0, said)
    assert await count_users(tenant) == 2


async def test_no_earlier_run_is_named_of_another_file_another_account_or_a_refused_run(tenant: Tenant) -> None:
    other = await another_account(tenant)
    file = file_of(line("eve@example.com")).getvalue().decode()
    refused = run(tenant, "-", stdin=file + "nonsense")
    assert run(other, "-", stdin=file).returncode == 0

    for ended in (refused, run(tenant, "-", stdin=file + "nonsense"), run(tenant, "-", stdin=file)):
        assert "before" not in ended.stderr


async def test_skip_bad_leaves_out_bad_lines(tenant: Tenant) -> None:
    content = file_of("nonsense", line("eve@example.com")).getvalue().decode()

    ended = run(tenant, "-", "--skip-bad", stdin=content)

    assert (ended.returncode, ended.stdout) == (0, "Took 1 users and left out 1 lines.\n")
    assert ended.stderr == "passgate: line 1: the line is not JSON\n"
    assert await count_users(tenant) == 1


async def test_a_missing_file_is_reported_without_a_traceback(tenant: Tenant, tmp_path: Path) -> None:
    ended = run(tenant, str(tmp_path / "nothing.jsonl"))

    assert ended.returncode == 2
    assert "Invalid value for" in ended.stderr
    assert "Traceback" not in ended.stderr
