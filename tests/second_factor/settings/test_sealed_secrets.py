"""If a sealed secret is moved or corrupted, only the passcodes of its user are refused."""

import base64
from collections.abc import Callable

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import app_of, begin, confirm
from tests.support.observe.sql import run_sql


def flip(sealed: bytes, at: int) -> bytes:
    """Return the value with one bit of the byte at `at` flipped."""
    corrupted = bytearray(sealed)
    corrupted[at] ^= 1
    return bytes(corrupted)


CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "its version": lambda sealed: flip(sealed, 0),
    "its key id": lambda sealed: flip(sealed, 3),
    "its nonce": lambda sealed: flip(sealed, 4),
    "its text": lambda sealed: flip(sealed, 20),
    "its tag": lambda sealed: flip(sealed, -1),
    "its length": lambda sealed: sealed[:10],
    "all of it": lambda _: b"",
}


async def sealed_secret_of(tenant: Tenant, person: SimulatedUser) -> bytes:
    statement = "SELECT sealed_secret FROM authenticators WHERE account_id = :account AND user_id = :user"
    [(sealed,)] = await run_sql(tenant, statement, user=person.user.id)
    assert isinstance(sealed, bytes)
    return sealed


async def store_sealed_secret(tenant: Tenant, person: SimulatedUser, sealed: bytes) -> None:
    statement = "UPDATE authenticators SET sealed_secret = :sealed WHERE account_id = :account AND user_id = :user"
    await run_sql(tenant, statement, sealed=sealed, user=person.user.id)


async def assert_passcode_refused(tenant: Tenant, person: SimulatedUser, passcode: str) -> None:
    body = {"sign_in_token": await tenant.asked(person), "passcode": passcode}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")


async def test_the_secret_is_not_stored_in_clear(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    sealed = await sealed_secret_of(tenant, person)

    assert base64.b32decode(person.authenticator.secret) not in sealed
    assert person.authenticator.secret.encode() not in sealed


async def test_a_secret_moved_to_another_users_row_accepts_no_passcode_of_either(tenant: Tenant) -> None:
    thief, victim, other = await tenant.enrolled(), await tenant.enrolled(), await tenant.enrolled()
    await store_sealed_secret(tenant, victim, await sealed_secret_of(tenant, thief))

    await assert_passcode_refused(tenant, victim, thief.authenticator.next_passcode())
    await assert_passcode_refused(tenant, victim, victim.authenticator.next_passcode())

    await tenant.pass_passcode(victim, passcode=victim.recovery_codes[0])
    await tenant.pass_passcode(thief)
    await tenant.pass_passcode(other)


async def test_two_swapped_secrets_accept_no_passcode(tenant: Tenant) -> None:
    one, two = await tenant.enrolled(), await tenant.enrolled()
    secret_of_one, secret_of_two = await sealed_secret_of(tenant, one), await sealed_secret_of(tenant, two)
    await store_sealed_secret(tenant, one, secret_of_two)
    await store_sealed_secret(tenant, two, secret_of_one)

    for person in (one, two):
        for app in (one.authenticator, two.authenticator):
            await assert_passcode_refused(tenant, person, app.next_passcode())

    await store_sealed_secret(tenant, one, secret_of_one)
    await tenant.pass_passcode(one)


async def test_an_authenticator_moved_to_another_user_accepts_no_passcode_of_either(tenant: Tenant) -> None:
    thief, victim = await tenant.enrolled(), await tenant.enrolled()
    swap = """
        UPDATE authenticators SET user_id = CASE user_id WHEN :thief THEN :victim ELSE :thief END
        WHERE account_id = :account AND user_id IN (:thief, :victim)
    """
    await run_sql(tenant, swap, thief=thief.user.id, victim=victim.user.id)

    for person in (thief, victim):
        for app in (thief.authenticator, victim.authenticator):
            await assert_passcode_refused(tenant, person, app.next_passcode())

    await run_sql(tenant, swap, thief=thief.user.id, victim=victim.user.id)
    await tenant.pass_passcode(victim)


async def test_an_enrollment_moved_to_another_user_cannot_be_confirmed(tenant: Tenant) -> None:
    thief, victim = await tenant.signed_in(), await tenant.signed_in()
    begun = await begin(thief)
    move = "UPDATE enrollments SET user_id = :victim WHERE account_id = :account AND user_id = :thief"
    await run_sql(tenant, move, thief=thief.user.id, victim=victim.user.id)

    refused(await confirm(victim, begun, app_of(tenant, begun).passcode()), 410, "enrollment_expired")


async def test_a_secret_moved_from_an_enrollment_does_not_work_in_an_authenticator(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun = await begin(person)
    statement = "SELECT sealed_secret FROM enrollments WHERE account_id = :account AND id = :id"
    [(sealed,)] = await run_sql(tenant, statement, id=begun["id"])
    await store_sealed_secret(tenant, person, sealed)

    await assert_passcode_refused(tenant, person, app_of(tenant, begun).next_passcode())


@pytest.mark.parametrize("part", list(CORRUPTIONS))
async def test_with_a_corrupted_secret_passcodes_are_refused_and_recovery_codes_work(
    tenant: Tenant, part: str
) -> None:
    person, other = await tenant.enrolled(), await tenant.enrolled()
    await store_sealed_secret(tenant, person, CORRUPTIONS[part](await sealed_secret_of(tenant, person)))

    await assert_passcode_refused(tenant, person, person.authenticator.next_passcode())

    await tenant.pass_passcode(other)
    await tenant.pass_passcode(person, passcode=person.recovery_codes[0])


async def test_a_new_authenticator_works_beside_a_corrupted_one(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await store_sealed_secret(tenant, person, b"corrupted")
    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))

    await tenant.enroll(person)

    await tenant.pass_passcode(person)


async def test_a_corrupted_enrollment_cannot_be_confirmed_and_a_new_one_can(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    await run_sql(tenant, "UPDATE enrollments SET sealed_secret = 'corrupted' WHERE account_id = :account")

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
