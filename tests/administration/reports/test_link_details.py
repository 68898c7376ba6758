"""What the holder of a report's link may see of it, as long as the link opens the report."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.reports import Link, ReportClient
from tests.support.account.variants import another_account
from tests.support.observe.sql import run_sql, set_role, set_status


@pytest.fixture
async def admin(tenant: Tenant) -> SimulatedUser:
    return await tenant.signed_in(Role.ADMIN)


@pytest.fixture
async def link(reports: ReportClient, admin: SimulatedUser) -> Link:
    """A working link to a report that an admin requested."""
    await reports.written(admin)
    return reports.link()


async def is_dead(tenant: Tenant, token: str) -> bool:
    answer = await tenant.browser().post("/report-link-details", json={"token": token})
    if answer.status_code == 200:
        return False
    problem = refused(answer, 410, "link_expired")
    return bool(problem["detail"] == "The link has ended. Ask for a new report.")


async def test_the_link_names_the_account_and_the_requester(
    link: Link, admin: SimulatedUser, tenant: Tenant
) -> None:
    answer = await tenant.browser().post("/report-link-details", json={"token": link.token})

    shown = ok(answer)
    assert shown.pop("expires_at").endswith("Z")
    assert shown == {
        "purpose": "report",
        "account_name": "Example & Söhne",
        "name": "Somebody",
        "email": "a•••@example.com",
        "new_email": None,
    }
    assert admin.user.email not in answer.text


async def test_looking_is_no_download(link: Link, tenant: Tenant) -> None:
    assert not await is_dead(tenant, link.token)

    found = await run_sql(
        tenant, "SELECT id FROM audit_events WHERE account_id = :account AND type = 'report.downloaded'"
    )
    assert found == []
    assert (await link.follow(tenant.browser())).status_code == 200
    assert not await is_dead(tenant, link.token)


async def test_it_shows_nothing_once_the_link_has_ended(link: Link, tenant: Tenant) -> None:
    tenant.clock.turn(hours=24, microseconds=-1)
    assert not await is_dead(tenant, link.token)
    tenant.clock.turn(microseconds=1)
    assert await is_dead(tenant, link.token)


async def test_it_shows_nothing_while_the_requester_is_no_active_admin(
    link: Link, admin: SimulatedUser, tenant: Tenant
) -> None:
    await set_role(tenant, admin, "agent")
    assert await is_dead(tenant, link.token)
    await set_role(tenant, admin, "admin")
    await set_status(tenant, admin, "suspended")
    assert await is_dead(tenant, link.token)
    await set_status(tenant, admin, "active")
    assert not await is_dead(tenant, link.token)


async def test_it_shows_nothing_under_another_account_or_by_another_token(link: Link, tenant: Tenant) -> None:
    assert await is_dead(await another_account(tenant), link.token)
    for token in ("", link.token[:-1], link.token.replace("pgr_", "pgp_"), link.token.partition(".")[2]):
        assert await is_dead(tenant, token)
