"""The answer to a right password: the table of docs/api.md section 4, row by row, over HTTP."""

from typing import Any

import pytest

from app.core.callers import Role
from app.sign_in.rules import NextStep, next_step
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import credentials, enroll_on_demand
from tests.support.account.variants import another_account

GROUPS = {Role.AGENT: "team_members", Role.END_USER: "end_users"}

# Columns: required of the role, has a confirmed authenticator, turned on personally, device trusted, answer.
ROWS = [
    (False, False, False, False, "complete"),
    (False, True, False, False, "complete"),
    (False, True, False, True, "complete"),
    (False, True, True, False, "passcode_required"),
    (False, True, True, True, "complete"),
    (True, False, False, False, "enrollment_required"),
    (True, True, False, False, "passcode_required"),
    (True, True, True, False, "passcode_required"),
    (True, True, False, True, "complete"),
    (True, True, True, True, "complete"),
]


async def arrange(
    tenant: Tenant,
    admin: SimulatedUser,
    role: Role,
    *,
    required: bool,
    has_authenticator: bool,
    turned_on: bool,
    trusted: bool,
) -> SimulatedUser:
    """Return a user in this state; their own browser is the one that may be trusted."""
    group = GROUPS[role]
    if turned_on:
        person = await tenant.enrolled(role)
        await tenant.pass_passcode(person, remember_device=trusted)
    elif has_authenticator:
        await tenant.require(admin, **{group: True})
        person = await tenant.person(role)
        await enroll_on_demand(tenant, person, remember_device=trusted)
    else:
        person = await tenant.person(role)
    await tenant.require(admin, **{group: required})
    return person


@pytest.mark.parametrize("role", GROUPS)
@pytest.mark.parametrize(("required", "has_authenticator", "turned_on", "trusted", "status"), ROWS)
async def test_a_right_password_gets_the_answer_of_its_row(
    tenant: Tenant,
    admin: SimulatedUser,
    role: Role,
    *,
    required: bool,
    has_authenticator: bool,
    turned_on: bool,
    trusted: bool,
    status: str,
) -> None:
    person = await arrange(
        tenant,
        admin,
        role,
        required=required,
        has_authenticator=has_authenticator,
        turned_on=turned_on,
        trusted=trusted,
    )

    answer = await tenant.sign_in(person)

    assert answer["status"] == status


@pytest.mark.parametrize("required", [False, True])
async def test_a_trusted_device_is_asked_when_the_user_wants_it_at_every_sign_in(
    tenant: Tenant, admin: SimulatedUser, *, required: bool
) -> None:
    person = await tenant.enrolled()
    await tenant.require(admin, team_members=required)
    ok(await person.browser.patch("/users/me/two-factor", json={"passcode_frequency": "every_sign_in"}))

    assert (await tenant.pass_passcode(person))["trusted_device"] is None
    assert (await tenant.sign_in(person))["status"] == "passcode_required"


@pytest.mark.parametrize("required", [False, True])
async def test_a_trusted_device_is_asked_when_the_policy_trusts_none(
    tenant: Tenant, admin: SimulatedUser, *, required: bool
) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    changes = {"trusted_device_days": 0, "require_two_factor": {"team_members": required}}
    ok(await admin.browser.patch("/security-policy", json=changes))

    assert (await tenant.sign_in(person))["status"] == "passcode_required"
    assert (await tenant.pass_passcode(person))["trusted_device"] is None


@pytest.mark.parametrize("role", GROUPS)
async def test_a_requirement_demands_enrollment_of_its_group_only(
    tenant: Tenant, admin: SimulatedUser, role: Role
) -> None:
    other_role = Role.END_USER if role is Role.AGENT else Role.AGENT
    inside, outside = await tenant.person(role), await tenant.person(other_role)

    await tenant.require(admin, **{GROUPS[role]: True})

    assert (await tenant.sign_in(inside))["status"] == "enrollment_required"
    assert (await tenant.sign_in(outside))["status"] == "complete"


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.AGENT])
async def test_team_members_include_admins_and_the_owner(tenant: Tenant, role: Role) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    person = owner if role is Role.OWNER else await tenant.person(role)

    await tenant.require(owner, team_members=True)

    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "enrollment_required"


async def test_a_requirement_of_another_account_demands_nothing_here(tenant: Tenant, admin: SimulatedUser) -> None:
    elsewhere = await another_account(tenant)
    person = await elsewhere.person()

    await tenant.require(admin, team_members=True, end_users=True)

    assert (await elsewhere.sign_in(person))["status"] == "complete"


async def test_a_sign_in_that_is_asked_for_a_passcode_opens_no_session(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()

    response = await browser.post("/sign-ins", json=credentials(person))

    answer = ok(response, 201)
    assert set(answer) == {"status", "sign_in_token", "expires_at", "methods"}
    assert "set-cookie" not in response.headers
    [method] = answer["methods"]
    assert (method["kind"], method["label"]) == ("totp", "Phone")
    assert set(method) == {"authenticator_id", "kind", "label"}
    assert len(await sessions_of(person)) == 1  # the one in which they enrolled


async def test_a_sign_in_that_must_enroll_opens_no_session(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)

    answer = ok(await tenant.browser().post("/sign-ins", json=credentials(person)), 201)

    assert set(answer) == {"status", "sign_in_token", "expires_at", "allowed_kinds"}
    assert answer["allowed_kinds"] == ["totp"]
    assert len(await sessions_of(person)) == 1  # the one from before the requirement


@pytest.mark.parametrize("kind", ["passcode_required", "enrollment_required"])
async def test_a_sign_in_token_is_no_credential_anywhere_else(
    tenant: Tenant, owner: SimulatedUser, kind: str
) -> None:
    person = await tenant.enrolled(Role.END_USER) if kind == "passcode_required" else await tenant.person()
    await tenant.require(owner, team_members=True, end_users=True)
    answer = await tenant.sign_in(person, tenant.browser())
    assert answer["status"] == kind
    holder = tenant.browser()
    holder.token = answer["sign_in_token"]

    for path in ("/session", "/users/me/two-factor", "/users/me/sessions", "/users/me/trusted-devices"):
        refused(await holder.get(path), 401, "unauthenticated")
    for path in ("/users/me/two-factor/enrollments", "/session/step-up", "/users/me/two-factor/recovery-codes"):
        refused(await holder.post(path, json={}), 401, "unauthenticated")
    refused(await holder.delete("/users/me/two-factor"), 401, "unauthenticated")


async def test_nothing_required_and_nothing_enrolled_makes_a_session_by_password(tenant: Tenant) -> None:
    person = await tenant.person()

    answer = await tenant.sign_in(person)

    assert set(answer) == {"status", "session", "user"}
    assert answer["session"]["amr"] == ["pwd"]
    assert answer["session"]["assurance"] == "aal1"
    assert answer["session"]["second_factor_at"] is None
    assert answer["user"]["id"] == person.id
    assert ok(await person.browser.get("/session"))["user"]["id"] == person.id


def test_no_combination_lets_a_required_second_factor_be_skipped() -> None:
    table = {(required, enrolled, on, trusted): status for required, enrolled, on, trusted, status in ROWS}
    wire = {"complete": NextStep.COMPLETE, "passcode_required": NextStep.PASSCODE}
    wire["enrollment_required"] = NextStep.ENROLLMENT
    for row, status in table.items():
        required, enrolled, on, trusted = row
        step = next_step(
            required=required, has_authenticator=enrolled, turned_on_by_user=on, trusted_device=trusted
        )
        assert step is wire[status], row
    # A trusted device does not replace an enrollment.
    assert (
        next_step(required=True, has_authenticator=False, turned_on_by_user=True, trusted_device=True)
        is NextStep.ENROLLMENT
    )


async def sessions_of(person: SimulatedUser) -> list[Any]:
    return list(ok(await person.browser.get("/users/me/sessions"))["items"])
