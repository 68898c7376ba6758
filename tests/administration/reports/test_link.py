"""The link in the e-mail: what it opens; a dead link does not say why it is dead."""

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.reports import BODY, BYTE_ORDER_MARK, Link, ReportClient, download, text_of
from tests.support.account.variants import another_account
from tests.support.observe.sql import run_sql, set_role, set_status

ENDED = {
    "type": "/problems/link_expired",
    "title": "The link has ended",
    "status": 410,
    "code": "link_expired",
    "detail": "The link has ended. Ask for a new report.",
}


def dead(response: httpx.Response) -> None:
    """Assert that the response is the one that every dead link gets."""
    refused(response, 410, "link_expired")
    assert response.json() == ENDED
    assert response.headers["cache-control"] == "no-store"
    assert "content-disposition" not in response.headers


@pytest.fixture
async def admin(tenant: Tenant) -> SimulatedUser:
    return await tenant.signed_in(Role.ADMIN)


@pytest.fixture
async def link(reports: ReportClient, admin: SimulatedUser) -> Link:
    """A working link to a report that an admin requested."""
    await reports.written(admin)
    return reports.link()


async def test_the_e_mail_goes_to_the_requester_and_its_link_needs_no_credential(
    reports: ReportClient, admin: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(admin)

    [letter] = reports.letters()
    assert letter["To"].addresses[0].addr_spec == admin.user.email
    assert letter["Subject"] == "Your report is ready (Example & Söhne)"
    assert "a test browser" not in text_of(letter)
    assert "127.0.0.1" in text_of(letter)
    for _ in range(2):  # a link can be used more than once
        response = await reports.link().follow(tenant.browser())
        assert response.status_code == 200
        assert response.content == BYTE_ORDER_MARK + await download(admin, report)
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        name = f"two-factor-status-{tenant.account.slug}-{tenant.clock.now():%Y-%m-%d}.csv"
        assert response.headers["content-disposition"] == f'attachment; filename="{name}"'


async def test_a_link_works_for_twenty_four_hours(link: Link, tenant: Tenant) -> None:
    tenant.clock.turn(hours=24, microseconds=-1)
    assert (await link.follow(tenant.browser())).status_code == 200

    tenant.clock.turn(microseconds=1)
    dead(await link.follow(tenant.browser()))


async def test_a_link_with_a_changed_token_is_dead(link: Link, tenant: Tenant) -> None:
    token = link.token
    changed = [
        "",
        token[:-1],
        token + "A",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:4] + ("A" if token[4] != "A" else "B") + token[5:],
        token.replace("pgr_", "pgs_"),
        token.removeprefix("pgr_"),
        token.swapcase(),
        f" {token}",
        f"{token}\n",
        "ä",
        token.replace(".", ""),
        token.partition(".")[2],
        "pgr_" + token.partition(".")[2],
    ]
    for other in changed:
        dead(await link.follow(tenant.browser(), token=other))


async def test_a_token_that_is_too_long_is_refused_as_invalid(link: Link, tenant: Tenant) -> None:
    refused(await link.follow(tenant.browser(), token=link.token * 2), 422, "invalid_request")


async def test_a_link_opens_no_other_report(
    reports: ReportClient, link: Link, admin: SimulatedUser, tenant: Tenant
) -> None:
    other = await reports.written(admin)

    for id_ in (other["id"], "01900000-0000-7000-8000-00000000abcd", link.report_id.upper()):
        dead(await link.follow(tenant.browser(), token=link.token.replace(link.report_id, id_)))


async def test_a_link_is_dead_under_another_account(link: Link, tenant: Tenant) -> None:
    elsewhere = await another_account(tenant)

    dead(await link.follow(elsewhere.browser()))


async def test_the_token_is_no_credential_and_is_not_accepted_in_a_url(link: Link, tenant: Tenant) -> None:
    browser, secret = tenant.browser(), "pgr_" + link.token.partition(".")[2]
    for path in ("/reports", f"/reports/{link.report_id}", f"/reports/{link.report_id}/csv"):
        for token in (link.token, secret):
            for authorization in (f"Bearer {token}", f"Basic {token}"):
                headers = {"Authorization": authorization}
                refused(await browser.get(path, headers=headers), 401, "unauthenticated")
            for name in ("link", "token"):
                refused(await browser.get(path, params={name: token}), 401, "unauthenticated")
                refused(
                    await browser.post("/report-downloads", params={name: token}, json={}), 422, "invalid_request"
                )


async def test_a_link_is_dead_while_its_requester_is_no_active_admin(
    link: Link, admin: SimulatedUser, tenant: Tenant
) -> None:
    for role in ("agent", "end_user"):
        await set_role(tenant, admin, role)
        dead(await link.follow(tenant.browser()))
    await set_role(tenant, admin, "admin")
    assert (await link.follow(tenant.browser())).status_code == 200

    await set_status(tenant, admin, "suspended")
    dead(await link.follow(tenant.browser()))
    await set_status(tenant, admin, "active")
    assert (await link.follow(tenant.browser())).status_code == 200


async def test_a_link_is_dead_when_its_requester_is_deleted_and_the_report_stays(
    link: Link, admin: SimulatedUser, owner: SimulatedUser, tenant: Tenant
) -> None:
    ok(await owner.browser.delete(f"/users/{admin.id}"), 204)

    dead(await link.follow(tenant.browser()))
    assert (await owner.browser.get(f"/reports/{link.report_id}/csv")).status_code == 200


async def test_the_link_ignores_the_credential_of_the_caller(
    link: Link, owner: SimulatedUser, tenant: Tenant
) -> None:
    agent = await tenant.signed_in(Role.AGENT)
    for client in (owner.browser, agent.browser):
        response = await link.follow(client)
        assert response.status_code == 200
        assert response.content.startswith(BYTE_ORDER_MARK)


async def test_a_session_asks_for_a_report_and_downloads_it_only_when_fresh(
    reports: ReportClient, tenant: Tenant
) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    script = await by_token(tenant, owner, "reports")
    report = await reports.written(owner)
    path = f"/reports/{report['id']}/csv"
    tenant.clock.turn(minutes=11)

    refused(await owner.browser.get(path), 401, "step_up_required")
    refused(await owner.browser.post("/reports", json=BODY), 401, "step_up_required")
    ok(await owner.browser.get("/reports"))
    assert (await script.get(path)).status_code == 200
    ok(await script.post("/reports", json=BODY), 202)

    await tenant.step_up(owner)
    assert (await owner.browser.get(path)).status_code == 200
    ok(await owner.browser.post("/reports", json=BODY), 202)


async def test_the_database_holds_no_token_after_the_e_mail_was_sent(link: Link, tenant: Tenant) -> None:
    [report] = await run_sql(tenant, "SELECT * FROM reports WHERE account_id = :account")

    assert report.sealed_token is None
    assert len(report.token_digest) == 32
    assert link.token.encode() not in b"".join(bytes(v) for v in report if isinstance(v, bytes))
