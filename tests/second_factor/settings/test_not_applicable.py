"""Users who sign in by a third party alone: no sign-in asks them for two-factor authentication."""

import dataclasses
from uuid import UUID

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.third_parties import jwt_sign_in, link_identity, name_provider, token_of
from tests.support.account.variants import another_account
from tests.support.observe.mailbox import empty_mailbox
from tests.support.observe.sql import run_sql


async def by_jwt(tenant: Tenant, person: SimulatedUser, external_id: str | None = None) -> None:
    """Sign the person in by the provider `intranet`."""
    token = token_of(tenant, email=person.user.email, external_id=external_id)
    answer = ok(await person.browser.post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)
    assert answer["status"] == "complete"
    person.browser.token = answer["session"]["token"]


async def status_of(person: SimulatedUser, admin: SimulatedUser) -> str:
    """Return the status that both the person and the admin see."""
    mine = ok(await person.browser.get("/users/me/two-factor"))
    assert mine == ok(await admin.browser.get(f"/users/{person.id}/two-factor"))
    status: str = mine["status"]
    return status


async def test_a_user_made_by_a_provider_needs_no_setup_under_a_requirement(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner)
    person = await tenant.person()
    await run_sql(tenant, "DELETE FROM users WHERE id = :id", id=person.user.id)
    await by_jwt(tenant, person, "crm-7")
    me = ok(await person.browser.get("/session"))["user"]
    person.user = dataclasses.replace(person.user, id=UUID(me["id"]))
    assert await status_of(person, owner) == "not_applicable"

    await tenant.require(owner, team_members=True, end_users=True)

    assert await status_of(person, owner) == "not_applicable"
    await by_jwt(tenant, person, "crm-7")  # and a sign-in asks for nothing


async def test_a_user_whose_external_id_an_admin_set_counts_from_the_first_sign_in_by_the_provider(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner)
    person = await tenant.person(Role.END_USER, password=None, external_id="crm-1")
    await tenant.require(owner, end_users=True)
    before = ok(await owner.browser.get(f"/users/{person.id}/two-factor"))
    assert before["status"] == "setup_required"

    for _ in range(2):
        await by_jwt(tenant, person, external_id="crm-1")

    assert await status_of(person, owner) == "not_applicable"


async def test_a_refused_sign_in_links_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner, roles=["end_user"])
    person = await tenant.person(Role.AGENT, password=None, external_id="crm-1")
    token = token_of(tenant, email=person.user.email, external_id="crm-1")

    refused(await person.browser.post("/sign-ins/jwt", json=jwt_sign_in(token)), 403, "forbidden")

    assert ok(await owner.browser.get(f"/users/{person.id}/two-factor"))["status"] == "off"


async def test_the_first_password_ends_it(tenant: Tenant, owner: SimulatedUser) -> None:
    mailbox = await empty_mailbox(tenant)
    await name_provider(owner)
    person = await tenant.person(password=None)
    await by_jwt(tenant, person)
    await tenant.require(owner, team_members=True)
    assert await status_of(person, owner) == "not_applicable"
    await mailbox.read()
    ok(await person.browser.post("/password-links", json={"email": person.user.email}), 202)
    body = {"token": await mailbox.token(person.user.email), "new_password": PASSWORD}

    ok(await person.browser.post("/password-links/redemption", json=body), 204)

    assert ok(await owner.browser.get(f"/users/{person.id}/two-factor"))["status"] == "setup_required"
    assert (await tenant.sign_in(person))["status"] == "enrollment_required"


async def test_the_end_of_the_provider_ends_it(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner)
    person = await tenant.person(password=None)
    await by_jwt(tenant, person)
    assert await status_of(person, owner) == "not_applicable"

    ok(await owner.browser.delete("/sso-providers/intranet"), 204)
    await tenant.require(owner, team_members=True)

    assert ok(await owner.browser.get(f"/users/{person.id}/two-factor"))["status"] == "setup_required"


async def test_an_authenticator_counts_as_for_everybody_else(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner)
    person = await tenant.person(password=None)
    await by_jwt(tenant, person)

    await tenant.enroll(person)

    assert await status_of(person, owner) == "on"


async def test_a_link_in_another_account_does_not_count(tenant: Tenant, owner: SimulatedUser) -> None:
    other = await another_account(tenant)
    await link_identity(other, await other.person(password=None, email="same@example.com"))
    person = await tenant.person(password=None, email="same@example.com")

    assert ok(await owner.browser.get(f"/users/{person.id}/two-factor"))["status"] == "off"
