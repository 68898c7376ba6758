"""A provider makes users only by an identifier that lasts, so that each is found again (docs/api.md section 9)."""

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.saml_login import arrive, brought_back, finish, name_saml_provider, post
from tests.support.account.third_parties import SECRET, jwt_sign_in, name_provider, token_of
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql
from tests.support.programs.saml import PERSISTENT, attribute

TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
INCOMPLETE = ("error", "identity_incomplete")


@pytest.fixture
async def owner(owner: SimulatedUser) -> SimulatedUser:
    """The owner, with a JWT provider named `intranet` and a SAML provider named `corp`."""
    await name_saml_provider(owner)
    return owner


async def count_users(tenant: Tenant) -> int:
    [(count,)] = await run_sql(tenant, "SELECT count(*) FROM users WHERE account_id = :account")
    return int(count)


async def answer_of(tenant: Tenant, number: int, email: str = "somebody@example.com", **says: Any) -> Any:
    """Return browser and answer of a login in which the provider sends a new transient NameID."""
    browser = tenant.browser()
    provider = await arrive(tenant, browser)
    attributes = attribute("email", email) + says.pop("attributes", "")
    said = {"name_format": TRANSIENT, "name_id": f"_{number}", "id": f"_a{number}"} | says
    return browser, provider.honest(attributes=attributes, **said)


async def send(tenant: Tenant, **claims: Any) -> httpx.Response:
    return await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, **claims)))


async def test_a_transient_name_id_is_refused_at_once_and_makes_nobody(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    trail, before = AuditTrail(tenant), await count_users(tenant)
    await trail.new()

    with capture_logs() as log:
        for number in (1, 2):
            assert brought_back(await post(*await answer_of(tenant, number))) == INCOMPLETE

    assert await count_users(tenant) == before
    lines = [line for line in log if line["event"] == "identity incomplete"]
    assert [(line["provider"], line["log_level"]) for line in lines] == [("corp", "warning")] * 2
    assert "transient NameID" in lines[0]["reason"]
    assert "somebody" not in str(log)
    assert [(event.type, event.details) for event in await trail.new()] == [
        ("sign_in.failed", {"provider": "corp", "code": "identity_incomplete"})
    ] * 2
    assert owner.app


async def test_it_is_refused_for_a_known_address_too_so_that_the_admin_notices(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    agent = await tenant.person()
    assert brought_back(await post(*await answer_of(tenant, 1, agent.user.email))) == INCOMPLETE

    await name_saml_provider(owner, create_users=False)  # then the address alone is to identify, if it is trusted
    for number in (2, 3):
        signed_in = await finish(*await answer_of(tenant, number, agent.user.email))
        assert signed_in["user"]["id"] == agent.id
    assert brought_back(await post(*await answer_of(tenant, 4))) == ("error", "forbidden")


async def test_the_named_attribute_identifies_in_place_of_the_name_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    shown = await name_saml_provider(owner, subject_attribute="urn:oid:uid")
    assert shown["subject_attribute"] == "urn:oid:uid"
    uid = {"attributes": attribute("urn:oid:uid", "somebody")}

    first = await finish(*await answer_of(tenant, 1, **uid))
    moved = await finish(*await answer_of(tenant, 2, "moved@example.com", **uid))
    persistent = await finish(*await answer_of(tenant, 3, name_format=PERSISTENT, **uid))

    assert first["user"]["id"] == moved["user"]["id"] == persistent["user"]["id"]
    # Somebody else who has the address now is not that user.
    other = {"attributes": attribute("urn:oid:uid", "Somebody")}
    assert brought_back(await post(*await answer_of(tenant, 4, **other))) == ("error", "forbidden")


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        attribute("uid"),
        attribute("uid", "a", "b"),
        attribute("uid", "a") + attribute("uid", "b"),
        attribute("UID", "a"),
        attribute("uid ", "a"),
    ],
)
async def test_without_exactly_one_value_nobody_signs_in(
    tenant: Tenant, owner: SimulatedUser, attributes: str
) -> None:
    await name_saml_provider(owner, subject_attribute="uid")
    before = await count_users(tenant)

    answer = await answer_of(tenant, 1, attributes=attributes, name_format=PERSISTENT)

    assert brought_back(await post(*answer)) == INCOMPLETE
    assert await count_users(tenant) == before


@pytest.mark.parametrize("value", ["", "a" * 256, "a" * 60_000, "a\u202eb", "<saml:NameID>a</saml:NameID>"])
async def test_a_value_that_is_no_short_text_is_refused(tenant: Tenant, owner: SimulatedUser, value: str) -> None:
    await name_saml_provider(owner, subject_attribute="uid")

    response = await post(*await answer_of(tenant, 1, attributes=attribute("uid", value)))

    if response.status_code == 413:
        assert len(value) > 1000
    else:
        assert brought_back(response) == ("error", "invalid_credentials")


async def test_an_answer_that_was_refused_as_incomplete_is_used_up(tenant: Tenant, owner: SimulatedUser) -> None:
    browser = tenant.browser()
    provider = await arrive(tenant, browser)
    assert brought_back(await post(browser, provider.honest(name_format=TRANSIENT))) == INCOMPLETE
    await name_saml_provider(owner, subject_attribute="email")

    provider = await arrive(tenant, browser)  # the same assertion id, for another request

    assert brought_back(await post(browser, provider.honest())) == ("error", "invalid_credentials")


async def test_a_jwt_of_a_new_user_needs_an_external_id(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app
    before, trail = await count_users(tenant), AuditTrail(tenant)
    await trail.new()

    with capture_logs() as log:
        problem = refused(await send(tenant, email="new@example.com"), 403, "identity_incomplete")

    assert "`external_id`" in problem["detail"]
    assert "subject_attribute" in problem["detail"]
    assert await count_users(tenant) == before
    assert [line["event"] for line in log if line["log_level"] == "warning"] == ["identity incomplete"]
    [event] = await trail.new()
    assert (event.type, event.details["code"]) == ("sign_in.failed", "identity_incomplete")
    ok(await send(tenant, email="new@example.com", external_id="crm-1"), 201)


async def test_many_at_once_without_an_external_id_make_nobody(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app
    before = await count_users(tenant)

    responses = await asyncio.gather(*(send(tenant, email="new@example.com") for _ in range(12)))

    assert {response.status_code for response in responses} == {403}
    assert await count_users(tenant) == before


async def test_a_user_with_a_trusted_address_still_signs_in_without_one(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    assert owner.app
    agent = await tenant.person()

    for claims in ({}, {}, {"external_id": "crm-2"}):
        answer = ok(await send(tenant, email=agent.user.email, **claims), 201)
        assert answer["user"]["id"] == agent.id


async def test_the_named_claim_identifies_in_place_of_the_external_id(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner, subject_attribute="sub")

    first = ok(await send(tenant, email="new@example.com", sub="7", external_id="crm-1"), 201)["user"]
    moved = ok(await send(tenant, email="moved@example.com", sub="7"), 201)["user"]

    assert first["id"] == moved["id"]
    assert first["external_id"] is None
    refused(await send(tenant, email="new@example.com", sub="8"), 403, "forbidden")
    refused(await send(tenant, email="new@example.com", external_id="crm-1"), 403, "identity_incomplete")
    for wrong in ("", 7, ["7"], "a" * 256, "a" * 10_000, "a\nb"):
        refused(await send(tenant, email="new@example.com", sub=wrong), 401, "invalid_credentials")


async def test_another_identifier_makes_another_provider(tenant: Tenant, owner: SimulatedUser) -> None:
    """What one identifier was linked to, the same text as another identifier does not reach."""
    await name_provider(owner, subject_attribute="sub", trusted_domains=["example.com"])
    made = ok(await send(tenant, email="new@example.com", sub="7"), 201)["user"]
    change = {"type": "jwt", "create_users": True, "trusted_domains": ["example.com"], "subject_attribute": "nick"}

    problem = refused(await owner.browser.put("/sso-providers/intranet", json=change), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/secret"]
    ok(await owner.browser.put("/sso-providers/intranet", json=change | {"secret": SECRET}))

    answer = ok(await send(tenant, email="other@example.com", nick="7"), 201)
    assert answer["user"]["id"] != made["id"]


@pytest.mark.parametrize("claim", ["jti", "iat", "exp", "nbf"])
async def test_a_claim_about_the_token_identifies_nobody(owner: SimulatedUser, claim: str) -> None:
    body = {"type": "jwt", "secret": SECRET, "subject_attribute": claim}

    problem = refused(await owner.browser.put("/sso-providers/x", json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/subject_attribute", "not_allowed")
    ]


@pytest.mark.parametrize("name", ["", "a" * 1025, 7, None, ["uid"]])
async def test_a_malformed_name_is_refused(owner: SimulatedUser, name: Any) -> None:
    body = {"type": "jwt", "secret": SECRET, "subject_attribute": name}

    refused(await owner.browser.put("/sso-providers/x", json=body), 422, "invalid_request")
