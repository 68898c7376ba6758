"""Requesting a report and reading its status over HTTP."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.callers import Role
from app.database.queue import PermanentJobError
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.account.paging import items, pages
from tests.support.account.reports import BODY, ReportClient, download
from tests.support.account.times import on_the_wire
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail

NO_ID = "01900000-0000-7000-8000-00000000abcd"


async def test_a_report_is_queued_then_ready_and_shows_when_it_expires(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    response = await owner.browser.post("/reports", json=BODY)

    asked = ok(response, 202)
    assert response.headers["location"] == f"/v1/accounts/{tenant.account.slug}/reports/{asked['id']}"
    assert UUID(asked["id"]).version == 7
    queued = {
        "id": asked["id"],
        "type": "two_factor_status",
        "status": "queued",
        "rows": None,
        "requested_by": owner.id,
        "notify": True,
        "created_at": asked["created_at"],
        "ready_at": None,
        "expires_at": None,
    }
    assert asked == queued
    assert ok(await owner.browser.get(f"/reports/{asked['id']}")) == queued
    assert asked["created_at"] == on_the_wire(tenant.clock.now())

    tenant.clock.turn(seconds=7)
    await reports.run_jobs()

    ready = ok(await owner.browser.get(f"/reports/{asked['id']}"))
    assert ready == queued | {
        "status": "ready",
        "rows": 1,
        "ready_at": ready["ready_at"],
        "expires_at": ready["expires_at"],
    }
    assert ready["ready_at"] == on_the_wire(tenant.clock.now())
    assert ready["expires_at"] == on_the_wire(tenant.clock.now() + timedelta(days=7))


async def test_only_owner_and_admins_request_and_read_reports(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)
    admin = await tenant.signed_in(Role.ADMIN)
    paths = ("/reports", f"/reports/{report['id']}", f"/reports/{report['id']}/csv")
    for path in paths:
        assert (await admin.browser.get(path)).status_code == 200
    ok(await admin.browser.post("/reports", json=BODY), 202)

    for role in (Role.AGENT, Role.END_USER):
        person = await tenant.signed_in(role)
        refused(await person.browser.post("/reports", json=BODY), 403, "forbidden")
        for path in paths:
            refused(await person.browser.get(path), 403, "forbidden")
    nobody = tenant.browser()
    refused(await nobody.post("/reports", json=BODY), 401, "unauthenticated")
    for path in paths:
        refused(await nobody.get(path), 401, "unauthenticated")


async def test_another_account_sees_nothing_of_a_report(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)
    stranger = await (await another_account(tenant)).signed_in(Role.OWNER)

    assert await items(stranger.browser, "/reports") == []
    for id_ in (report["id"], NO_ID, "no-id"):
        refused(await stranger.browser.get(f"/reports/{id_}"), 404, "not_found")
        refused(await stranger.browser.get(f"/reports/{id_}/csv"), 404, "not_found")


async def test_an_api_token_with_the_scope_requests_and_downloads_reports(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    script = await by_token(tenant, owner, "reports")
    other = await by_token(tenant, owner, "audit:read", "users:read")
    refused(await other.post("/reports", json=BODY), 403, "scope_missing")

    asked = ok(await script.post("/reports", json=BODY), 202)
    refused(await script.get(f"/reports/{asked['id']}/csv"), 409, "report_not_ready")
    await reports.run_jobs()

    assert ok(await script.get(f"/reports/{asked['id']}"))["requested_by"] == owner.id
    pulled = await script.get(f"/reports/{asked['id']}/csv")
    assert pulled.content == await download(owner, asked)
    refused(await other.get(f"/reports/{asked['id']}/csv"), 403, "scope_missing")


async def test_password_access_reads_the_status_but_neither_requests_nor_downloads(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)
    client = await by_password(tenant, owner, owner)

    assert ok(await client.get(f"/reports/{report['id']}"))["status"] == "ready"
    refused(await client.get(f"/reports/{report['id']}/csv"), 403, "session_required")
    refused(await client.post("/reports", json=BODY), 403, "session_required")


async def test_a_report_of_another_type_or_with_unknown_fields_is_refused(owner: SimulatedUser) -> None:
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"type": "everything"},
        {"type": None},
        BODY | {"include_end_users": "yes"},
        BODY | {"include_end_users": 1},
        BODY | {"columns": []},
    )
    for body in bodies:
        refused(await owner.browser.post("/reports", json=body), 422, "invalid_request")


async def test_reports_are_listed_newest_first_a_page_at_a_time(
    reports: ReportClient, owner: SimulatedUser
) -> None:
    asked = []
    for _ in range(5):
        asked.append((await reports.written(owner))["id"])
        reports.tenant.clock.turn(seconds=1)

    found = await pages(owner.browser, "/reports", limit=2)

    assert [[report["id"] for report in page] for page in found] == [asked[:2:-1], asked[2:0:-1], asked[:1]]


async def test_a_report_that_is_not_ready_is_not_downloaded(reports: ReportClient, owner: SimulatedUser) -> None:
    asked = await reports.ask(owner)

    response = await owner.browser.get(f"/reports/{asked['id']}/csv")

    problem = refused(response, 409, "report_not_ready")
    assert response.headers["retry-after"] == str(problem["retry_after"]) == "5"


async def test_whoever_asks_for_a_report_is_told_when_to_look(reports: ReportClient, owner: SimulatedUser) -> None:
    response = await owner.browser.post("/reports", json=BODY)

    assert response.headers["retry-after"] == "5"
    assert response.headers["location"].endswith(f"/reports/{ok(response, 202)['id']}")
    await reports.run_jobs()
    finished = await owner.browser.get(f"/reports/{response.json()['id']}/csv")
    assert "retry-after" not in finished.headers


async def test_a_fourth_unfinished_report_is_refused(reports: ReportClient, owner: SimulatedUser) -> None:
    for _ in range(3):
        await reports.ask(owner)

    response = await owner.browser.post("/reports", json=BODY)

    refused(response, 429, "too_many_requests")
    assert re.fullmatch("[1-9][0-9]*", response.headers["retry-after"])
    assert await reports.run_job() == "write_report"
    await reports.ask(owner)
    refused(await owner.browser.post("/reports", json=BODY), 429, "too_many_requests")


async def test_exactly_three_of_twenty_concurrent_requests_get_a_report(
    reports: ReportClient, owner: SimulatedUser
) -> None:
    asked = await asyncio.gather(*(owner.browser.post("/reports", json=BODY) for _ in range(20)))

    assert sorted(response.status_code for response in asked) == [202] * 3 + [429] * 17
    assert len(await items(owner.browser, "/reports")) == 3
    other = await (await another_account(reports.tenant)).signed_in(Role.OWNER)
    ok(await other.browser.post("/reports", json=BODY), 202)


def broken(**_: Any) -> str:
    raise OSError("broken")


async def test_a_failed_report_makes_room_for_another(
    reports: ReportClient, owner: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [await reports.ask(owner) for _ in range(3)]
    monkeypatch.setattr("app.administration.reports.writing.status_query", broken)
    reports.tenant.clock.turn(hours=1)
    with pytest.raises(PermanentJobError):
        await reports.run_job()

    await reports.tenant.sign_in(owner)
    assert ok(await owner.browser.get(f"/reports/{asked[0]['id']}"))["status"] == "failed"
    response = await owner.browser.get(f"/reports/{asked[0]['id']}/csv")
    assert "retry_after" not in refused(response, 409, "report_not_ready")  # it never will be ready
    assert "retry-after" not in response.headers
    await reports.ask(owner)


async def test_requests_and_downloads_are_recorded_with_their_actor(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    trail = AuditTrail(tenant)
    await trail.new()
    report = await reports.written(owner, include_end_users=True)
    [asked] = await trail.new()
    await download(owner, report)
    [pulled] = await trail.new()
    await reports.link().follow(tenant.browser(ip="203.0.113.9"))
    [followed] = await trail.new()

    assert (asked.type, pulled.type, followed.type) == ("report.requested", *["report.downloaded"] * 2)
    assert {event.target_id for event in (asked, pulled, followed)} == {UUID(report["id"])}
    assert {event.actor_id for event in (asked, pulled, followed)} == {owner.user.id}
    assert (asked.credential, pulled.credential, followed.credential) == ("session", "session", "report_link")
    assert followed.ip == "203.0.113.9"
    assert asked.details == {"type": "two_factor_status", "include_end_users": True}


async def test_head_of_a_report_downloads_and_records_nothing(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)
    trail = AuditTrail(tenant)
    await trail.new()
    path = f"/reports/{report['id']}/csv"

    head = await owner.browser.request("HEAD", path)

    assert await trail.new() == []
    got = await owner.browser.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "content-disposition"):
        assert head.headers[name] == got.headers[name]
    assert len(await trail.new()) == 1
