"""Commands for a user who lost the password, and for an account whose owner is gone."""

import asyncio

import pytest

from app.accounts.users.use_cases import NewUser
from app.commands import provision
from app.core.callers import Role
from app.core.errors import Conflict, InvalidRequest, NotFound
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.paging import items
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.jobs import letters
from tests.support.observe.mailbox import empty_mailbox
from tests.support.observe.sql import run_sql

NEW = "another long enough password"
TOO_LONG_OR_EMPTY = ["", " ", "\u200d", "a\x00b", "a\nb", "a\u202eb", "a" * 501, "a" * 60_000]


async def printed_token(tenant: Tenant, email: str) -> str:
    url, expires_at = await provision.create_password_link(tenant.services, tenant.account.slug, email)
    assert f"/links/{tenant.account.slug}/password?locale=en#" in url
    assert (expires_at - tenant.clock.now()).total_seconds() == 3600
    return url.partition("#")[2]


async def redeem(tenant: Tenant, token: str) -> int:
    body = {"token": token, "new_password": NEW}
    return (await tenant.browser().post("/password-links/redemption", json=body)).status_code


async def test_a_printed_link_sets_a_password_once_and_leaves_the_second_factor(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await printed_token(tenant, person.user.email.upper())

    assert await redeem(tenant, token) == 204
    assert await redeem(tenant, token) == 410
    refused(await person.browser.get("/session"), 401, "unauthenticated")
    assert (await tenant.sign_in(person, tenant.browser(), password=NEW))["status"] == "passcode_required"


async def test_a_printed_link_ends_after_an_hour_and_by_the_next_one(tenant: Tenant) -> None:
    person = await tenant.person()
    first = await printed_token(tenant, person.user.email)
    second = await printed_token(tenant, person.user.email)

    assert await redeem(tenant, first) == 410
    tenant.clock.turn(hours=1)
    assert await redeem(tenant, second) == 410


async def test_a_printed_link_is_recorded_and_neither_mailed_nor_stored(tenant: Tenant) -> None:
    person = await tenant.person()
    trail, mailbox = AuditTrail(tenant), await empty_mailbox(tenant)
    await trail.new()

    token = await printed_token(tenant, person.user.email)

    [event] = await trail.new()
    assert (event.type, event.actor_id, event.credential) == ("password_link.created", None, "command_line")
    assert event.target == ("user", person.user.id)
    assert await mailbox.read() == []
    [row] = await run_sql(tenant, "SELECT links::text, sealed_token FROM links WHERE account_id = :account")
    assert token not in row[0]
    assert row[1] is None


async def test_a_printed_link_ends_with_the_user_s_access(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.person()
    token = await printed_token(tenant, person.user.email)
    for status in ("suspended", "active"):
        ok(await owner.browser.patch(f"/users/{person.id}", json={"status": status}))

    assert await redeem(tenant, token) == 410


async def test_no_link_is_printed_for_a_suspended_or_unknown_user_or_one_of_another_account(
    tenant: Tenant,
) -> None:
    suspended = await tenant.person(status="suspended")
    other = await another_account(tenant)
    stranger = await other.person()

    with pytest.raises(Conflict, match="suspended"):
        await printed_token(tenant, suspended.user.email)
    for email in ("nobody@example.com", "nonsense", stranger.user.email):
        with pytest.raises(NotFound):
            await printed_token(tenant, email)
    assert await run_sql(tenant, "SELECT id FROM links WHERE account_id = :account") == []


async def transfer(tenant: Tenant, heir: SimulatedUser, reason: str = "The owner left us.") -> None:
    await provision.transfer_ownership(tenant.services, tenant.account.slug, heir.user.email, reason)


async def test_an_admin_becomes_the_owner_and_the_access_of_both_ends(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    heir, other = await tenant.signed_in(Role.ADMIN), await tenant.signed_in(Role.ADMIN)

    await transfer(tenant, heir)

    for person in (owner, heir):
        refused(await person.browser.get("/session"), 401, "unauthenticated")
        await tenant.sign_in(person)
    assert ok(await other.browser.get("/session"))["user"]["role"] == "admin"
    assert ok(await owner.browser.get("/session"))["user"]["role"] == "admin"
    assert [user["id"] for user in await items(heir.browser, "/users", role="owner")] == [heir.id]


async def test_a_transfer_is_recorded_with_its_reason(tenant: Tenant, owner: SimulatedUser) -> None:
    heir = await tenant.person(Role.ADMIN)
    trail = AuditTrail(tenant)
    await trail.new()

    await transfer(tenant, heir, "  The owner\u00a0left us. ")

    events = await trail.new()
    assert {(event.actor_id, event.credential) for event in events} == {(None, "command_line")}
    assert [event.type for event in events] == [
        "ownership.handed_over",
        "session.ended",
        "user.changed",
        "user.changed",
    ]
    assert events[0].target_id == heir.user.id
    assert events[0].details == {"from": owner.id, "reason": "The owner left us."}


async def test_all_active_admins_are_told_and_nobody_else(tenant: Tenant, owner: SimulatedUser) -> None:
    heir, admin = await tenant.person(Role.ADMIN, name="Heir"), await tenant.person(Role.ADMIN, locale="de")
    await tenant.person(Role.ADMIN, status="suspended")
    await tenant.person(Role.AGENT)
    mailbox = await empty_mailbox(tenant)

    await transfer(tenant, heir)

    told = {to: " ".join(text.split()) for to, text in await mailbox.read()}
    assert len(told) == 3
    by_email = {
        person.user.email: text
        for person in (owner, heir, admin)
        for to, text in told.items()
        if person.user.email in to
    }
    assert "The operator of the service has made Heir the owner" in by_email[owner.user.email]
    assert "All your sessions have ended" in by_email[heir.user.email]
    assert "Der Betreiber des Dienstes hat Heir das Konto" in by_email[admin.user.email]
    assert "Sitzungen sind beendet" not in by_email[admin.user.email]


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_nobody_but_an_active_admin_of_the_account_receives_it(
    tenant: Tenant, owner: SimulatedUser, role: Role
) -> None:
    other = await another_account(tenant)
    for heir in (await tenant.person(role), await tenant.person(Role.ADMIN, status="suspended"), owner):
        with pytest.raises(Conflict, match="active admin"):
            await transfer(tenant, heir)
    with pytest.raises(NotFound):
        await transfer(tenant, await other.person(Role.ADMIN))

    assert ok(await owner.browser.get("/session"))["user"]["role"] == "owner"
    assert await letters(tenant) == []


async def test_two_transfers_at_once_leave_one_owner(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.id
    heirs = [await tenant.person(Role.ADMIN) for _ in range(2)]

    ended = await asyncio.gather(*(transfer(tenant, heir) for heir in heirs), return_exceptions=True)

    assert all(isinstance(each, Conflict | None) for each in ended)
    assert None in ended
    assert len(await run_sql(tenant, "SELECT id FROM users WHERE account_id = :account AND role = 'owner'")) == 1


@pytest.mark.parametrize("reason", TOO_LONG_OR_EMPTY, ids=lambda text: repr(text[:5]))
async def test_a_reason_is_refused_as_over_http(tenant: Tenant, owner: SimulatedUser, reason: str) -> None:
    heir = await tenant.enrolled(Role.ADMIN)
    answer = await owner.browser.post(f"/users/{heir.id}/two-factor/recovery-codes", json={"reason": reason})
    assert answer.status_code in {400, 422}

    with pytest.raises(InvalidRequest):
        await transfer(tenant, heir, reason)
    with pytest.raises(InvalidRequest):
        await provision.renew_codes(tenant.services, tenant.account.slug, heir.user.email, reason)


async def test_a_new_user_has_the_locale_and_the_external_id(tenant: Tenant, owner: SimulatedUser) -> None:
    new = NewUser("new@example.com", "New", Role.AGENT, external_id="crm-7", locale="de-AT")
    await provision.add_user(tenant.services, tenant.account.slug, new, None)

    [user] = [user for user in await items(owner.browser, "/users") if user["email"] == "new@example.com"]
    assert (user["external_id"], user["locale"]) == ("crm-7", "de-AT")


@pytest.mark.parametrize(
    "external_id", ["", "a\x00b", "a\nb", "a" * 256, "a" * 60_000], ids=lambda text: repr(text[:5])
)
async def test_an_external_id_is_refused_as_over_http(tenant: Tenant, external_id: str) -> None:
    new = NewUser("new@example.com", "New", Role.AGENT, external_id=external_id)

    with pytest.raises(InvalidRequest):
        await provision.add_user(tenant.services, tenant.account.slug, new, None)


async def test_a_password_with_nul_is_refused(tenant: Tenant) -> None:
    new = NewUser("new@example.com", "New", Role.AGENT)

    with pytest.raises(InvalidRequest) as caught:
        await provision.add_user(tenant.services, tenant.account.slug, new, "a long enough\x00password")

    assert [error.code for error in caught.value.errors] == ["malformed"]
