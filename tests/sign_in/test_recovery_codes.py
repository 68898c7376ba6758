"""Completing a sign-in with a recovery code, any spelling, once (docs/api.md sections 4, 5)."""

from collections.abc import Callable

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit
from tests.support.account.variants import another_account

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it was shown": lambda code: code,
    "upper case": str.upper,
    "mixed case": lambda code: code[:5].upper() + code[5:],
    "without its dash": lambda code: code.replace("-", ""),
    "upper case, without its dash": lambda code: code.replace("-", "").upper(),
    "a space for the dash": lambda code: code.replace("-", " "),
    "in groups": lambda code: " ".join(code[at : at + 3] for at in range(0, len(code), 3)),
    "spaces around": lambda code: f"  {code}   ",
    "spaces around the dash": lambda code: code.replace("-", " - "),
    "o for zero": lambda code: code.replace("0", "o"),
    "O for zero": lambda code: code.replace("0", "O"),
    "i for one": lambda code: code.replace("1", "i"),
    "L for one": lambda code: code.replace("1", "L"),
}


async def test_a_recovery_code_completes_the_sign_in(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()

    response = await submit(browser, await tenant.asked(person, browser), person.recovery_codes[3])

    answer = ok(response, 201)
    assert answer["session"]["amr"] == ["pwd", "recovery_code"]
    assert answer["session"]["assurance"] == "aal2"
    assert answer["user"]["id"] == person.id
    assert answer["recovery_codes_left"] == 9
    assert answer["trusted_device"] is None
    browser.token = answer["session"]["token"]
    assert ok(await browser.get("/session"))["session"]["amr"] == ["pwd", "recovery_code"]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_recovery_code_is_right_however_it_is_typed(tenant: Tenant, spelling: str) -> None:
    person = await tenant.enrolled()
    # The code with the most zeros and ones, which some spellings replace; nearly always it has some.
    code = max(person.recovery_codes, key=lambda code: code.count("0") + code.count("1"))

    ok(await submit(tenant.browser(), await tenant.asked(person), SPELLINGS[spelling](code)), 201)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_used_recovery_code_is_used_in_every_spelling(tenant: Tenant, spelling: str) -> None:
    person = await tenant.enrolled()
    code = person.recovery_codes[0]
    ok(await submit(tenant.browser(), await tenant.asked(person), code), 201)

    response = await submit(tenant.browser(), await tenant.asked(person), SPELLINGS[spelling](code))

    problem = refused(response, 401, "passcode_already_used")
    assert "retry_after" not in problem  # waiting does not help


async def test_every_recovery_code_works_once_and_the_count_goes_down_to_none(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    assert len(set(person.recovery_codes)) == 10

    for left, code in zip(range(9, -1, -1), person.recovery_codes, strict=True):
        answer = ok(await submit(tenant.browser(), await tenant.asked(person), code), 201)
        assert answer["recovery_codes_left"] == left

    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert shown["recovery_codes_left"] == 0
    assert shown["status"] == "on"
    for code in person.recovery_codes[:5]:
        refused(await submit(tenant.browser(), await tenant.asked(person), code), 401, "passcode_already_used")


async def test_a_recovery_code_does_not_use_up_the_authenticators_passcode(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)

    answer = ok(await submit(tenant.browser(), await tenant.asked(person), person.authenticator.passcode()), 201)

    assert answer["session"]["amr"] == ["pwd", "otp"]
    assert answer["recovery_codes_left"] == 9


@pytest.mark.parametrize("role", [Role.AGENT, Role.END_USER])
async def test_a_recovery_code_of_another_user_is_wrong(tenant: Tenant, role: Role) -> None:
    person, other = await tenant.enrolled(role), await tenant.enrolled(role)

    response = await submit(tenant.browser(), await tenant.asked(person), other.recovery_codes[0])

    refused(response, 401, "passcode_incorrect")
    ok(await submit(tenant.browser(), await tenant.asked(other), other.recovery_codes[0]), 201)


async def test_a_recovery_code_of_another_account_is_wrong(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await (await another_account(tenant)).enrolled()

    response = await submit(tenant.browser(), await tenant.asked(person), other.recovery_codes[0])

    refused(response, 401, "passcode_incorrect")


async def test_a_recovery_code_of_an_older_set_is_wrong(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    old = person.recovery_codes
    renewed = ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)["recovery_codes"]
    assert not set(renewed) & set(old)

    refused(await submit(tenant.browser(), await tenant.asked(person), old[0]), 401, "passcode_incorrect")

    answer = ok(await submit(tenant.browser(), await tenant.asked(person), renewed[0]), 201)
    assert answer["recovery_codes_left"] == 9


async def test_a_recovery_code_renewed_in_the_middle_of_a_sign_in_is_wrong_there_too(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    renewed = ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)["recovery_codes"]

    refused(await submit(tenant.browser(), token, person.recovery_codes[0]), 401, "passcode_incorrect")
    ok(await submit(tenant.browser(), token, renewed[0]), 201)


async def test_recovery_codes_end_with_two_factor_authentication(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    old = person.recovery_codes
    ok(await person.browser.delete("/users/me/two-factor"), 204)
    await tenant.sign_in(person)
    await tenant.enroll(person)

    refused(await submit(tenant.browser(), await tenant.asked(person), old[0]), 401, "passcode_incorrect")
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)


async def test_a_second_authenticator_leaves_the_recovery_codes_as_they_were(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    assert (await tenant.enroll(person))["recovery_codes"] is None

    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)


async def test_wrong_recovery_codes_spend_nothing_and_a_right_one_spends_one(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    for _ in range(4):
        refused(await submit(tenant.browser(), token, "0000000-0000000"), 401, "passcode_incorrect")
    ok(await submit(tenant.browser(), token, person.recovery_codes[0]), 201)

    assert (await left(person)) == 9


async def test_a_recovery_code_refused_by_the_throttle_is_not_spent(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    for _ in range(5):
        refused(await submit(tenant.browser(), token, "0000000-0000000"), 401, "passcode_incorrect")

    refused(await submit(tenant.browser(), token, person.recovery_codes[0]), 429, "too_many_attempts")

    assert (await left(person)) == 10
    tenant.clock.turn(seconds=30)
    ok(await submit(tenant.browser(), token, person.recovery_codes[0]), 201)


async def test_a_recovery_code_sent_to_a_sign_in_that_has_ended_is_not_spent(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    tenant.clock.turn(minutes=10)

    refused(await submit(tenant.browser(), token, person.recovery_codes[0]), 401, "sign_in_expired")

    assert (await left(person)) == 10


async def left(person: SimulatedUser) -> int:
    return int(ok(await person.browser.get("/users/me/two-factor"))["recovery_codes_left"])
