"""Sign-in and step-up by challenge: one answer, to the latest challenge of the same sign-in."""

import asyncio

import pytest

from tests.second_factor.kinds.toy.playing import answer, ask, enroll_toy, sign_in_by_toy, wrong
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit
from tests.support.account.step_ups import step_up

pytestmark = pytest.mark.usefixtures("toy_owner")


@pytest.fixture
async def person(toys: Tenant) -> SimulatedUser:
    return await toys.signed_in()


@pytest.fixture
async def toy_id(person: SimulatedUser) -> str:
    found: str = (await enroll_toy(person))["id"]
    return found


async def test_an_authenticator_with_a_challenge_is_listed_and_signs_in(
    toys: Tenant, person: SimulatedUser, toy_id: str
) -> None:
    browser = toys.browser()
    waiting = await toys.sign_in(person, browser)
    assert waiting["methods"] == [{"authenticator_id": toy_id, "kind": "toy", "label": "Toy"}]
    asked = await ask(browser, waiting["sign_in_token"], toy_id)
    assert set(asked) == {"authenticator_id", "kind", "expires_at", "number"}
    completed = ok(await answer(browser, waiting["sign_in_token"], toy_id, asked["number"][::-1]), 201)

    assert (completed["session"]["amr"], completed["session"]["assurance"]) == (["pwd", "toy"], "aal2")
    assert completed["trusted_device"]
    [shown] = ok(await person.browser.get("/users/me/two-factor"))["authenticators"]
    assert shown["last_used_at"]


async def test_a_challenge_ends_with_its_first_answer_or_the_next_challenge(
    toys: Tenant, person: SimulatedUser, toy_id: str
) -> None:
    token = await toys.asked(person)
    first = await ask(toys.browser(), token, toy_id)
    refused(await answer(toys.browser(), token, toy_id, wrong(first["number"])), 401, "passcode_incorrect")
    refused(await answer(toys.browser(), token, toy_id, first["number"][::-1]), 401, "passcode_incorrect")
    second = await ask(toys.browser(), token, toy_id)
    third = await ask(toys.browser(), token, toy_id)  # voids the second
    if second["number"] != third["number"]:
        refused(await answer(toys.browser(), token, toy_id, second["number"][::-1]), 401, "passcode_incorrect")
        third = await ask(toys.browser(), token, toy_id)
    ok(await answer(toys.browser(), token, toy_id, third["number"][::-1]), 201)
    refused(await answer(toys.browser(), token, toy_id, third["number"][::-1]), 401, "sign_in_expired")


async def test_one_answer_sent_many_times_at_once_signs_in_once(
    toys: Tenant, person: SimulatedUser, toy_id: str
) -> None:
    token = await toys.asked(person)
    asked = await ask(toys.browser(), token, toy_id)
    requests = [answer(toys.browser(), token, toy_id, asked["number"][::-1]) for _ in range(20)]

    statuses = [response.status_code for response in await asyncio.gather(*requests)]

    assert sorted(statuses) == [201] + [401] * 19


async def test_an_answer_is_valid_only_in_its_sign_in_for_its_authenticator_and_in_time(
    toys: Tenant, person: SimulatedUser, toy_id: str
) -> None:
    other = (await enroll_toy(person))["id"]
    token, another = await toys.asked(person), await toys.asked(person)
    asked = (await ask(toys.browser(), token, toy_id))["number"]
    refused(await answer(toys.browser(), another, toy_id, asked[::-1]), 401, "passcode_incorrect")
    refused(await answer(toys.browser(), token, other, asked[::-1]), 401, "passcode_incorrect")
    asked = (await ask(toys.browser(), token, toy_id))["number"]
    toys.clock.turn(minutes=5)
    refused(await answer(toys.browser(), token, toy_id, asked[::-1]), 401, "passcode_incorrect")


async def test_a_challenge_needs_a_sign_in_and_an_own_authenticator_that_has_challenges(
    toys: Tenant, person: SimulatedUser, toy_id: str
) -> None:
    stranger = await toys.signed_in()
    await enroll_toy(stranger)
    body = {"sign_in_token": await toys.asked(stranger), "authenticator_id": toy_id}
    refused(await toys.browser().post("/sign-ins/challenges", json=body), 404, "not_found")
    body["sign_in_token"] = "pgi_" + "A" * 43
    refused(await toys.browser().post("/sign-ins/challenges", json=body), 401, "sign_in_expired")
    totp = (await toys.enroll(person))["authenticator"]["id"]
    body = {"sign_in_token": await toys.asked(person), "authenticator_id": totp}
    refused(await toys.browser().post("/sign-ins/challenges", json=body), 409, "conflict")


async def test_an_unguessable_kind_is_neither_counted_nor_throttled(
    toys: Tenant, person: SimulatedUser, toy_id: str
) -> None:
    await toys.enroll(person)
    for _ in range(5):
        token = await toys.asked(person)
        asked = await ask(toys.browser(), token, toy_id)
        refused(await answer(toys.browser(), token, toy_id, wrong(asked["number"])), 401, "passcode_incorrect")
    passcode = person.authenticator.next_passcode()
    ok(await submit(toys.browser(), await toys.asked(person), passcode), 201)
    for _ in range(5):
        wrong_passcode = person.authenticator.wrong_passcode()
        refused(await submit(toys.browser(), await toys.asked(person), wrong_passcode), 401, "passcode_incorrect")
    passcode = person.authenticator.next_passcode()
    toys.clock.turn(seconds=-30)
    refused(await submit(toys.browser(), await toys.asked(person), passcode), 429, "too_many_attempts")

    await sign_in_by_toy(toys, person, toy_id)

    refused(await submit(toys.browser(), await toys.asked(person), passcode), 429, "too_many_attempts")


async def test_a_guessable_kind_is_counted_and_throttled_and_reaches_aal1(
    toys: Tenant, person: SimulatedUser
) -> None:
    letter = (await enroll_toy(person, "toy_letter"))["id"]
    browser = await sign_in_by_toy(toys, person, letter)
    session = ok(await browser.get("/session"))["session"]
    assert (session["amr"], session["assurance"]) == (["pwd", "toy_letter"], "aal1")
    authorized = await browser.get("/authorize")
    assert authorized.headers["passgate-assurance"] == "aal1"
    token = await toys.asked(person)
    for _ in range(5):
        asked = await ask(toys.browser(), token, letter)
        refused(await answer(toys.browser(), token, letter, wrong(asked["number"])), 401, "passcode_incorrect")
    asked = await ask(toys.browser(), token, letter)
    refused(await answer(toys.browser(), token, letter, asked["number"][::-1]), 429, "too_many_attempts")


async def test_a_step_up_uses_a_challenge_too(toys: Tenant, person: SimulatedUser, toy_id: str) -> None:
    browser = await sign_in_by_toy(toys, person, toy_id)
    toys.clock.turn(minutes=11)
    body = {"authenticator_id": toy_id}
    refused(await browser.post("/users/me/two-factor/recovery-codes"), 401, "step_up_required")
    for _ in range(6):  # five wrong passcodes of a guessable kind would end the session
        asked = ok(await browser.post("/session/step-up/challenges", json=body), 201)
        refused(await step_up(browser, wrong(asked["number"])), 401, "passcode_incorrect")
    asked = ok(await browser.post("/session/step-up/challenges", json=body), 201)
    session = ok(await step_up(browser, asked["number"][::-1]))

    assert session["amr"] == ["pwd", "toy"]
    ok(await browser.post("/users/me/two-factor/recovery-codes"), 201)
    refused(await step_up(browser, asked["number"][::-1]), 401, "passcode_incorrect")


async def test_a_challenge_ends_with_its_session_and_its_authenticator(person: SimulatedUser, toy_id: str) -> None:
    other = (await enroll_toy(person))["id"]
    body = {"authenticator_id": other}
    asked = ok(await person.browser.post("/session/step-up/challenges", json=body), 201)
    ok(await person.browser.delete(f"/users/me/two-factor/authenticators/{other}"), 204)
    refused(await step_up(person.browser, asked["number"][::-1]), 401, "passcode_incorrect")
    ok(await person.browser.post("/session/step-up/challenges", json={"authenticator_id": toy_id}), 201)
    ok(await person.browser.delete("/session"), 204)
