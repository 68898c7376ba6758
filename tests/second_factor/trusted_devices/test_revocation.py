"""What ends the trust in a device, and what does not (docs/api.md section 4)."""

from collections.abc import Awaitable, Callable

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.devices import cookie_name, device_token, is_asked, pass_passcode, trusted_person
from tests.support.account.sign_ins import submit

TWO_FACTOR = "/users/me/two-factor"
DEVICES = "/users/me/trusted-devices"
Act = Callable[[Tenant, SimulatedUser], Awaitable[None]]


async def change_password(_: Tenant, person: SimulatedUser) -> None:
    body = {"current_password": PASSWORD, "new_password": "quite another password"}
    ok(await person.browser.put("/users/me/password", json=body), 204)
    body = {"current_password": "quite another password", "new_password": PASSWORD}
    ok(await person.browser.put("/users/me/password", json=body), 204)


async def add_an_authenticator(tenant: Tenant, person: SimulatedUser) -> None:
    await tenant.enroll(person)


async def remove_an_authenticator(tenant: Tenant, person: SimulatedUser) -> None:
    await tenant.enroll(person)
    person.browser.token = None
    await pass_passcode(tenant, person, person.browser)  # trusted again, because adding one ended the trust
    assert not await is_asked(tenant, person)
    await tenant.step_up(person)
    first = ok(await person.browser.get(TWO_FACTOR))["authenticators"][0]
    ok(await person.browser.delete(f"{TWO_FACTOR}/authenticators/{first['id']}"), 204)


async def turn_two_factor_off_and_on(tenant: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.delete(TWO_FACTOR), 204)
    await tenant.sign_in(person)
    await tenant.enroll(person)


async def use_a_recovery_code(tenant: Tenant, person: SimulatedUser) -> None:
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)


async def use_a_recovery_code_in_the_trusted_browser(tenant: Tenant, person: SimulatedUser) -> None:
    ok(await submit(person.browser, await tenant.asked(person), person.recovery_codes[0]), 201)


async def step_up_by_a_recovery_code(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))


async def an_admin_regenerates_the_codes(tenant: Tenant, person: SimulatedUser) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    path = f"/users/{person.id}/two-factor/recovery-codes"
    ok(await admin.browser.post(path, json={"reason": "lost the paper"}), 201)


async def ask_at_every_sign_in_and_change_back(_: Tenant, person: SimulatedUser) -> None:
    for frequency in ("every_sign_in", "every_30_days"):
        ok(await person.browser.patch(TWO_FACTOR, json={"passcode_frequency": frequency}))


async def revoke_the_device(_: Tenant, person: SimulatedUser) -> None:
    device_id = device_token(person).removeprefix("pgd_").split(".")[0]
    ok(await person.browser.delete(f"{DEVICES}/{device_id}"), 204)


async def revoke_all(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.delete(DEVICES), 204)


@pytest.mark.parametrize(
    "act",
    [
        change_password,
        add_an_authenticator,
        remove_an_authenticator,
        turn_two_factor_off_and_on,
        use_a_recovery_code,
        use_a_recovery_code_in_the_trusted_browser,
        step_up_by_a_recovery_code,
        an_admin_regenerates_the_codes,
        ask_at_every_sign_in_and_change_back,
        revoke_the_device,
        revoke_all,
    ],
)
async def test_the_device_is_no_longer_trusted_after(tenant: Tenant, act: Act) -> None:
    person = await trusted_person(tenant)
    browser = person.browser
    name, kept = cookie_name(person), device_token(person)

    await act(tenant, person)

    # The server ends the trust, whether or not the browser still has the cookie.
    assert (browser.cookies.get(name) is None) == (act in {revoke_the_device, revoke_all})
    if browser.cookies.get(name) is None:
        browser.cookies.set(name, kept)
    assert await is_asked(tenant, person, browser)
    token = (await pass_passcode(tenant, person, tenant.browser(), remember_device=False)).json()["session"][
        "token"
    ]
    person.browser.token = token
    assert ok(await person.browser.get(DEVICES))["items"] == []
    assert ok(await person.browser.get(TWO_FACTOR))["trusted_devices"] == 0


async def renew_ones_own_recovery_codes(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.post(f"{TWO_FACTOR}/recovery-codes"), 201)


async def rename_the_authenticator(_: Tenant, person: SimulatedUser) -> None:
    [found] = ok(await person.browser.get(TWO_FACTOR))["authenticators"]
    ok(await person.browser.patch(f"{TWO_FACTOR}/authenticators/{found['id']}", json={"label": "Old phone"}))


async def begin_an_enrollment(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.post(f"{TWO_FACTOR}/enrollments", json={"kind": "totp"}), 201)


async def sign_out(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.delete("/session"), 204)


async def use_a_passcode_elsewhere(tenant: Tenant, person: SimulatedUser) -> None:
    await pass_passcode(tenant, person, tenant.browser())


async def step_up(tenant: Tenant, person: SimulatedUser) -> None:
    await tenant.step_up(person)


async def guess_wrong(tenant: Tenant, person: SimulatedUser) -> None:
    token = await tenant.asked(person)
    for _ in range(5):
        passcode = person.authenticator.wrong_passcode()
        refused(await submit(tenant.browser(), token, passcode), 401, "passcode_incorrect")


async def choose_the_frequency_it_has(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.patch(TWO_FACTOR, json={"passcode_frequency": "every_30_days"}))


async def require_two_factor_and_undo_that(tenant: Tenant, _: SimulatedUser) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, team_members=True)
    await tenant.require(owner, team_members=False)


async def fail_to_change_the_password(_: Tenant, person: SimulatedUser) -> None:
    body = {"current_password": "a wrong password", "new_password": "quite another password"}
    refused(await person.browser.put("/users/me/password", json=body), 401, "invalid_credentials")


@pytest.mark.parametrize(
    "act",
    [
        renew_ones_own_recovery_codes,
        rename_the_authenticator,
        begin_an_enrollment,
        sign_out,
        use_a_passcode_elsewhere,
        step_up,
        guess_wrong,
        choose_the_frequency_it_has,
        require_two_factor_and_undo_that,
        fail_to_change_the_password,
    ],
)
async def test_the_device_stays_trusted_after(tenant: Tenant, act: Act) -> None:
    person = await trusted_person(tenant)

    await act(tenant, person)

    assert not await is_asked(tenant, person)


@pytest.mark.parametrize(
    "act", [revoke_all, use_a_recovery_code, change_password, ask_at_every_sign_in_and_change_back]
)
async def test_revoking_the_devices_of_one_user_affects_no_other(tenant: Tenant, act: Act) -> None:
    person, other = await trusted_person(tenant), await trusted_person(tenant)

    await act(tenant, person)

    assert await is_asked(tenant, person)
    assert not await is_asked(tenant, other)
