"""The worker's report jobs: retries, failures, and the expiry of reports."""

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
import structlog

from app.administration.reports import repository
from app.administration.reports.jobs import purge_reports, send_report_link, write_report
from app.core.callers import Role
from app.core.errors import Unavailable
from app.database.queue import PermanentJobError
from app.delivery.letters import Email
from app.delivery.mailer import MailUnavailableError
from app.delivery.messages import render
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.reports import ReportClient, download, link_in, read_csv
from tests.support.account.services import with_changes
from tests.support.observe.jobs import all_done, empty_queue, jobs, letters, working
from tests.support.observe.sql import run_sql, set_role, set_status
from tests.support.programs.mail import RunningServer, mail_server
from tests.support.programs.serving import free_port


@pytest.fixture
def smtp_server() -> Iterator[RunningServer]:
    with mail_server() as server:
        yield server


async def status(owner: SimulatedUser, report: dict[str, str]) -> str:
    shown: str = ok(await owner.browser.get(f"/reports/{report['id']}"))["status"]
    return shown


async def count_chunks(tenant: Tenant) -> int:
    [row] = await run_sql(tenant, "SELECT count(*) AS chunks FROM report_chunks WHERE account_id = :account")
    found: int = row.chunks
    return found


async def test_the_queue_holds_no_secret(reports: ReportClient, owner: SimulatedUser) -> None:
    await reports.ask(owner)
    for name, task in (("write_report", write_report), ("send_report_link", send_report_link)):
        taken, arguments = await reports.take_job() or ("", {})
        assert taken == name
        assert set(arguments) == {"account_id", "report_id", "ip", "user_agent"}
        await task(reports.services, **arguments)


async def test_a_job_that_runs_again_changes_nothing_and_sends_nothing(
    reports: ReportClient, owner: SimulatedUser
) -> None:
    report = await reports.ask(owner)
    _, arguments = await reports.take_job() or ("", {})
    await write_report(reports.services, **arguments)
    await reports.run_jobs()
    ready = ok(await owner.browser.get(f"/reports/{report['id']}"))
    content, link = await download(owner, report), reports.link()

    reports.tenant.clock.turn(minutes=5)
    await write_report(reports.services, **arguments)
    await send_report_link(reports.services, **arguments)

    assert ok(await owner.browser.get(f"/reports/{report['id']}")) == ready
    assert await download(owner, report) == content
    assert reports.link() == link
    assert await reports.run_job() is None


async def test_an_e_mail_that_is_sent_twice_has_the_same_content(
    reports: ReportClient, owner: SimulatedUser, smtp_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = with_changes(reports.services, mail_url=smtp_server.url())
    await reports.ask(owner)
    _, arguments = await reports.take_job() or ("", {})
    await write_report(services, **arguments)
    change_report = repository.change_report

    async def fail_after_sending(*given: Any, **values: Any) -> None:
        if values == {"sealed_token": None}:
            raise Unavailable
        await change_report(*given, **values)

    with monkeypatch.context() as patched:
        patched.setattr(repository, "change_report", fail_after_sending)
        with pytest.raises(Unavailable):
            await send_report_link(services, **arguments)
    reports.tenant.clock.turn(minutes=5)
    await send_report_link(services, **arguments)
    await send_report_link(services, **arguments)

    first, second = smtp_server.mailbox.of(owner.user.email)
    assert first.as_bytes().replace(boundary(first), b"") == second.as_bytes().replace(boundary(second), b"")
    assert (await link_in(second, reports.tenant).follow(reports.tenant.browser())).status_code == 200


def boundary(letter: EmailMessage) -> bytes:
    return (letter.get_boundary() or "").encode()


async def test_no_link_is_sent_to_an_admin_who_was_demoted_or_suspended(
    reports: ReportClient, tenant: Tenant
) -> None:
    demoted, suspended = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.ADMIN)
    for admin in (demoted, suspended):
        await reports.ask(admin)
    await set_role(tenant, demoted, "agent")
    await set_status(tenant, suspended, "suspended")

    await reports.run_jobs()

    assert reports.letters() == []


def broken(**_: Any) -> str:
    raise OSError("broken")


async def test_a_failing_report_is_retried_for_an_hour_and_then_fails(
    reports: ReportClient, owner: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await reports.ask(owner)
    _, arguments = await reports.take_job() or ("", {})
    with monkeypatch.context() as patched:
        patched.setattr("app.administration.reports.writing.status_query", broken)
        with pytest.raises(OSError, match="broken"):
            await write_report(reports.services, **arguments)
        assert await status(owner, report) == "running"
        refused(await owner.browser.get(f"/reports/{report['id']}/csv"), 409, "report_not_ready")
        reports.tenant.clock.turn(minutes=59)
        with pytest.raises(OSError, match="broken"):
            await write_report(reports.services, **arguments)
        reports.tenant.clock.turn(minutes=1)
        with pytest.raises(PermanentJobError):
            await write_report(reports.services, **arguments)

    await reports.tenant.sign_in(owner)
    assert await status(owner, report) == "failed"
    await write_report(reports.services, **arguments)
    assert await status(owner, report) == "failed"
    assert await count_chunks(reports.tenant) == 0
    [letter] = await letters(reports.tenant)  # one, though the job ran again
    assert (letter["kind"], letter["to"]) == ("report_failed", owner.user.email)
    assert (letter["ip"], letter["user_agent"]) == (arguments["ip"], arguments["user_agent"])


async def test_a_failure_halfway_leaves_no_chunks_and_the_retry_is_complete(
    reports: ReportClient, owner: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        await reports.tenant.person(name="long " * 20_000, password=None)
    report = await reports.ask(owner)
    _, arguments = await reports.take_job() or ("", {})
    add_chunk = repository.add_chunk

    async def fail_at_the_second_chunk(*given: Any) -> None:
        if given[3] == 1:
            raise OSError("the database is gone")
        await add_chunk(*given)

    with monkeypatch.context() as patched:
        patched.setattr(repository, "add_chunk", fail_at_the_second_chunk)
        with pytest.raises(OSError, match="gone"):
            await write_report(reports.services, **arguments)
    assert await count_chunks(reports.tenant) == 0
    assert await status(owner, report) == "running"

    await write_report(reports.services, **arguments)

    assert await count_chunks(reports.tenant) > 1
    assert len(read_csv(await download(owner, report))) == 31


async def test_a_report_expires_after_seven_days_and_is_deleted_after_thirty(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)
    tenant.clock.turn(days=7, microseconds=-1)
    await purge_reports(reports.services)
    await tenant.sign_in(owner)
    assert await status(owner, report) == "ready"
    assert (await owner.browser.get(f"/reports/{report['id']}/csv")).status_code == 200

    tenant.clock.turn(microseconds=1)
    for _ in range(2):  # before it was purged, and afterwards
        shown = ok(await owner.browser.get(f"/reports/{report['id']}"))
        assert shown == report | {"status": "expired"}
        assert ok(await owner.browser.get("/reports"))["items"] == [shown]
        refused(await owner.browser.get(f"/reports/{report['id']}/csv"), 409, "report_not_ready")
        await purge_reports(reports.services)
    assert await count_chunks(tenant) == 0

    tenant.clock.turn(days=23, seconds=1)
    await purge_reports(reports.services)
    await tenant.sign_in(owner)
    refused(await owner.browser.get(f"/reports/{report['id']}"), 404, "not_found")


async def test_a_report_whose_job_is_lost_fails_after_two_days(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.ask(owner)
    await reports.take_job()
    tenant.clock.turn(days=2)
    for _ in range(2):
        await purge_reports(reports.services)

    await tenant.sign_in(owner)

    assert await status(owner, report) == "failed"
    [letter] = await letters(tenant)
    assert (letter["kind"], letter["to"]) == ("report_failed", owner.user.email)
    said = render(Email.from_json(letter)).text
    assert "could not be written" in said
    assert "From:" not in said  # it is not known any more


async def test_a_failed_report_is_not_told_to_an_admin_who_was_demoted(
    reports: ReportClient, tenant: Tenant
) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    await reports.ask(admin)
    await reports.take_job()
    await set_role(tenant, admin, "agent")
    tenant.clock.turn(days=2)

    await purge_reports(reports.services)

    assert await letters(tenant) == []


async def test_a_report_link_that_ended_unsent_is_counted_as_lost(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.ask(owner)
    await reports.run_job()
    _, arguments = await reports.take_job() or ("", {})
    gone = with_changes(reports.services, mail_url=f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(MailUnavailableError):
        await send_report_link(gone, **arguments)
    tenant.clock.turn(hours=24)

    with structlog.testing.capture_logs() as logs:
        await send_report_link(reports.services, **arguments)

    assert reports.letters() == []
    assert [entry["letter"] for entry in logs if entry["event"] == "letter expired"] == [report["id"]]
    counted = "SELECT count FROM delivery_counts WHERE account_id = :account AND result = 'expired'"
    assert [row.count for row in await run_sql(tenant, counted)] == [1]


async def test_a_download_is_cut_off_if_the_report_is_purged_meanwhile(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)
    await run_sql(tenant, "DELETE FROM report_chunks WHERE account_id = :account")

    # The server then closes the connection, so the body is shorter than its `Content-Length`.
    with structlog.testing.capture_logs(), pytest.raises(LookupError):
        await owner.browser.get(f"/reports/{report['id']}/csv")


async def test_a_worker_writes_a_queued_report_and_e_mails_its_link(
    reports: ReportClient, owner: SimulatedUser, smtp_server: RunningServer
) -> None:
    services = with_changes(reports.services, mail_url=smtp_server.url())
    await empty_queue(services)
    report = await reports.ask(owner)

    async with working(services):
        await all_done(services)

    assert await jobs(services) == []
    assert await status(owner, report) == "ready"
    [letter] = smtp_server.mailbox.of(owner.user.email)
    assert letter["Message-ID"] == f"<{report['id']}@[127.0.0.1]>"
    assert (await link_in(letter, reports.tenant).follow(reports.tenant.browser())).status_code == 200
