"""A sealed secret that was moved or bent in the database: its user's passcodes are refused, nobody else's."""

import base64
from collections.abc import Callable

import pytest

from tests.support.arrange import Person, Place
from tests.support.client import ok, refused
from tests.support.enrolling import app_of, begin, confirm
from tests.support.sql import run_sql


def flip(sealed: bytes, at: int) -> bytes:
    """Return the same with one bit of one byte turned over."""
    bent = bytearray(sealed)
    bent[at] ^= 1
    return bytes(bent)


BENT: dict[str, Callable[[bytes], bytes]] = {
    "its version": lambda sealed: flip(sealed, 0),
    "its key id": lambda sealed: flip(sealed, 3),
    "its nonce": lambda sealed: flip(sealed, 4),
    "its text": lambda sealed: flip(sealed, 20),
    "its tag": lambda sealed: flip(sealed, -1),
    "its length": lambda sealed: sealed[:10],
    "all of it": lambda _: b"",
}


async def seal_of(place: Place, person: Person) -> bytes:
    statement = "SELECT sealed_secret FROM authenticators WHERE account_id = :account AND user_id = :user"
    [(sealed,)] = await run_sql(place, statement, user=person.user.id)
    assert isinstance(sealed, bytes)
    return sealed


async def put_seal(place: Place, person: Person, sealed: bytes) -> None:
    statement = "UPDATE authenticators SET sealed_secret = :sealed WHERE account_id = :account AND user_id = :user"
    await run_sql(place, statement, sealed=sealed, user=person.user.id)


async def passcode_is_refused(place: Place, person: Person, passcode: str) -> None:
    body = {"sign_in_token": await place.asked(person), "passcode": passcode}
    refused(await place.browser().post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")


async def test_the_secret_does_not_rest_in_clear(place: Place) -> None:
    person = await place.enrolled()

    sealed = await seal_of(place, person)

    assert base64.b32decode(person.authenticator.secret) not in sealed
    assert person.authenticator.secret.encode() not in sealed


async def test_a_secret_moved_to_another_users_row_lets_neither_of_their_passcodes_in(place: Place) -> None:
    thief, victim, other = await place.enrolled(), await place.enrolled(), await place.enrolled()
    await put_seal(place, victim, await seal_of(place, thief))

    await passcode_is_refused(place, victim, thief.authenticator.next_passcode())
    await passcode_is_refused(place, victim, victim.authenticator.next_passcode())

    await place.pass_passcode(victim, passcode=victim.recovery_codes[0])
    await place.pass_passcode(thief)
    await place.pass_passcode(other)


async def test_two_secrets_that_changed_places_open_at_neither(place: Place) -> None:
    one, two = await place.enrolled(), await place.enrolled()
    seal_of_one, seal_of_two = await seal_of(place, one), await seal_of(place, two)
    await put_seal(place, one, seal_of_two)
    await put_seal(place, two, seal_of_one)

    for person in (one, two):
        for app in (one.authenticator, two.authenticator):
            await passcode_is_refused(place, person, app.next_passcode())

    await put_seal(place, one, seal_of_one)
    await place.pass_passcode(one)


async def test_a_secret_moved_from_an_enrollment_opens_no_authenticator(place: Place) -> None:
    person = await place.enrolled()
    begun = await begin(person)
    statement = "SELECT sealed_secret FROM enrollments WHERE account_id = :account AND id = :id"
    [(sealed,)] = await run_sql(place, statement, id=begun["id"])
    await put_seal(place, person, sealed)

    await passcode_is_refused(place, person, app_of(place, begun).next_passcode())


@pytest.mark.parametrize("part", list(BENT))
async def test_a_bent_secret_refuses_its_users_passcode_and_leaves_the_recovery_code(
    place: Place, part: str
) -> None:
    person, other = await place.enrolled(), await place.enrolled()
    await put_seal(place, person, BENT[part](await seal_of(place, person)))

    await passcode_is_refused(place, person, person.authenticator.next_passcode())

    await place.pass_passcode(other)
    await place.pass_passcode(person, passcode=person.recovery_codes[0])


async def test_a_new_authenticator_works_beside_one_that_was_bent(place: Place) -> None:
    person = await place.enrolled()
    await put_seal(place, person, b"bent")
    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))

    await place.enroll(person)

    await place.pass_passcode(person)


async def test_a_bent_enrollment_confirms_nothing_and_the_next_one_does(place: Place) -> None:
    person = await place.signed_in()
    begun = await begin(person)
    await run_sql(place, "UPDATE enrollments SET sealed_secret = 'bent' WHERE account_id = :account")

    refused(await confirm(person, begun, app_of(place, begun).passcode()), 410, "enrollment_expired")

    await place.enroll(person)


async def test_the_secret_of_another_users_enrollment_confirms_nothing(place: Place) -> None:
    person, other = await place.signed_in(), await place.signed_in()
    begun, foreign = await begin(person), await begin(other)
    statement = """
        UPDATE enrollments SET sealed_secret = (SELECT sealed_secret FROM enrollments WHERE id = :foreign)
        WHERE account_id = :account AND id = :mine
    """
    await run_sql(place, statement, foreign=foreign["id"], mine=begun["id"])

    refused(await confirm(person, begun, app_of(place, foreign).passcode()), 410, "enrollment_expired")
