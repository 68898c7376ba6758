"""A hundred failures in a row disable the authenticators (docs/api.md section 4)."""

import pytest

from app.core.callers import Role
from app.second_factor import repository
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit
from tests.support.observe.jobs import letters


async def fail(tenant: Tenant, person: SimulatedUser, *, times: int, **body: str) -> None:
    """Send wrong passcodes, and wait until each block ends.

    After a block a new sign-in is begun, because the longest block lasts longer than a sign-in.
    """
    token = await tenant.asked(person)
    for _ in range(times):
        response = await submit(tenant.browser(), token, person.authenticator.wrong_passcode(), **body)
        if response.status_code == 429:
            tenant.clock.turn(seconds=int(response.headers["retry-after"]))
            token = await tenant.asked(person)
            response = await submit(tenant.browser(), token, person.authenticator.wrong_passcode(), **body)
        refused(response, 401, "passcode_incorrect")


async def after_failures(tenant: Tenant, person: SimulatedUser, count: int, **body: str) -> None:
    """Give a user `count` failures in a row; all but the last are set directly, to save time."""
    async with tenant.services.database.begin() as tx:
        await repository.change_state(tx, tenant.account.id, person.user.id, failures=count - 1)
    await fail(tenant, person, times=1, **body)


async def disabled(tenant: Tenant, role: Role = Role.AGENT) -> SimulatedUser:
    """Return a user whose authenticators are disabled and whose last block has ended."""
    person = await tenant.enrolled(role)
    await after_failures(tenant, person, 100)
    tenant.clock.turn(minutes=15)
    return person


async def test_the_hundredth_failure_in_a_row_disables_and_the_one_before_does_not(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await fail(tenant, person, times=99)
    tenant.clock.turn(minutes=15)
    assert len((await tenant.sign_in(person, tenant.browser()))["methods"]) == 1

    await fail(tenant, person, times=1)

    assert (await tenant.sign_in(person, tenant.browser()))["methods"] == []


async def test_a_success_after_ninety_nine_failures_resets_the_count(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for _ in range(2):
        await after_failures(tenant, person, 99)
        tenant.clock.turn(minutes=15)
        await tenant.pass_passcode(person, tenant.browser())
    await fail(tenant, person, times=6)

    assert len((await tenant.sign_in(person, tenant.browser()))["methods"]) == 1


async def test_a_hundred_failures_leave_only_the_recovery_codes(tenant: Tenant) -> None:
    person = await disabled(tenant)

    answer = await tenant.sign_in(person, tenant.browser())

    assert answer["status"] == "passcode_required"
    assert answer["methods"] == []
    token = answer["sign_in_token"]
    refused(await submit(tenant.browser(), token, person.authenticator.passcode()), 401, "passcode_incorrect")
    answer = ok(await submit(tenant.browser(), token, person.recovery_codes[0]), 201)
    assert answer["session"]["amr"] == ["pwd", "recovery_code"]


async def test_a_hundred_failures_send_a_letter(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await letters(tenant)

    await after_failures(tenant, person, 100)

    [letter] = await letters(tenant)
    assert (letter["kind"], letter["to"]) == ("authenticators_disabled", person.user.email)
    assert letter["details"] == {"failures": 100}


@pytest.mark.parametrize("names_one", [True, False])
async def test_five_authenticators_are_disabled_by_the_twentieth_failure(
    tenant: Tenant, *, names_one: bool
) -> None:
    person = await tenant.enrolled()
    for _ in range(4):
        await tenant.enroll(person)
    methods = (await tenant.sign_in(person, tenant.browser()))["methods"]
    named = {"authenticator_id": methods[0]["authenticator_id"]} if names_one else {}
    await after_failures(tenant, person, 19, **named)
    tenant.clock.turn(minutes=15)
    assert len((await tenant.sign_in(person, tenant.browser()))["methods"]) == 5

    await fail(tenant, person, times=1, **named)

    assert (await tenant.sign_in(person, tenant.browser()))["methods"] == []


async def test_removing_authenticators_allows_no_more_guesses(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for _ in range(4):
        await tenant.enroll(person)
    await after_failures(tenant, person, 19)
    tenant.clock.turn(minutes=15)
    await tenant.step_up(person)
    for known in ok(await person.browser.get("/users/me/two-factor"))["authenticators"][:4]:
        ok(await person.browser.delete(f"/users/me/two-factor/authenticators/{known['id']}"), 204)

    # 95 were checked before (19 guesses, 5 authenticators), and each removal rounds up.
    await fail(tenant, person, times=3)
    tenant.clock.turn(minutes=15)
    assert len((await tenant.sign_in(person, tenant.browser()))["methods"]) == 1
    await fail(tenant, person, times=1)

    assert (await tenant.sign_in(person, tenant.browser()))["methods"] == []


async def test_a_disabled_authenticator_neither_steps_up_nor_ends_the_session(tenant: Tenant) -> None:
    person = await disabled(tenant)
    tenant.clock.turn(minutes=-15)  # back to when the session was last used
    for _ in range(6):
        body = {"passcode": person.authenticator.passcode()}
        refused(await person.browser.post("/session/step-up", json=body), 401, "passcode_incorrect")

    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))


async def test_binding_a_new_authenticator_in_a_session_resets_the_count(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await after_failures(tenant, person, 100)
    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))
    await tenant.enroll(person)

    await fail(tenant, person, times=4)

    await tenant.pass_passcode(person, tenant.browser())


async def test_passcodes_do_not_count_once_authenticators_are_disabled(tenant: Tenant) -> None:
    person = await disabled(tenant)
    token = await tenant.asked(person)
    for _ in range(10):
        refused(
            await submit(tenant.browser(), token, person.authenticator.wrong_passcode()), 401, "passcode_incorrect"
        )

    ok(await submit(tenant.browser(), token, person.recovery_codes[0]), 201)


async def test_passcodes_cannot_keep_the_recovery_codes_throttled_once_disabled(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await after_failures(tenant, person, 100)
    for _ in range(3):
        token = await tenant.asked(person)
        refused(await submit(tenant.browser(), token, "000000"), 401, "passcode_incorrect")
        response = await submit(tenant.browser(), token, person.recovery_codes[0])
        refused(response, 429, "too_many_attempts")
        tenant.clock.turn(minutes=5)

    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)


async def test_wrong_recovery_codes_still_count_once_disabled(tenant: Tenant) -> None:
    person = await disabled(tenant)
    token = await tenant.asked(person)
    refused(await submit(tenant.browser(), token, "0000000-0000000"), 401, "passcode_incorrect")

    response = await submit(tenant.browser(), token, person.recovery_codes[0])

    refused(response, 429, "too_many_attempts")
    assert response.headers["retry-after"] == "900"


async def test_a_recovery_code_does_not_enable_disabled_authenticators(tenant: Tenant) -> None:
    person = await disabled(tenant)
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)

    answer = await tenant.sign_in(person, tenant.browser())

    assert answer["methods"] == []
    response = await submit(tenant.browser(), answer["sign_in_token"], person.authenticator.next_passcode())
    refused(response, 401, "passcode_incorrect")


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_a_disabled_authenticator_counts_as_confirmed_everywhere(
    tenant: Tenant, owner: SimulatedUser, role: Role
) -> None:
    person = await disabled(tenant, role)
    await tenant.sign_in(owner)
    await tenant.require(owner, team_members=True, end_users=True)

    answer = await tenant.sign_in(person, tenant.browser())
    assert answer["status"] == "passcode_required"
    body = {"sign_in_token": answer["sign_in_token"], "kind": "totp"}
    refused(await tenant.browser().post("/sign-ins/enrollments", json=body), 409, "already_enrolled")

    answer = ok(await submit(person.browser, answer["sign_in_token"], person.recovery_codes[0]), 201)
    person.browser.token = answer["session"]["token"]
    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert (shown["status"], len(shown["authenticators"])) == ("on", 1)


async def test_a_new_authenticator_replaces_the_disabled_ones(tenant: Tenant) -> None:
    person = await disabled(tenant)
    old = person.authenticator
    answer = ok(await submit(person.browser, await tenant.asked(person), person.recovery_codes[0]), 201)
    person.browser.token = answer["session"]["token"]

    assert (await tenant.enroll(person))["recovery_codes"] is None

    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert len(shown["authenticators"]) == 1
    assert shown["recovery_codes_left"] == 9
    answer = await tenant.sign_in(person, tenant.browser())
    assert len(answer["methods"]) == 1
    tenant.clock.turn(seconds=60)
    token = answer["sign_in_token"]
    refused(await submit(tenant.browser(), token, old.passcode()), 401, "passcode_incorrect")
    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def test_five_disabled_authenticators_make_room_for_a_new_one(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for _ in range(4):
        await tenant.enroll(person)
    await after_failures(tenant, person, 100)
    tenant.clock.turn(minutes=15)
    answer = ok(await submit(person.browser, await tenant.asked(person), person.recovery_codes[0]), 201)
    person.browser.token = answer["session"]["token"]

    begun = ok(await person.browser.post("/users/me/two-factor/enrollments", json={"kind": "totp"}), 201)

    app = AuthenticatorApp(begun["secret"], tenant.clock)
    path = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"
    ok(await person.browser.post(path, json={"passcode": app.passcode()}), 201)
    assert len(ok(await person.browser.get("/users/me/two-factor"))["authenticators"]) == 1


async def test_turning_two_factor_off_and_on_resets_the_count(tenant: Tenant) -> None:
    person = await disabled(tenant)
    answer = ok(await submit(person.browser, await tenant.asked(person), person.recovery_codes[0]), 201)
    person.browser.token = answer["session"]["token"]
    ok(await person.browser.delete("/users/me/two-factor"), 204)
    await tenant.sign_in(person)
    await tenant.enroll(person)

    await fail(tenant, person, times=4)
    await tenant.pass_passcode(person, tenant.browser())
