"""A sign-in token works for ten minutes, in one account, once (docs/api.md section 4)."""

from collections.abc import Awaitable, Callable

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import begin_demanded_enrollment, enroll_on_demand, set_status, submit
from tests.support.account.variants import another_account


async def test_a_sign_in_is_over_after_ten_minutes(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    in_time, late = await tenant.asked(person), await tenant.asked(person)
    tenant.clock.turn(minutes=9, seconds=59.9)
    ok(await submit(tenant.browser(), in_time, person.authenticator.passcode()), 201)

    tenant.clock.turn(seconds=0.1)

    refused(await submit(tenant.browser(), late, person.authenticator.passcode(1)), 401, "sign_in_expired")


async def test_the_answer_says_when_the_sign_in_is_over(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun_at = tenant.clock.now()

    answer = await tenant.sign_in(person, tenant.browser())

    tenant.clock.turn(minutes=10)
    assert answer["expires_at"] == tenant.clock.now().isoformat().replace("+00:00", "Z")
    assert tenant.clock.now() > begun_at


async def test_a_wrong_passcode_does_not_prolong_the_sign_in(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    tenant.clock.turn(minutes=9)
    refused(
        await submit(tenant.browser(), token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect"
    )

    tenant.clock.turn(minutes=1)

    refused(await submit(tenant.browser(), token, person.authenticator.passcode()), 401, "sign_in_expired")


async def test_a_sign_in_is_used_once(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    ok(await submit(tenant.browser(), token, person.authenticator.next_passcode()), 201)

    for passcode in (person.authenticator.next_passcode(), person.recovery_codes[0]):
        refused(await submit(tenant.browser(), token, passcode), 401, "sign_in_expired")

    answer = await tenant.pass_passcode(person, tenant.browser())  # the refused attempts used nothing up
    assert answer["recovery_codes_left"] == 10


async def test_the_same_answer_sent_twice_is_refused_as_expired(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token, passcode = await tenant.asked(person), person.authenticator.next_passcode()
    ok(await submit(tenant.browser(), token, passcode), 201)

    refused(await submit(tenant.browser(), token, passcode), 401, "sign_in_expired")


async def test_completing_one_sign_in_leaves_another_one_open(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    here, there = await tenant.asked(person), await tenant.asked(person)
    ok(await submit(tenant.browser(), here, person.authenticator.next_passcode()), 201)

    ok(await submit(tenant.browser(), there, person.authenticator.next_passcode()), 201)


async def test_an_unknown_sign_in_token_is_refused_as_expired(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    session_token = person.browser.token or ""
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    lengthened, cut, cased = token + "A", token[:-1], token.swapcase()
    swapped = session_token.replace("pgs_", "pgi_"), token.replace("pgi_", "pgs_")

    for unknown in (
        flipped,
        lengthened,
        cut,
        cased,
        *swapped,
        session_token,
        "",
        "pgi_",
        f" {token}",
        f"{token}\n",
    ):
        response = await submit(tenant.browser(), unknown, person.authenticator.passcode())
        refused(response, 401, "sign_in_expired")

    for no_text in (None, 1, [token], "x" * 129):
        response = await submit(tenant.browser(), no_text, person.authenticator.passcode())  # type: ignore[arg-type]  # no text
        assert refused(response, 422, "invalid_request")["errors"][0]["pointer"] == "/sign_in_token"
    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def test_a_sign_in_of_another_account_is_unknown_here(tenant: Tenant) -> None:
    elsewhere = await another_account(tenant)
    person, other = await tenant.enrolled(), await elsewhere.enrolled()
    token = await tenant.asked(person)
    tenant.clock.turn(seconds=60)

    for app in (person.authenticator, other.authenticator):
        refused(await submit(elsewhere.browser(), token, app.passcode()), 401, "sign_in_expired")
    refused(await submit(elsewhere.browser(), token, person.recovery_codes[0]), 401, "sign_in_expired")

    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def change_password(_: Tenant, person: SimulatedUser) -> None:
    body = {"current_password": PASSWORD, "new_password": "quite another password"}
    ok(await person.browser.put("/users/me/password", json=body), 204)


async def add_an_authenticator(tenant: Tenant, person: SimulatedUser) -> None:
    first = person.authenticator
    await tenant.enroll(person)
    person.app = first


async def remove_an_authenticator(_: Tenant, person: SimulatedUser) -> None:
    shown = ok(await person.browser.get("/users/me/two-factor"))["authenticators"]
    ok(await person.browser.delete(f"/users/me/two-factor/authenticators/{shown[1]['id']}"), 204)


async def turn_it_off(_: Tenant, person: SimulatedUser) -> None:
    ok(await person.browser.delete("/users/me/two-factor"), 204)


async def suspend(tenant: Tenant, person: SimulatedUser) -> None:
    await set_status(tenant, person, "suspended")


Change = Callable[[Tenant, SimulatedUser], Awaitable[None]]


@pytest.mark.parametrize(
    "change", [change_password, add_an_authenticator, remove_an_authenticator, turn_it_off, suspend]
)
async def test_a_sign_in_ends_when_password_second_factor_or_status_change(tenant: Tenant, change: Change) -> None:
    person = await tenant.enrolled()
    await add_an_authenticator(tenant, person)
    token = await tenant.asked(person)

    await change(tenant, person)

    tenant.clock.turn(seconds=60)
    refused(await submit(tenant.browser(), token, person.authenticator.passcode()), 401, "sign_in_expired")
    refused(await submit(tenant.browser(), token, person.recovery_codes[0]), 401, "sign_in_expired")


@pytest.mark.parametrize("change", [change_password, suspend])
async def test_a_sign_in_that_must_enroll_ends_when_password_or_status_change(
    tenant: Tenant, owner: SimulatedUser, change: Change
) -> None:
    person = await tenant.signed_in(Role.END_USER)
    await tenant.require(owner, end_users=True)
    waiting = await tenant.sign_in(person, tenant.browser())
    begun = await begin_demanded_enrollment(tenant, person, tenant.browser())
    await tenant.require(owner, end_users=False)  # otherwise changing the password needs a step-up

    await change(tenant, person)

    await tenant.require(owner, end_users=True)
    body = {"sign_in_token": waiting["sign_in_token"], "kind": "totp"}
    refused(await tenant.browser().post("/sign-ins/enrollments", json=body), 401, "sign_in_expired")
    confirmation = {"sign_in_token": begun["sign_in_token"], "passcode": "123456"}
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    refused(await tenant.browser().post(path, json=confirmation), 401, "sign_in_expired")


async def test_passcodes_for_an_ended_sign_in_do_not_count_as_failures(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    used, late = await tenant.asked(person), await tenant.asked(person)
    ok(await submit(tenant.browser(), used, person.authenticator.next_passcode()), 201)
    tenant.clock.turn(minutes=10)

    for _ in range(6):
        for dead in (used, late, "pgi_" + "A" * 43):
            response = await submit(tenant.browser(), dead, person.authenticator.wrong_passcode())
            refused(response, 401, "sign_in_expired")

    await tenant.pass_passcode(person, tenant.browser())


async def test_a_sign_in_that_must_enroll_takes_no_passcode(tenant: Tenant, owner: SimulatedUser) -> None:
    other = await tenant.enrolled()
    await tenant.require(owner, end_users=True)
    person = await tenant.person(Role.END_USER)
    token = (await tenant.sign_in(person))["sign_in_token"]

    for passcode in (other.authenticator.next_passcode(), other.recovery_codes[0], "000000"):
        refused(await submit(tenant.browser(), token, passcode), 409, "no_authenticator")

    assert (await enroll_on_demand(tenant, person))["status"] == "complete"


async def test_each_sign_in_has_a_token_of_its_own(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    first, second = await tenant.asked(person), await tenant.asked(person)

    assert first != second
    assert first.startswith("pgi_")
    assert len(first) == len("pgi_") + 43
