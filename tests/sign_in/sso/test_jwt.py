"""Signing in with a JWT, without a passcode; each token works once (docs/api.md section 9)."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.sign_ins import set_status
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.observe.audit import AuditTrail

PATH = "/sign-ins/jwt"


async def sign_in(browser: Client, token: str, provider: str = "intranet") -> Any:
    answer = ok(await browser.post(PATH, json=jwt_sign_in(token, provider)), 201)
    browser.token = answer["session"]["token"]
    return answer


async def test_with_2fa_required_a_jwt_completes_and_a_password_needs_a_passcode(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    agent = await tenant.enrolled(Role.AGENT)
    await tenant.require(owner, team_members=True, end_users=True)
    await name_provider(owner, trusted_domains=["Example.com"])

    answer = await sign_in(tenant.browser(), token_of(tenant, email=agent.user.email.upper()))

    assert answer["status"] == "complete"
    assert answer["user"]["id"] == agent.id
    session = answer["session"]
    assert (session["amr"], session["assurance"], session["second_factor_at"]) == (["sso"], "aal1", None)
    assert (await tenant.sign_in(agent, tenant.browser()))["status"] == "passcode_required"
    [event] = [event for event in await AuditTrail(tenant).new() if event.type == "sso.signed_in"]
    assert event.actor_id == agent.user.id
    assert event.details == {"amr": ["sso"], "provider": "intranet"}


async def test_a_new_user_has_the_default_role_and_need_not_enroll(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.require(owner, end_users=True)

    answer = await sign_in(tenant.browser(), token_of(tenant, external_id="crm-7"))

    user = answer["user"]
    assert (user["role"], user["email"], user["name"]) == ("end_user", "somebody@example.com", "Somebody New")
    assert user["external_id"] == "crm-7"
    again = await sign_in(tenant.browser(), token_of(tenant, external_id="crm-7", email="other@example.com"))
    assert again["user"]["id"] == user["id"]
    assert again["user"]["email"] == "somebody@example.com"


async def test_a_token_signs_in_once_also_by_another_name_of_the_provider(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    token = token_of(tenant)
    await sign_in(tenant.browser(), token)

    refused(await tenant.browser().post(PATH, json=jwt_sign_in(token)), 401, "invalid_credentials")
    ok(await owner.browser.delete("/sso-providers/intranet"), 204)
    await name_provider(owner)
    await name_provider(owner, "other")
    for provider in ("intranet", "other"):
        response = await tenant.browser().post(PATH, json=jwt_sign_in(token, provider))
        refused(response, 401, "invalid_credentials")


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": None},
        {"iat": True},
        {"iat": "now"},
        {"iat": 10**400},
        {"jti": None},
        {"jti": 7},
        {"jti": ""},
        {"email": None},
        {"email": ["somebody@example.com"]},
        {"external_id": -7},
        {"external_id": 7.5},
        {"external_id": True},
        {"external_id": 10**255},
        {"external_id": ""},
        {"exp": "never"},
        {"exp": 1},
        {"nbf": 10**11},
        {"nbf": True},
    ],
    ids=str,
)
async def test_each_claim_is_checked(tenant: Tenant, owner: SimulatedUser, claims: dict[str, Any]) -> None:
    assert owner.app

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, **claims)))

    refused(response, 401, "invalid_credentials")
    [event] = [event for event in await AuditTrail(tenant).new() if event.type == "sign_in.failed"]
    assert event.details == {"provider": "intranet", "code": "invalid_credentials"}


@pytest.mark.parametrize(("seconds", "status"), [(-181, 401), (-180, 201), (0, 201), (180, 201), (181, 401)])
async def test_a_token_must_be_issued_within_three_minutes(
    tenant: Tenant, owner: SimulatedUser, seconds: int, status: int
) -> None:
    assert owner.app
    issued_at = tenant.clock.now().timestamp() + seconds

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, iat=issued_at)))

    assert response.status_code == status


@pytest.mark.parametrize(("seconds", "status"), [(0, 201), (180, 201), (181, 401)])
async def test_a_token_may_begin_as_far_ahead_as_it_may_be_issued(
    tenant: Tenant, owner: SimulatedUser, seconds: int, status: int
) -> None:
    assert owner.app
    begins_at = tenant.clock.now().timestamp() + seconds

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, nbf=begins_at)))

    assert response.status_code == status


@pytest.mark.parametrize(("number", "digits"), [(0, "0"), (4711, "4711"), (10**254, f"{10**254}")], ids=str)
async def test_a_whole_number_as_external_id_is_taken_as_its_digits(
    tenant: Tenant, owner: SimulatedUser, number: int, digits: str
) -> None:
    assert owner.app

    made = await sign_in(tenant.browser(), token_of(tenant, external_id=number))
    again = await sign_in(tenant.browser(), token_of(tenant, external_id=digits))

    assert made["user"]["external_id"] == digits
    assert again["user"]["id"] == made["user"]["id"]


async def test_an_address_outside_the_trusted_domains_identifies_nobody(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    agent = await tenant.person(Role.AGENT)
    await name_provider(owner, trusted_domains=["example.org"])

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, email=agent.user.email)))

    refused(response, 403, "forbidden")


async def test_a_reassigned_address_does_not_identify_the_first_person(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await name_provider(owner, trusted_domains=["example.com"])
    await sign_in(tenant.browser(), token_of(tenant, external_id="crm-7"))

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, external_id="crm-8")))

    refused(response, 403, "forbidden")


async def test_without_create_users_a_stranger_stays_out(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner, create_users=False)

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant)))

    refused(response, 403, "forbidden")
    [event] = [event for event in await AuditTrail(tenant).new() if event.type == "sign_in.failed"]
    assert event.details == {"provider": "intranet", "code": "forbidden"}


async def test_a_suspended_user_and_one_of_another_role_stay_out(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner, trusted_domains=["example.com"])
    agent, admin = await tenant.person(Role.AGENT), await tenant.person(Role.ADMIN)
    await set_status(tenant, agent, "suspended")

    for person in (agent, admin, owner):
        response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, email=person.user.email)))
        refused(response, 403, "forbidden")


async def test_a_claim_gives_no_role(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app

    answer = await sign_in(tenant.browser(), token_of(tenant, role="admin", organization="x"))

    assert answer["user"]["role"] == "end_user"


async def test_an_invalid_address_creates_no_user(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app

    for email in ("no address", "a@b@c.example", "a b@example.com"):
        response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, email=email)))
        assert response.status_code in {401, 403, 422}, response.text


async def test_another_account_s_provider_is_unknown(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app
    other_place = await make_tenant(tenant.app, tenant.services, tenant.clock)

    response = await other_place.browser().post(PATH, json=jwt_sign_in(token_of(tenant)))

    refused(response, 404, "not_found")


async def test_its_session_changes_no_authenticator_without_a_step_up(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    agent = await tenant.enrolled(Role.AGENT)
    await name_provider(owner, trusted_domains=["example.com"])
    browser = tenant.browser()
    await sign_in(browser, token_of(tenant, email=agent.user.email))

    refused(await browser.delete("/users/me/two-factor"), 401, "step_up_required")
    body = {"kind": "totp", "label": "Mine"}
    refused(await browser.post("/users/me/two-factor/enrollments", json=body), 401, "step_up_required")
    passcode = {"passcode": agent.authenticator.next_passcode()}
    stepped_up = ok(await browser.post("/session/step-up", json=passcode))
    assert (stepped_up["amr"], stepped_up["assurance"]) == (["sso", "otp"], "aal2")
    ok(await browser.post("/users/me/two-factor/enrollments", json=body), 201)


async def test_a_requirement_that_ends_sessions_leaves_those_of_a_third_party(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    browser = tenant.browser()
    await sign_in(browser, token_of(tenant))
    by_password = await tenant.signed_in(Role.END_USER)

    change = {"require_two_factor": {"end_users": True}, "end_sessions": True}
    ok(await owner.browser.patch("/security-policy", json=change))

    ok(await browser.get("/session"))
    refused(await by_password.browser.get("/session"), 401, "unauthenticated")
