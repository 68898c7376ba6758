"""The link in the letter: what it opens, and that a dead one says nothing about why it is dead."""

import httpx
import pytest

from app.core.callers import Role
from tests.support.arrange import SimulatedUser, Tenant
from tests.support.client import Client, ok, refused
from tests.support.credentials import by_token
from tests.support.reports import BYTE_ORDER_MARK, Link, ReportClient, download, text_of
from tests.support.sql import run_sql, set_role, set_status
from tests.support.variants import another_account

NOT_FOUND = {
    "type": "/problems/not_found",
    "title": "Not found",
    "status": 404,
    "code": "not_found",
    "detail": "There is no such object.",
}


def dead(response: httpx.Response) -> None:
    """Assert the one answer of every dead link."""
    refused(response, 404, "not_found")
    assert response.json() == NOT_FOUND
    assert response.headers["cache-control"] == "no-store"
    assert "content-disposition" not in response.headers


@pytest.fixture
async def admin(tenant: Tenant) -> SimulatedUser:
    return await tenant.signed_in(Role.ADMIN)


@pytest.fixture
async def link(desk: ReportClient, admin: SimulatedUser) -> Link:
    """A link that works, of a report that an admin asked for."""
    await desk.written(admin)
    return desk.link()


async def test_the_letter_goes_to_whoever_asked_and_its_link_needs_no_credential(
    desk: ReportClient, admin: SimulatedUser, tenant: Tenant
) -> None:
    report = await desk.written(admin)

    [letter] = desk.letters()
    assert letter["To"].addresses[0].addr_spec == admin.user.email
    assert letter["Subject"] == "Your report is ready (Example & Söhne)"
    assert "a test browser" not in text_of(letter)
    assert "127.0.0.1" in text_of(letter)
    for _ in range(2):  # as often as one likes
        response = await desk.link().follow(tenant.browser())
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


async def test_a_link_that_is_bent_by_a_character_is_dead(link: Link, tenant: Tenant) -> None:
    token = link.token
    bent = [
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
        "\0",
        "ä",
        "x" * 5000,
    ]
    for other in bent:
        dead(await link.follow(tenant.browser(), token=other))
    twice = httpx.QueryParams([("link", token), ("link", "pgr_" + "A" * 43)])
    dead(await tenant.browser().get(link.path, params=twice))


async def test_a_link_opens_no_other_report(
    desk: ReportClient, link: Link, admin: SimulatedUser, tenant: Tenant
) -> None:
    other = await desk.written(admin)

    dead(await link.follow(tenant.browser(), path=f"/reports/{other['id']}/csv"))
    dead(await link.follow(tenant.browser(), path="/reports/01900000-0000-7000-8000-00000000abcd/csv"))
    dead(await link.follow(tenant.browser(), path="/reports/no-id/csv"))


async def test_a_link_is_dead_under_another_account(link: Link, tenant: Tenant) -> None:
    elsewhere = await another_account(tenant)

    dead(await link.follow(elsewhere.browser()))


async def test_a_link_opens_nothing_but_the_file(link: Link, tenant: Tenant) -> None:
    for path in ("/reports", link.path.removesuffix("/csv")):
        refused(await link.follow(tenant.browser(), path=path), 401, "unauthenticated")
    for authorization in (f"Bearer {link.token}", f"Basic {link.token}"):
        headers = {"Authorization": authorization}
        refused(await tenant.browser().get(link.path, headers=headers), 401, "unauthenticated")


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
    assert (await owner.browser.get(link.path)).status_code == 200


async def test_a_credential_counts_before_the_link(
    link: Link, admin: SimulatedUser, owner: SimulatedUser, tenant: Tenant
) -> None:
    agent = await tenant.signed_in(Role.AGENT)
    refused(await link.follow(agent.browser), 403, "forbidden")
    for client in (owner.browser, await by_token(tenant, owner, "reports")):
        assert isinstance(client, Client)
        response = await link.follow(client)
        assert response.status_code == 200
        assert not response.content.startswith(BYTE_ORDER_MARK)
    await admin.browser.delete("/session")
    refused(await link.follow(admin.browser), 401, "unauthenticated")


async def test_the_token_stands_nowhere_in_the_database_once_the_letter_was_sent(
    link: Link, tenant: Tenant
) -> None:
    [report] = await run_sql(tenant, "SELECT * FROM reports WHERE account_id = :account")

    assert report.sealed_token is None
    assert len(report.token_digest) == 32
    assert link.token.encode() not in b"".join(bytes(v) for v in report if isinstance(v, bytes))


async def test_a_link_takes_no_body(link: Link, tenant: Tenant) -> None:
    response = await tenant.browser().request("GET", link.path, params={"link": link.token}, json={"a": 1})

    refused(response, 422, "invalid_request")
