"""What the holder of a link may see of it: enough to know whose it is, and only while it is open."""

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.variants import another_account
from tests.support.observe.mailbox import Mailbox, empty_mailbox
from tests.support.observe.sql import run_sql, set_role, set_status

NEW = "another long enough password"
ENDED = {
    "type": "/problems/link_expired",
    "title": "The link has ended",
    "status": 410,
    "code": "link_expired",
    "detail": "The link has ended. Ask for a new one.",
}


@pytest.fixture
async def mailbox(tenant: Tenant) -> Mailbox:
    return await empty_mailbox(tenant)


@pytest.fixture
async def person(tenant: Tenant) -> SimulatedUser:
    return await tenant.person(email="eve@example.com", name="Eve O'Neil")


@pytest.fixture
async def token(tenant: Tenant, mailbox: Mailbox, person: SimulatedUser) -> str:
    """The token of an open password link."""
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    return await mailbox.token(person.user.email)


async def details(tenant: Tenant, token: str) -> httpx.Response:
    return await tenant.browser().post("/link-details", json={"token": token})


async def is_dead(tenant: Tenant, token: str) -> bool:
    """Assert that a refusal is the one that every dead link gets."""
    answer = await details(tenant, token)
    if answer.status_code == 200:
        return False
    refused(answer, 410, "link_expired")
    return bool(answer.json() == ENDED)


async def test_a_password_link_names_the_account_and_the_person(tenant: Tenant, token: str) -> None:
    answer = await details(tenant, token)

    shown = ok(answer)
    assert shown.pop("expires_at").endswith("Z")
    assert shown == {
        "purpose": "password",
        "account_name": "Example & Söhne",
        "name": "Eve O'Neil",
        "email": "e•••@example.com",
        "new_email": None,
    }
    assert answer.headers["cache-control"] == "no-store"
    assert "eve@example.com" not in answer.text


async def test_the_details_of_an_invitation(tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox) -> None:
    body = {"email": "new@example.com", "name": "New", "role": "agent"}
    ok(await owner.browser.post("/users", json=body), 201)

    shown = ok(await details(tenant, await mailbox.token("new@example.com")))

    assert (shown["purpose"], shown["name"], shown["email"]) == ("invitation", "New", "n•••@example.com")


async def test_both_links_of_an_address_change_show_both_addresses_masked(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox, person: SimulatedUser
) -> None:
    ok(await owner.browser.patch(f"/users/{person.id}", json={"email": "moved@example.org"}))
    letters = await mailbox.read()

    for purpose, to in (("email", "moved@example.org"), ("email_stop", person.user.email)):
        [text] = [text for recipient, text in letters if to in recipient]
        answer = await details(tenant, text.partition("#")[2].split()[0])
        shown = ok(answer)
        assert (shown["purpose"], shown["email"], shown["new_email"]) == (
            purpose,
            "e•••@example.com",
            "m•••@example.org",
        )
        assert "moved@" not in answer.text


async def test_looking_does_not_use_the_link_up_and_records_nothing(tenant: Tenant, token: str) -> None:
    before = await run_sql(tenant, "SELECT id FROM audit_events WHERE account_id = :account")
    for _ in range(3):
        ok(await details(tenant, token))

    assert await run_sql(tenant, "SELECT id FROM audit_events WHERE account_id = :account") == before
    body = {"token": token, "new_password": NEW}
    ok(await tenant.browser().post("/password-links/redemption", json=body), 204)
    assert await is_dead(tenant, token)


async def test_a_link_shows_nothing_once_it_is_too_old(tenant: Tenant, token: str, clock: TurnableClock) -> None:
    clock.turn(minutes=60, microseconds=-1)
    assert not await is_dead(tenant, token)
    clock.turn(microseconds=1)
    assert await is_dead(tenant, token)


async def test_a_link_shows_nothing_once_a_newer_one_was_asked_for(
    tenant: Tenant, token: str, mailbox: Mailbox, person: SimulatedUser
) -> None:
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    newer = await mailbox.token(person.user.email)

    assert await is_dead(tenant, token)
    assert not await is_dead(tenant, newer)


async def test_a_link_shows_nothing_of_a_suspended_or_deleted_user(
    tenant: Tenant, token: str, person: SimulatedUser, owner: SimulatedUser
) -> None:
    await set_status(tenant, person, "suspended")
    assert await is_dead(tenant, token)
    await set_status(tenant, person, "active")
    assert not await is_dead(tenant, token)
    ok(await owner.browser.delete(f"/users/{person.id}"), 204)
    assert await is_dead(tenant, token)


async def test_the_link_of_an_address_change_shows_nothing_once_whoever_asked_lost_the_authority(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox, person: SimulatedUser
) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    ok(await admin.browser.patch(f"/users/{person.id}", json={"email": "moved@example.org"}))
    token = await mailbox.token("moved@example.org")
    assert not await is_dead(tenant, token)

    await set_role(tenant, admin, "agent")
    assert await is_dead(tenant, token)
    await set_role(tenant, admin, "admin")
    assert not await is_dead(tenant, token)
    ok(await owner.browser.patch(f"/users/{admin.id}", json={"role": "agent"}))
    assert await is_dead(tenant, token)


async def test_a_link_shows_nothing_under_another_account(tenant: Tenant, token: str) -> None:
    assert await is_dead(await another_account(tenant), token)
    assert not await is_dead(tenant, token)


async def test_only_the_token_itself_shows_anything(tenant: Tenant, token: str, person: SimulatedUser) -> None:
    signed_in = await tenant.sign_in(person, password=PASSWORD)
    changed = [
        "",
        token[:-1],
        token + "A",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.swapcase(),
        f" {token}",
        token.replace("pgp_", "pgr_"),
        signed_in["session"]["token"],
        "ä",
    ]
    for other in changed:
        assert await is_dead(tenant, other)
    for long in (token * 3, "A" * 60_000):
        refused(await details(tenant, long), 422, "invalid_request")
    answer = await tenant.browser().post("/link-details", params={"token": token}, json={})
    refused(answer, 422, "invalid_request")
