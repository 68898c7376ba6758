"""A user's own recovery codes: format, single use, and replacement by a new set."""

import re

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.freshness import let_through_by_device, step_up_required
from tests.support.observe.sql import run_sql

PATH = "/users/me/two-factor/recovery-codes"
CODE = re.compile("[0-9a-hjkmnp-tv-z]{7}-[0-9a-hjkmnp-tv-z]{7}")


async def renew(person: SimulatedUser) -> list[str]:
    answer = ok(await person.browser.post(PATH), 201)
    assert set(answer) == {"recovery_codes"}
    codes: list[str] = answer["recovery_codes"]
    return codes


async def left(person: SimulatedUser) -> int:
    count: int = ok(await person.browser.get("/users/me/two-factor"))["recovery_codes_left"]
    return count


async def test_the_first_authenticator_brings_ten_distinct_codes_in_crockfords_base32(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    codes = (await tenant.enroll(person))["recovery_codes"]

    assert len(set(codes)) == len(codes) == 10
    assert all(CODE.fullmatch(code) for code in codes)
    assert await left(person) == 10


async def test_a_new_set_is_ten_other_codes(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    codes = await renew(person)

    assert len(set(codes)) == len(codes) == 10
    assert all(CODE.fullmatch(code) for code in codes)
    assert not set(codes) & set(person.recovery_codes)


async def test_a_new_set_invalidates_the_old_one_and_has_ten_codes(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person, passcode=person.recovery_codes[0])
    assert await left(person) == 9

    new = await renew(person)

    assert await left(person) == 10
    for old in person.recovery_codes[:2]:
        refused(await person.browser.post("/session/step-up", json={"passcode": old}), 401, "passcode_incorrect")
    ok(await person.browser.post("/session/step-up", json={"passcode": new[0]}))


async def test_each_code_of_a_set_works_exactly_once(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    for number, code in enumerate(person.recovery_codes, start=1):
        answer = await tenant.pass_passcode(person, passcode=code)
        assert answer["recovery_codes_left"] == 10 - number
        again = await person.browser.post("/session/step-up", json={"passcode": code})
        refused(again, 401, "passcode_already_used")

    assert await left(person) == 0


async def test_a_code_of_one_user_is_wrong_for_another(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()

    answer = await other.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]})

    refused(answer, 401, "passcode_incorrect")
    assert await left(person) == 10


@pytest.mark.parametrize(
    "typed",
    [
        str.upper,
        lambda code: code.replace("-", ""),
        lambda code: f" {code[:4]} {code[4:]} ",
        lambda code: code.replace("0", "O").replace("1", "l"),
        lambda code: code.replace("0", "o").replace("1", "I"),
    ],
)
async def test_letter_case_spaces_and_the_dash_do_not_matter(tenant: Tenant, typed: object) -> None:
    person = await tenant.enrolled()
    assert callable(typed)

    ok(await person.browser.post("/session/step-up", json={"passcode": typed(person.recovery_codes[0])}))

    assert await left(person) == 9


async def test_new_codes_need_a_fresh_second_factor(tenant: Tenant, clock: TurnableClock) -> None:
    person = await tenant.enrolled()
    clock.turn(minutes=10)

    step_up_required(await person.browser.post(PATH))

    await tenant.pass_passcode(person, passcode=person.recovery_codes[0])


async def test_a_trusted_device_gets_no_new_codes(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)

    step_up_required(await person.browser.post(PATH))


async def test_a_user_without_an_authenticator_gets_no_codes(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    refused(await person.browser.post(PATH), 409, "no_authenticator")

    assert await left(person) == 0


async def test_without_a_session_there_are_no_new_codes(tenant: Tenant) -> None:
    refused(await tenant.browser().post(PATH), 401, "unauthenticated")


async def test_a_new_set_ends_neither_trusted_devices_nor_open_sign_ins(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    token = await tenant.asked(person)

    await renew(person)

    assert (await tenant.sign_in(person))["status"] == "complete"
    body = {"sign_in_token": token, "passcode": person.authenticator.next_passcode()}
    ok(await tenant.browser().post("/sign-ins/passcode", json=body), 201)


async def test_a_new_set_of_one_user_leaves_the_codes_of_another(tenant: Tenant) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()

    await renew(person)

    await tenant.pass_passcode(other, passcode=other.recovery_codes[0])


async def test_codes_are_stored_as_slow_salted_digests_with_one_salt_for_a_set(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    mine = {"user": person.user.id}

    [(salt, parameters)] = await run_sql(
        tenant,
        "SELECT salt, parameters FROM recovery_code_sets WHERE account_id = :account AND user_id = :user",
        **mine,
    )
    rows = await run_sql(
        tenant,
        "SELECT digest FROM recovery_codes JOIN recovery_code_sets s USING (account_id)"
        " WHERE account_id = :account AND s.id = set_id AND user_id = :user",
        **mine,
    )

    assert len(salt) == 16
    assert parameters == tenant.services.hasher.parameters.encode()
    bare = {code.replace("-", "").encode() for code in person.recovery_codes}
    assert len({row.digest for row in rows}) == 10
    assert not {row.digest for row in rows} & bare
