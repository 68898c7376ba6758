"""A report has the same values for each user as the API."""

from typing import Any
from urllib.parse import quote

import pytest

from app.core.callers import Role
from app.database.long import begin_long
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.account.devices import pass_passcode
from tests.support.account.enrolling import enroll_at_sign_in
from tests.support.account.many_users import add_many_users
from tests.support.account.paging import pages
from tests.support.account.reports import COLUMNS, ReportClient, download
from tests.support.account.third_parties import link_identity
from tests.support.observe.sql import run_sql, set_status


async def expected(client: Client, user: dict[str, Any]) -> dict[str, str]:
    """Return the expected row of a user, built from the API's answers."""
    shown = ok(await client.get(f"/users/{user['id']}/two-factor"))
    authenticators = shown["authenticators"]
    return {
        "user_id": user["id"],
        "name": ("'" if user["name"].startswith("=") else "") + user["name"],
        "email": user["email"],
        "role": user["role"],
        "status": user["status"],
        "two_factor": shown["status"],
        "required_by_account": str(shown["required_by_account"]).lower(),
        "turned_on_by_user": str(shown["turned_on_by_user"]).lower(),
        "methods": ";".join(sorted({found["kind"] for found in authenticators})),
        "passcode_frequency": shown["passcode_frequency"],
        "recovery_codes_left": str(shown["recovery_codes_left"]),
        "trusted_devices": str(shown["trusted_devices"]),
        "enrolled_at": min((found["created_at"] for found in authenticators), default=""),
        "last_passcode_at": shown["last_passcode_at"] or "",
        "last_sign_in_at": user["last_sign_in_at"] or "",
        "test_account": "false",
    }


async def users_of(owner: SimulatedUser) -> list[dict[str, Any]]:
    """Return all users of the account, sorted by e-mail address."""
    found = [user for page in await pages(owner.browser, "/users", limit=100) for user in page]
    return sorted(found, key=lambda user: user["email"].casefold().encode())


async def add_mixed_users(tenant: Tenant, owner: SimulatedUser) -> None:
    """Fill the account with users of every role and every two-factor state."""
    await tenant.person(Role.ADMIN, name="Never signed in", password=None)
    for role in (Role.AGENT, Role.END_USER):
        await link_identity(tenant, await tenant.person(role, name="By a third party alone", password=None))
    await link_identity(tenant, await tenant.signed_in(Role.AGENT))
    await tenant.signed_in(Role.AGENT)
    await tenant.signed_in(Role.END_USER)
    await tenant.enrolled(Role.END_USER)
    await set_status(tenant, await tenant.enrolled(Role.AGENT), "suspended")
    await set_status(tenant, await tenant.signed_in(Role.ADMIN), "suspended")
    trusting = await tenant.enrolled(Role.ADMIN)
    await link_identity(tenant, trusting)
    for _ in range(2):
        await pass_passcode(tenant, trusting, tenant.browser())
    tenant.clock.turn(days=20)  # these two devices stay trusted for ten more days
    await tenant.sign_in(owner)
    await tenant.enroll(owner)
    await pass_passcode(tenant, trusting, tenant.browser())
    asked_always = await tenant.enrolled(Role.AGENT)
    frequency = {"passcode_frequency": "every_sign_in"}
    ok(await asked_always.browser.patch("/users/me/two-factor", json=frequency))
    recovering = await tenant.enrolled(Role.AGENT)
    tenant.clock.turn(microseconds=123_450)
    body = {"sign_in_token": await tenant.asked(recovering), "passcode": recovering.recovery_codes[0]}
    ok(await tenant.browser().post("/sign-ins/passcode", json=body), 201)
    twice = await tenant.enrolled(Role.AGENT)
    await tenant.enroll(twice)
    disabled = await tenant.enrolled(Role.AGENT)
    await run_sql(
        tenant,
        "UPDATE second_factor_state SET failures = 100, authenticators_disabled_at = :now "
        "WHERE account_id = :account AND user_id = :id",
        now=tenant.clock.now(),
        id=disabled.user.id,
    )
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)
    await enroll_at_sign_in(tenant, await tenant.person(Role.AGENT))
    await enroll_at_sign_in(tenant, await tenant.person(Role.ADMIN))


async def check(reports: ReportClient, owner: SimulatedUser) -> list[dict[str, str]]:
    """Assert that reports with and without end users equal what the API says, and return the longer one."""
    users = await users_of(owner)
    everybody = [await expected(owner.browser, user) for user in users]
    assert await reports.rows(owner, include_end_users=True) == everybody
    assert await reports.rows(owner) == [row for row in everybody if row["role"] != "end_user"]
    return everybody


@pytest.mark.parametrize("most_few", [1000, 0], ids=["few users", "many users"])
async def test_a_report_agrees_with_the_api_about_each_user(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, most_few: int
) -> None:
    monkeypatch.setattr("app.administration.reports.writing._MAX_BY_ID", most_few)
    await add_mixed_users(tenant, owner)
    found = set()

    for team_members, end_users, days in (
        (True, False, 30),
        (False, True, 30),
        (True, True, 5),
        (False, False, 0),
    ):
        await tenant.step_up(owner)
        await tenant.require(owner, team_members=team_members, end_users=end_users)
        ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": days}))
        rows = await check(reports, owner)
        found |= {row["two_factor"] for row in rows}
        assert {row["trusted_devices"] for row in rows} == {30: {"0", "3"}, 5: {"0", "1"}, 0: {"0"}}[days]

    assert found == {"on", "off", "setup_required", "not_applicable"}
    assert {row["recovery_codes_left"] for row in rows} == {"0", "9", "10"}
    assert {row["role"] for row in rows} == {"owner", "admin", "agent", "end_user"}
    assert {row["status"] for row in rows} == {"active", "suspended"}
    assert {row["methods"] for row in rows} == {"", "totp"}
    assert any(row["last_passcode_at"].endswith(".123450Z") for row in rows)


async def test_devices_count_until_they_expire(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    trusting = await tenant.enrolled(Role.ADMIN)
    await pass_passcode(tenant, trusting, trusting.browser)
    trusted_at = tenant.clock.now()

    async def devices() -> dict[str, str]:
        await tenant.sign_in(owner)
        return {row["user_id"]: row["trusted_devices"] for row in await reports.rows(owner)}

    tenant.clock.turn(days=30, microseconds=-1)
    assert await devices() == {owner.id: "0", trusting.id: "1"}
    tenant.clock.set(trusted_at)
    tenant.clock.turn(days=30)
    assert await devices() == {owner.id: "0", trusting.id: "0"}


async def test_rows_are_sorted_by_e_mail_ignoring_letter_case(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    for email in ("B@example.com", "a@example.com", "C@example.com", "ä@example.com", "Z@example.com"):
        await tenant.person(email=email)

    emails = [row["email"] for row in await reports.rows(owner)]

    assert [email for email in emails if email != owner.user.email] == [
        "a@example.com",
        "B@example.com",
        "C@example.com",
        "Z@example.com",
        "ä@example.com",
    ]


async def test_the_file_is_named_after_account_and_day_and_is_never_cached(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)

    response = await owner.browser.get(f"/reports/{report['id']}/csv")

    name = f"two-factor-status-{tenant.account.slug}-{tenant.clock.now():%Y-%m-%d}.csv"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.content.startswith(",".join(COLUMNS).encode() + b"\r\n" + owner.id.encode())
    assert response.content.endswith(b"\r\n")


async def test_a_report_of_twenty_thousand_users_agrees_with_the_api(
    reports: ReportClient, tenant: Tenant
) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    async with begin_long(tenant.services.settings.database_url.get_secret_value()) as tx:  # type: ignore[union-attr]  # it is set
        await add_many_users(tx, tenant.account.id, Role.AGENT, 20_000, tenant.clock.now())
        await add_many_users(tx, tenant.account.id, Role.END_USER, 500, tenant.clock.now())
    await tenant.require(owner, team_members=True)

    team = await reports.rows(owner)
    report = await reports.written(owner, include_end_users=True)

    assert report["rows"] == 20_501
    assert len(team) == 20_001
    assert [row["email"] for row in team] == sorted((row["email"] for row in team), key=str.casefold)
    assert len({row["user_id"] for row in team}) == 20_001
    assert len(await download(owner, report)) > 3 * 1024 * 1024  # several chunks
    for row in [*team[::400], team[-1]]:
        user = ok(await owner.browser.get(f"/users/{quote(row['user_id'])}"))
        assert row == await expected(owner.browser, user)
