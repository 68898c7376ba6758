"""Whoever knows a provider's secret can be any of its roles; no admin becomes owner by it."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.saml_login import name_saml_provider
from tests.support.account.third_parties import JWT, jwt_sign_in, name_provider, token_of
from tests.support.observe.audit import AuditTrail
from tests.support.observe.locks import locked, until_waiting
from tests.support.programs.oidc_provider import CLIENT_ID, CLIENT_SECRET, Issuer

PATH = "/sso-providers/intranet"
REACHING: dict[str, Any] = {"roles": ["owner", "admin", "agent"], "default_role": "agent"}
HARMLESS: dict[str, Any] = {"roles": ["agent"], "default_role": "agent"}
THEIRS = "a secret that the admin knows, and has made up"


@pytest.fixture
async def admin(tenant: Tenant, owner: SimulatedUser) -> SimulatedUser:
    assert owner.app
    return await tenant.enrolled(Role.ADMIN)


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


async def test_an_admin_cannot_change_or_delete_a_provider_that_can_sign_the_owner_in(
    tenant: Tenant, owner: SimulatedUser, admin: SimulatedUser
) -> None:
    await name_provider(owner, **REACHING)
    trail = AuditTrail(tenant)
    await trail.new()

    for change in (
        JWT | HARMLESS | {"secret": THEIRS},
        {name: value for name, value in (JWT | HARMLESS).items() if name != "secret"},
        {"type": "oidc", "issuer": "https://id.example", "client_id": "x"} | HARMLESS,
        JWT | REACHING,
    ):
        refused(await admin.browser.put(PATH, json=change), 403, "forbidden")
    refused(await admin.browser.delete(PATH), 403, "forbidden")

    assert await trail.new_types() == ["access.denied"] * 5
    response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, THEIRS)))
    refused(response, 401, "invalid_credentials")
    ok(await owner.browser.delete(PATH), 204)


async def test_an_admins_secret_does_not_stay_when_the_owner_adds_the_admin_role(
    tenant: Tenant, owner: SimulatedUser, admin: SimulatedUser
) -> None:
    await name_provider(owner, **REACHING)
    await name_provider(owner, **HARMLESS)
    await name_provider(admin, **HARMLESS, secret=THEIRS)
    without = {name: value for name, value in (JWT | REACHING).items() if name != "secret"}

    problem = refused(await owner.browser.put(PATH, json=without), 422, "invalid_request")
    assert pointers(problem) == ["/secret"]

    await name_provider(owner, **REACHING)
    token = token_of(tenant, THEIRS, email=owner.user.email)
    refused(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token)), 401, "invalid_credentials")
    ok(await owner.browser.put(PATH, json=without))  # no new role: the owner's own secret stays
    token = token_of(tenant, email=owner.user.email)
    assert (
        ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)["user"]["role"] == "owner"
    )


async def test_adding_the_owner_to_the_roles_requires_a_new_secret(tenant: Tenant, owner: SimulatedUser) -> None:
    assert tenant.account
    await name_provider(owner, roles=["admin"], default_role="admin")
    change = {"type": "jwt", "roles": ["admin", "owner"], "default_role": "admin"}

    assert pointers(refused(await owner.browser.put(PATH, json=change), 422, "invalid_request")) == ["/secret"]


async def test_a_client_secret_must_be_sent_again_and_a_public_client_needs_none(
    owner: SimulatedUser, admin: SimulatedUser, issuer: Issuer
) -> None:
    oidc = {"type": "oidc", "issuer": issuer.url, "client_id": CLIENT_ID}
    ok(await admin.browser.put(PATH.replace("intranet", "issuer"), json=oidc | {"client_secret": THEIRS}), 201)
    path = "/sso-providers/issuer"

    assert pointers(refused(await owner.browser.put(path, json=oidc | REACHING), 422, "invalid_request")) == [
        "/client_secret"
    ]
    ok(await owner.browser.put(path, json=oidc | REACHING | {"client_secret": CLIENT_SECRET}))
    ok(await owner.browser.put("/sso-providers/public", json=oidc | HARMLESS), 201)
    ok(await owner.browser.put("/sso-providers/public", json=oidc | REACHING))


async def test_every_change_of_a_saml_provider_must_include_its_settings(
    owner: SimulatedUser, admin: SimulatedUser
) -> None:
    await name_saml_provider(admin)

    response = await owner.browser.put("/sso-providers/corp", json={"type": "saml"} | REACHING)

    assert pointers(refused(response, 422, "invalid_request")) == ["/idp_entity_id"]


@pytest.mark.parametrize("act", ["put", "delete"])
async def test_an_owner_who_hands_over_meanwhile_is_signed_out_before_the_change(
    tenant: Tenant, owner: SimulatedUser, admin: SimulatedUser, act: str
) -> None:
    await name_provider(owner, **HARMLESS)
    await name_saml_provider(owner, **REACHING)

    async with locked(tenant, owner) as lock:
        handed_over = asyncio.create_task(owner.browser.post("/ownership", json={"user_id": admin.id}))
        await lock.until_waiting()
        if act == "put":
            late = asyncio.create_task(owner.browser.put(PATH, json=JWT | REACHING | {"secret": THEIRS}))
        else:
            late = asyncio.create_task(owner.browser.delete("/sso-providers/corp"))
        await lock.until_waiting(2)
    ok(await handed_over)

    refused(await late, 401, "unauthenticated")
    await tenant.pass_passcode(admin)
    assert ok(await admin.browser.get(PATH))["roles"] == HARMLESS["roles"]
    assert ok(await admin.browser.get("/sso-providers/corp"))["roles"] == sorted(REACHING["roles"])


async def test_a_token_verified_with_a_since_replaced_secret_signs_nobody_in(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner)
    body = jwt_sign_in(token_of(tenant))
    refused(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in("forged")), 401, "invalid_credentials")
    hold = text("SELECT FROM password_limits WHERE account_id = :id AND \"limit\" = 'provider_address' FOR UPDATE")

    async with tenant.services.database.begin() as tx:
        await tx.execute(hold, {"id": tenant.account.id})
        late = asyncio.create_task(tenant.browser().post("/sign-ins/jwt", json=body))
        await until_waiting(tenant.services.database)
        await name_provider(owner, secret="another secret that nobody else knows")

    refused(await late, 401, "invalid_credentials")


async def test_a_former_owner_does_not_sign_in_as_the_new_one_by_the_secret_that_they_know(
    tenant: Tenant, owner: SimulatedUser, admin: SimulatedUser
) -> None:
    await name_provider(owner, **REACHING)
    await name_saml_provider(owner, roles=["admin"], default_role="admin")
    ok(await owner.browser.post("/ownership", json={"user_id": admin.id}))

    for email in (admin.user.email, owner.user.email):
        body = jwt_sign_in(token_of(tenant, email=email))
        refused(await tenant.browser().post("/sign-ins/jwt", json=body), 403, "forbidden")

    await tenant.pass_passcode(admin)
    assert ok(await admin.browser.get(PATH))["roles"] == ["agent"]
    assert ok(await admin.browser.get("/sso-providers/corp"))["roles"] == [
        "admin"
    ]  # the former owner never knew its key
    without = {name: value for name, value in (JWT | REACHING).items() if name != "secret"}
    problem = refused(await admin.browser.put(PATH, json=without), 422, "invalid_request")
    assert pointers(problem) == ["/secret"]


async def test_a_new_admin_keeps_no_earlier_sso_identity(
    tenant: Tenant, owner: SimulatedUser, admin: SimulatedUser
) -> None:
    await name_provider(admin)
    person = await tenant.person(Role.AGENT)
    theirs = token_of(tenant, email=person.user.email, external_id="whom the admin is at the intranet")
    ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(theirs)), 201)

    shown = ok(await owner.browser.patch(f"/users/{person.id}", json={"role": "admin"}))

    assert (shown["role"], shown["external_id"]) == ("admin", None)
    await name_provider(owner, **REACHING)
    theirs = token_of(tenant, email=admin.user.email, external_id="whom the admin is at the intranet")
    answer = ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(theirs)), 201)
    assert answer["user"]["id"] == admin.id
