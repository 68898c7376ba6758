"""A hundred failures disable only guessable authenticators, which a new one replaces."""

import pytest

from tests.second_factor.kinds.toy.playing import enroll_toy, sign_in_by_toy
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit
from tests.support.observe.sql import run_sql

pytestmark = pytest.mark.usefixtures("toy_owner")

_DISABLE = (
    "UPDATE second_factor_state SET failures = 100, authenticators_disabled_at = :now "
    "WHERE account_id = :account AND user_id = :user"
)


@pytest.fixture
async def person(toys: Tenant) -> SimulatedUser:
    """A user with a toy and an authenticator app, which is disabled."""
    person = await toys.signed_in()
    await enroll_toy(person)
    await toys.enroll(person)
    await run_sql(toys, _DISABLE, now=toys.clock.now(), user=person.user.id)
    return person


async def test_only_the_unguessable_kind_is_listed_and_still_signs_in(toys: Tenant, person: SimulatedUser) -> None:
    browser = toys.browser()
    waiting = await toys.sign_in(person, browser)
    [method] = waiting["methods"]
    assert method["kind"] == "toy"
    passcode = person.authenticator.next_passcode()
    refused(await submit(browser, waiting["sign_in_token"], passcode), 401, "passcode_incorrect")

    await sign_in_by_toy(toys, person, method["authenticator_id"])

    assert [found["kind"] for found in (await toys.sign_in(person, toys.browser()))["methods"]] == ["toy"]


async def test_a_new_authenticator_replaces_only_the_disabled_ones(toys: Tenant, person: SimulatedUser) -> None:
    toy = (await toys.sign_in(person, toys.browser()))["methods"][0]["authenticator_id"]
    person.browser = await sign_in_by_toy(toys, person, toy)
    old = person.authenticator
    await toys.enroll(person)

    shown = ok(await person.browser.get("/users/me/two-factor"))["authenticators"]
    assert sorted(found["kind"] for found in shown) == ["totp", "toy"]
    ok(await submit(toys.browser(), await toys.asked(person), person.authenticator.next_passcode()), 201)
    refused(await submit(toys.browser(), await toys.asked(person), old.next_passcode()), 401, "passcode_incorrect")
