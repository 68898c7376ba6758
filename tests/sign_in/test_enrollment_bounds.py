"""Limits of an enrollment at sign-in; the requirement is lifted or set again."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import (
    begin_again,
    begin_demanded_enrollment,
    confirm,
    enroll_on_demand,
    submit,
)
from tests.support.account.variants import another_account


async def test_an_enrollment_of_another_user_does_not_exist(tenant: Tenant, newcomer: SimulatedUser) -> None:
    other = await tenant.person(Role.END_USER)
    mine = await begin_demanded_enrollment(tenant, newcomer)
    theirs = await begin_demanded_enrollment(tenant, other)
    app = AuthenticatorApp(theirs["secret"], tenant.clock)

    crossed = {"id": theirs["id"], "sign_in_token": mine["sign_in_token"]}

    refused(await confirm(newcomer.browser, crossed, app.passcode()), 404, "not_found")
    ok(await confirm(other.browser, theirs, app.passcode()), 201)


async def test_an_enrollment_of_another_sign_in_of_the_same_user_does_not_exist(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    first = await begin_demanded_enrollment(tenant, newcomer)
    second = await begin_demanded_enrollment(tenant, newcomer, tenant.browser())
    app = AuthenticatorApp(second["secret"], tenant.clock)

    crossed = {"id": second["id"], "sign_in_token": first["sign_in_token"]}

    refused(await confirm(newcomer.browser, crossed, app.passcode()), 404, "not_found")
    ok(await confirm(newcomer.browser, second, app.passcode()), 201)


async def test_an_enrollment_of_a_session_does_not_exist_for_a_sign_in(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    await tenant.require(admin, end_users=False)
    await tenant.sign_in(newcomer)
    await tenant.require(admin, end_users=True)
    token = (await tenant.sign_in(newcomer, tenant.browser()))["sign_in_token"]
    path = "/users/me/two-factor/enrollments"
    begun = ok(await newcomer.browser.post(path, json={"kind": "totp"}), 201)
    app = AuthenticatorApp(begun["secret"], tenant.clock)

    refused(await confirm(tenant.browser(), begun | {"sign_in_token": token}, app.passcode()), 404, "not_found")

    ok(await newcomer.browser.post(f"{path}/{begun['id']}/confirmation", json={"passcode": app.passcode()}), 201)


async def test_an_enrollment_of_a_sign_in_does_not_exist_for_a_session(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    await tenant.require(admin, end_users=False)
    await tenant.sign_in(newcomer)
    await tenant.require(admin, end_users=True)
    begun = await begin_demanded_enrollment(tenant, newcomer, tenant.browser())
    app = AuthenticatorApp(begun["secret"], tenant.clock)

    path = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"

    refused(await newcomer.browser.post(path, json={"passcode": app.passcode()}), 404, "not_found")


@pytest.mark.parametrize("id_", ["0192f0c0-0000-7000-8000-000000000000", "1", "no-id", "..%2f.."])
async def test_an_enrollment_that_nobody_began_does_not_exist(
    tenant: Tenant, newcomer: SimulatedUser, id_: str
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)

    refused(await confirm(newcomer.browser, begun | {"id": id_}, "123456"), 404, "not_found")


async def test_a_sign_in_of_another_account_enrolls_nobody_here(tenant: Tenant, newcomer: SimulatedUser) -> None:
    elsewhere = await another_account(tenant)
    begun = await begin_demanded_enrollment(tenant, newcomer)
    app = AuthenticatorApp(begun["secret"], tenant.clock)

    body = {"sign_in_token": begun["sign_in_token"], "kind": "totp"}
    refused(await elsewhere.browser().post("/sign-ins/enrollments", json=body), 401, "sign_in_expired")
    refused(await confirm(elsewhere.browser(), begun, app.passcode()), 401, "sign_in_expired")

    ok(await confirm(newcomer.browser, begun, app.passcode()), 201)


async def test_a_confirmed_enrollment_uses_the_sign_in_up(tenant: Tenant, newcomer: SimulatedUser) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    ok(await confirm(newcomer.browser, begun, app.passcode()), 201)

    refused(await confirm(newcomer.browser, begun, app.next_passcode()), 401, "sign_in_expired")
    body = {"sign_in_token": begun["sign_in_token"], "kind": "totp"}
    refused(await newcomer.browser.post("/sign-ins/enrollments", json=body), 401, "sign_in_expired")
    refused(await submit(newcomer.browser, begun["sign_in_token"], app.passcode()), 401, "sign_in_expired")


async def test_a_user_who_has_an_authenticator_enrolls_none_at_sign_in(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    stale = await begin_demanded_enrollment(tenant, newcomer)
    stale_app = AuthenticatorApp(stale["secret"], tenant.clock)
    unused = await tenant.sign_in(newcomer, tenant.browser())
    await enroll_on_demand(tenant, newcomer)
    asked = await tenant.asked(newcomer)

    for token in (unused["sign_in_token"], stale["sign_in_token"], asked):
        body = {"sign_in_token": token, "kind": "totp"}
        refused(await tenant.browser().post("/sign-ins/enrollments", json=body), 409, "already_enrolled")
        refused(
            await confirm(tenant.browser(), stale | {"sign_in_token": token}, stale_app.passcode()),
            409,
            "already_enrolled",
        )

    shown = ok(await newcomer.browser.get("/users/me/two-factor"))
    assert len(shown["authenticators"]) == 1


async def test_a_password_alone_cannot_add_a_second_authenticator(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)

    body = {"sign_in_token": token, "kind": "totp"}

    refused(await tenant.browser().post("/sign-ins/enrollments", json=body), 409, "already_enrolled")


async def test_a_user_who_enrolled_on_demand_is_asked_only_while_2fa_is_required(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    await enroll_on_demand(tenant, newcomer)
    assert (await tenant.sign_in(newcomer, tenant.browser()))["status"] == "passcode_required"

    await tenant.require(admin, end_users=False)
    assert (await tenant.sign_in(newcomer, tenant.browser()))["status"] == "complete"
    assert (await tenant.sign_in(newcomer))["session"]["assurance"] == "aal1"
    shown = ok(await newcomer.browser.get("/users/me/two-factor"))
    assert (shown["status"], len(shown["authenticators"]), shown["recovery_codes_left"]) == ("off", 1, 10)

    await tenant.require(admin, end_users=True)
    answer = await tenant.pass_passcode(newcomer, tenant.browser())  # with the authenticator enrolled earlier
    assert answer["recovery_codes_left"] == 10


async def test_a_user_who_enrolled_on_demand_and_turned_it_on_is_asked_without_a_requirement(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    await enroll_on_demand(tenant, newcomer)
    ok(await newcomer.browser.put("/users/me/two-factor/turned-on"))

    await tenant.require(admin, end_users=False)

    assert (await tenant.sign_in(newcomer, tenant.browser()))["status"] == "passcode_required"


async def test_a_user_who_turned_it_on_is_asked_after_the_requirement_is_lifted(
    tenant: Tenant, admin: SimulatedUser
) -> None:
    person = await tenant.enrolled()
    await tenant.require(admin, team_members=True)
    await tenant.require(admin, team_members=False)

    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "passcode_required"


async def test_sessions_from_before_end_when_the_first_authenticator_is_enrolled(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    await tenant.require(admin, end_users=False)
    await tenant.sign_in(newcomer)
    await tenant.require(admin, end_users=True)

    await enroll_on_demand(tenant, newcomer, tenant.browser())

    refused(await newcomer.browser.get("/session"), 401, "unauthenticated")


async def test_a_requirement_lifted_during_a_sign_in_lets_the_sign_in_finish(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    await tenant.require(admin, end_users=False)

    again = await begin_again(newcomer.browser, begun)
    app = AuthenticatorApp(again["secret"], tenant.clock)
    answer = ok(await confirm(newcomer.browser, again, app.passcode()), 201)

    newcomer.browser.token = answer["session"]["token"]
    assert ok(await newcomer.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False
