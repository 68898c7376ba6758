"""A sealed secret that was moved or bent in the database: its user's passcodes are refused, nobody else's."""

import base64
from collections.abc import Callable

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import app_of, begin, confirm
from tests.support.observe.sql import run_sql


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


async def seal_of(tenant: Tenant, person: SimulatedUser) -> bytes:
    statement = "SELECT sealed_secret FROM authenticators WHERE account_id = :account AND user_id = :user"
    [(sealed,)] = await run_sql(tenant, statement, user=person.user.id)
    assert isinstance(sealed, bytes)
    return sealed


async def put_seal(tenant: Tenant, person: SimulatedUser, sealed: bytes) -> None:
    statement = "UPDATE authenticators SET sealed_secret = :sealed WHERE account_id = :account AND user_id = :user"
    await run_sql(tenant, statement, sealed=sealed, user=person.user.id)


async def passcode_is_refused(tenant: Tenant, person: SimulatedUser, passcode: str) -> None:
    body = {"sign_in_token": await tenant.asked(person), "passcode": passcode}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")


async def test_the_secret_does_not_rest_in_clear(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    sealed = await seal_of(tenant, person)

    assert base64.b32decode(person.authenticator.secret) not in sealed
    assert person.authenticator.secret.encode() not in sealed


async def test_a_secret_moved_to_another_users_row_lets_neither_of_their_passcodes_in(tenant: Tenant) -> None:
    thief, victim, other = await tenant.enrolled(), await tenant.enrolled(), await tenant.enrolled()
    await put_seal(tenant, victim, await seal_of(tenant, thief))

    await passcode_is_refused(tenant, victim, thief.authenticator.next_passcode())
    await passcode_is_refused(tenant, victim, victim.authenticator.next_passcode())

    await tenant.pass_passcode(victim, passcode=victim.recovery_codes[0])
    await tenant.pass_passcode(thief)
    await tenant.pass_passcode(other)


async def test_two_secrets_that_changed_places_open_at_neither(tenant: Tenant) -> None:
    one, two = await tenant.enrolled(), await tenant.enrolled()
    seal_of_one, seal_of_two = await seal_of(tenant, one), await seal_of(tenant, two)
    await put_seal(tenant, one, seal_of_two)
    await put_seal(tenant, two, seal_of_one)

    for person in (one, two):
        for app in (one.authenticator, two.authenticator):
            await passcode_is_refused(tenant, person, app.next_passcode())

    await put_seal(tenant, one, seal_of_one)
    await tenant.pass_passcode(one)


async def test_an_authenticator_given_to_another_user_lets_neither_of_their_passcodes_in(tenant: Tenant) -> None:
    thief, victim = await tenant.enrolled(), await tenant.enrolled()
    swap = """
        UPDATE authenticators SET user_id = CASE user_id WHEN :thief THEN :victim ELSE :thief END
        WHERE account_id = :account AND user_id IN (:thief, :victim)
    """
    await run_sql(tenant, swap, thief=thief.user.id, victim=victim.user.id)

    for person in (thief, victim):
        for app in (thief.authenticator, victim.authenticator):
            await passcode_is_refused(tenant, person, app.next_passcode())

    await run_sql(tenant, swap, thief=thief.user.id, victim=victim.user.id)
    await tenant.pass_passcode(victim)


async def test_an_enrollment_given_to_another_user_confirms_nothing(tenant: Tenant) -> None:
    thief, victim = await tenant.signed_in(), await tenant.signed_in()
    begun = await begin(thief)
    give = "UPDATE enrollments SET user_id = :victim WHERE account_id = :account AND user_id = :thief"
    await run_sql(tenant, give, thief=thief.user.id, victim=victim.user.id)

    refused(await confirm(victim, begun, app_of(tenant, begun).passcode()), 410, "enrollment_expired")


async def test_a_secret_moved_from_an_enrollment_opens_no_authenticator(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun = await begin(person)
    statement = "SELECT sealed_secret FROM enrollments WHERE account_id = :account AND id = :id"
    [(sealed,)] = await run_sql(tenant, statement, id=begun["id"])
    await put_seal(tenant, person, sealed)

    await passcode_is_refused(tenant, person, app_of(tenant, begun).next_passcode())


@pytest.mark.parametrize("part", list(BENT))
async def test_a_bent_secret_refuses_its_users_passcode_and_leaves_the_recovery_code(
    tenant: Tenant, part: str
) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    await put_seal(tenant, person, BENT[part](await seal_of(tenant, person)))

    await passcode_is_refused(tenant, person, person.authenticator.next_passcode())

    await tenant.pass_passcode(other)
    await tenant.pass_passcode(person, passcode=person.recovery_codes[0])


async def test_a_new_authenticator_works_beside_one_that_was_bent(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await put_seal(tenant, person, b"bent")
    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))

    await tenant.enroll(person)

    await tenant.pass_passcode(person)


async def test_a_bent_enrollment_confirms_nothing_and_the_next_one_does(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    await run_sql(tenant, "UPDATE enrollments SET sealed_secret = 'bent' WHERE account_id = :account")

    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 410, "enrollment_expired")

    await tenant.enroll(person)


async def test_the_secret_of_another_users_enrollment_confirms_nothing(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.signed_in()
    begun, foreign = await begin(person), await begin(other)
    statement = """
        UPDATE enrollments SET sealed_secret = (SELECT sealed_secret FROM enrollments WHERE id = :foreign)
        WHERE account_id = :account AND id = :mine
    """
    await run_sql(tenant, statement, foreign=foreign["id"], mine=begun["id"])

    refused(await confirm(person, begun, app_of(tenant, foreign).passcode()), 410, "enrollment_expired")
