"""Reports by script: without a letter, with a byte order mark, of a test account."""

import pytest
from structlog.testing import capture_logs

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.reports import BODY, BYTE_ORDER_MARK, ReportClient, download, read_csv
from tests.support.account.reviewers import make_test_account


async def test_a_report_without_notification_sends_no_letter(reports: ReportClient, owner: SimulatedUser) -> None:
    report = await reports.written(owner, notify=False)

    assert report["notify"] is False
    assert reports.letters() == []
    assert len(read_csv(await download(owner, report))) == report["rows"] == 1


async def test_a_report_notifies_unless_told_otherwise(reports: ReportClient, owner: SimulatedUser) -> None:
    assert (await reports.written(owner))["notify"] is True
    assert len(reports.letters()) == 1


@pytest.mark.parametrize("value", [None, 0, "false", []])
async def test_notify_is_true_or_false(owner: SimulatedUser, value: object) -> None:
    refused(await owner.browser.post("/reports", json=BODY | {"notify": value}), 422, "invalid_request")


async def test_the_byte_order_mark_is_there_when_asked_for(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner, notify=False)
    plain = await download(owner, report)
    script = await by_token(tenant, owner, "reports")
    path = f"/reports/{report['id']}/csv"

    marked = await script.get(f"{path}?bom=1")

    assert marked.content == BYTE_ORDER_MARK + plain
    assert marked.headers["content-length"] == str(len(marked.content))
    assert not plain.startswith(BYTE_ORDER_MARK)
    assert (await script.get(f"{path}?bom=0")).content == plain
    refused(await script.get(f"{path}?bom=perhaps"), 422, "invalid_request")
    refused(await script.get(f"{path}?bom={'1' * 60_000}"), 422, "invalid_request")


async def test_each_row_of_a_test_account_says_so(reports: ReportClient, tenant: Tenant) -> None:
    sandbox = await make_test_account(tenant)
    boss = await sandbox.signed_in(Role.OWNER)
    await sandbox.person()
    by_sandbox = ReportClient(sandbox, reports.services)
    with capture_logs() as log:
        rows = await by_sandbox.rows(boss)

    assert [row["test_account"] for row in rows] == ["true", "true"]
    [written] = [line for line in log if line["event"] == "report written"]
    assert written["test_account"] is True
    assert len(ok(await boss.browser.get("/reports"))["items"]) == 1
