"""Pre-hijacking: a stranger signs in by SSO under an address before its owner proves it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.core.callers import Role
from app.core.ids import new_id
from app.credentials.links.rules import Purpose
from tests.sign_in.sso.links import confirm, open_link, redeem
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.observe.audit import AuditTrail
from tests.support.observe.jobs import letters
from tests.support.observe.sql import run_sql
from tests.support.programs.oidc_provider import Issuer, asked_nonce, id_token_sign_in, name_issuer

VICTIM = "victim@corp.example"


async def sign_in_by_sso(tenant: Tenant, issuer: Issuer, **claims: Any) -> tuple[Client, Any]:
    """Send an ID token with these claims, and return the browser and the response."""
    browser = tenant.browser()
    nonce = await asked_nonce(browser)
    response = await browser.post("/sign-ins/oidc", json=id_token_sign_in(issuer.id_token(nonce, **claims), nonce))
    if response.status_code == 201:
        browser.token = response.json()["session"]["token"]
    return browser, response


async def link_as_before(tenant: Tenant, person: SimulatedUser, subject: str) -> None:
    """Link a subject to the person, as a release did that took an e-mail address as proof."""
    statement = """
        INSERT INTO sso_identities (account_id, id, provider_id, subject, user_id, created_at)
        SELECT :account, :id, id, :subject, :user, :now FROM sso_providers
        WHERE account_id = :account AND name = 'issuer'
    """
    now = tenant.clock.now()
    await run_sql(tenant, statement, id=new_id(now), subject=subject, user=person.user.id, now=now)


async def identities(tenant: Tenant) -> int:
    [(count,)] = await run_sql(tenant, "SELECT count(*) FROM sso_identities WHERE account_id = :account")
    return int(count)


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_unverified_address_makes_no_user_and_keeps_nobody_out(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer, verified: Any
) -> None:
    await name_issuer(owner, issuer)

    _, response = await sign_in_by_sso(tenant, issuer, email=VICTIM, email_verified=verified)

    refused(response, 403, "forbidden")
    ok(await owner.browser.post("/users", json={"email": VICTIM, "name": "V", "role": "agent"}), 201)


async def test_a_password_link_keeps_the_identity_of_a_user_with_a_verified_address(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    _, response = await sign_in_by_sso(tenant, issuer, email="somebody@elsewhere.example")
    made = ok(response, 201)["user"]
    [row] = await run_sql(tenant, "SELECT * FROM users WHERE id = :id", id=UUID(made["id"]))
    person = SimulatedUser(row, tenant.browser())

    ok(await redeem(tenant, await open_link(tenant, person, Purpose.PASSWORD)), 204)

    _, again = await sign_in_by_sso(tenant, issuer, email="somebody@elsewhere.example")
    assert ok(again, 201)["user"]["id"] == made["id"]


async def test_a_jwt_makes_users_of_trusted_domains_only(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner, trusted_domains=["example.org"])

    response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, email=VICTIM)))

    refused(response, 403, "forbidden")


@pytest.mark.parametrize("purpose", [Purpose.INVITATION, Purpose.PASSWORD, Purpose.EMAIL])
async def test_the_first_proof_of_an_address_ends_a_strangers_session_and_identity(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer, purpose: Purpose
) -> None:
    await name_issuer(owner, issuer)
    person = await tenant.person(email=VICTIM)
    await link_as_before(tenant, person, "stranger")
    stranger, response = await sign_in_by_sso(tenant, issuer, sub="stranger", email=VICTIM)
    assert ok(response, 201)["user"]["id"] == person.id
    trail = AuditTrail(tenant)
    await trail.new()

    address = VICTIM
    if purpose is Purpose.EMAIL:
        address = "victim@new.example"
        token = await open_link(tenant, person, purpose, email=address, requested_by=owner)
        await tenant.sign_in(person)
        ok(await confirm(tenant, token), 204)
        ok(await person.browser.get("/session"))  # a password session stays
    else:
        ok(await redeem(tenant, await open_link(tenant, person, purpose)), 204)

    refused(await stranger.get("/session"), 401, "unauthenticated")
    _, again = await sign_in_by_sso(tenant, issuer, sub="stranger", email=address)
    refused(again, 403, "forbidden")
    assert await identities(tenant) == 0
    [unlinked] = [event for event in await trail.new() if event.type == "sso.unlinked"]
    assert (unlinked.target_id, unlinked.details) == (person.user.id, {"because": "the address was proven"})


async def test_an_identity_that_is_linked_after_the_proof_stays(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, trusted_domains=["corp.example"])
    person = await tenant.person(email=VICTIM)
    ok(await redeem(tenant, await open_link(tenant, person, Purpose.INVITATION)), 204)
    _, response = await sign_in_by_sso(tenant, issuer, email=VICTIM, sub="me")
    ok(response, 201)

    ok(await redeem(tenant, await open_link(tenant, person, Purpose.PASSWORD)), 204)

    assert await identities(tenant) == 1
    await name_issuer(owner, issuer)  # no trusted domains: only the linked identity names the user
    _, again = await sign_in_by_sso(tenant, issuer, email=VICTIM, sub="me")
    assert ok(again, 201)["user"]["id"] == person.id


async def test_an_honest_link_is_made_again_after_the_proof(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, trusted_domains=["corp.example"])
    person = await tenant.person(email=VICTIM)
    ok((await sign_in_by_sso(tenant, issuer, email=VICTIM, sub="me"))[1], 201)
    ok(await redeem(tenant, await open_link(tenant, person, Purpose.INVITATION)), 204)
    assert await identities(tenant) == 0

    ok((await sign_in_by_sso(tenant, issuer, email=VICTIM, sub="me"))[1], 201)

    assert await identities(tenant) == 1


@pytest.mark.parametrize("by_admin", [False, True])
async def test_an_external_id_is_removed_if_a_provider_set_it_and_kept_if_an_admin_did(
    tenant: Tenant, owner: SimulatedUser, *, by_admin: bool
) -> None:
    await name_provider(owner, trusted_domains=["corp.example"])
    person = await tenant.person(email=VICTIM)
    body = jwt_sign_in(token_of(tenant, email=VICTIM, external_id="crm-7"))
    ok(await tenant.browser().post("/sign-ins/jwt", json=body), 201)
    external_id = "crm-8" if by_admin else "crm-7"
    if by_admin:
        ok(await owner.browser.patch(f"/users/{person.id}", json={"external_id": external_id}))

    ok(await redeem(tenant, await open_link(tenant, person, Purpose.INVITATION)), 204)

    kept = ok(await owner.browser.get(f"/users/{person.id}"))["external_id"]
    assert kept == ("crm-8" if by_admin else None)


async def test_an_existing_user_is_notified_of_only_the_first_sign_in_by_a_provider(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, trusted_domains=["corp.example"])
    await name_provider(owner, trusted_domains=["corp.example"])
    person = await tenant.person(email=VICTIM)
    trail = AuditTrail(tenant)
    await trail.new()
    await letters(tenant)

    for _ in range(3):
        ok((await sign_in_by_sso(tenant, issuer, email=VICTIM, sub="me"))[1], 201)
        ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, email=VICTIM))), 201)
        ok((await sign_in_by_sso(tenant, issuer, email="new@corp.example", sub="new"))[1], 201)

    told = [(letter["kind"], letter["to"], letter["details"]) for letter in await letters(tenant)]
    assert told == [("sso_linked", VICTIM, {"provider": name}) for name in ("issuer", "intranet")]
    linked = [event for event in await trail.new() if event.type == "sso.linked"]
    assert {event.target_id for event in linked} == {person.user.id}
    assert sorted(event.details["provider"] for event in linked) == ["intranet", "issuer"]


async def test_a_stranger_who_signs_in_during_the_proof_keeps_nothing(
    tenant: Tenant, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    for number in range(10):
        person = await tenant.person(Role.AGENT)
        subject = f"stranger {number}"
        await link_as_before(tenant, person, subject)
        token = await open_link(tenant, person, Purpose.INVITATION)
        came = [sign_in_by_sso(tenant, issuer, sub=subject, email=person.user.email) for _ in range(3)]

        strangers, redeemed = await asyncio.gather(asyncio.gather(*came), redeem(tenant, token))

        ok(redeemed, 204)
        for browser, response in strangers:
            assert response.status_code in {201, 403}
            if browser.token:
                refused(await browser.get("/session"), 401, "unauthenticated")
    assert await identities(tenant) == 0
