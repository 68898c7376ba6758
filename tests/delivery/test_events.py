"""Which actions send a letter: each sends one to the user concerned, in its own transaction."""

from typing import Any

import pytest

from app.commands import provision
from app.core.callers import Role
from app.delivery.letters import Email
from app.delivery.messages import render
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.devices import trusted_person
from tests.support.account.enrolling import authenticator_ids, begin, enrolled_because_required
from tests.support.account.sign_ins import submit
from tests.support.observe.jobs import letters
from tests.support.observe.sql import run_sql

ME = "/users/me/two-factor"


async def sent(tenant: Tenant) -> list[tuple[str, str]]:
    """Return kind and recipient of the account's new letters, oldest first."""
    return [(letter["kind"], letter["to"]) for letter in await letters(tenant)]


async def only_letter(tenant: Tenant) -> dict[str, Any]:
    """Return the one new letter of the account."""
    [letter] = await letters(tenant)
    return letter


async def discard_letters(tenant: Tenant, person: SimulatedUser) -> SimulatedUser:
    """Discard the letters that the arrangement of the test sent, and return the person."""
    await letters(tenant)
    return person


async def test_the_first_authenticator_sends_one_letter_that_2fa_is_on(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["to"]) == ("two_factor_turned_on", person.user.email)
    assert letter["details"]["label"] == "Phone"


async def test_enrolling_because_the_account_requires_it_sends_the_same_letter(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await tenant.require(owner, team_members=True)
    person = await enrolled_because_required(tenant)

    assert await sent(tenant) == [("two_factor_turned_on", person.user.email)]


async def test_another_authenticator_sends_one_letter(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())

    await tenant.enroll(person)

    assert await sent(tenant) == [("authenticator_added", person.user.email)]


async def test_a_failed_enrollment_sends_no_letter(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)

    path = f"{ME}/enrollments/{begun['id']}/confirmation"
    refused(await person.browser.post(path, json={"passcode": "000000"}), 401, "passcode_incorrect")

    assert await sent(tenant) == []


async def test_the_letter_about_a_removed_authenticator_has_its_label(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    begun = await begin(person, label="Old phone")
    path = f"{ME}/enrollments/{begun['id']}/confirmation"
    app = type(person.authenticator)(begun["secret"], tenant.clock)
    added = ok(await person.browser.post(path, json={"passcode": app.passcode()}), 201)
    await letters(tenant)

    ok(await person.browser.delete(f"{ME}/authenticators/{added['authenticator']['id']}"), 204)

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["details"]) == ("authenticator_removed", {"label": "Old phone"})


async def test_removing_the_last_authenticator_sends_nothing(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())
    [only] = await authenticator_ids(person)

    refused(await person.browser.delete(f"{ME}/authenticators/{only}"), 409, "last_authenticator")

    assert await sent(tenant) == []


async def test_turning_2fa_off_sends_one_letter(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())

    ok(await person.browser.delete(ME), 204)
    ok(await person.browser.delete(ME), 204)  # there is nothing left to turn off

    assert await sent(tenant) == [("two_factor_turned_off", person.user.email)]


async def test_turning_2fa_on_personally_sends_one_letter(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.require(owner, team_members=True)
    person = await discard_letters(tenant, await enrolled_because_required(tenant))

    for _ in range(2):
        ok(await person.browser.put(f"{ME}/turned-on"))

    assert await sent(tenant) == [("two_factor_turned_on", person.user.email)]


async def test_the_letter_about_a_used_recovery_code_says_how_many_are_left(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())

    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["to"]) == ("recovery_code_used", person.user.email)
    assert letter["details"] == {"left": 9}


async def test_reusing_a_recovery_code_sends_no_letter(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    ok(await submit(tenant.browser(), await tenant.asked(person), person.recovery_codes[0]), 201)
    token = await tenant.asked(person)
    await letters(tenant)

    refused(await submit(tenant.browser(), token, person.recovery_codes[0]), 401, "passcode_already_used")

    assert await sent(tenant) == []


async def test_the_letter_about_codes_that_the_user_made_names_nobody(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())

    ok(await person.browser.post(f"{ME}/recovery-codes"), 201)

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["details"]) == ("recovery_codes_regenerated", {"by": None})


async def test_the_letter_about_codes_that_an_admin_made_names_the_admin(tenant: Tenant) -> None:
    admin = await tenant.enrolled(Role.ADMIN)
    person = await discard_letters(tenant, await tenant.enrolled())

    path = f"/users/{person.id}/two-factor/recovery-codes"
    ok(await admin.browser.post(path, json={"reason": "lost the phone"}), 201)

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["to"]) == ("recovery_codes_regenerated", person.user.email)
    assert letter["details"]["by"] == {"name": admin.user.name, "email": admin.user.email}


async def test_codes_that_the_operator_made_send_the_user_a_letter(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())

    await provision.renew_codes(tenant.services, tenant.account.slug, person.user.email, "lost the phone")

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["to"], letter["ip"]) == ("recovery_codes_regenerated", person.user.email, "")


async def test_a_new_trusted_device_sends_one_letter_and_a_known_one_none(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())
    await tenant.pass_passcode(person)

    letter = await only_letter(tenant)
    assert (letter["kind"], letter["to"]) == ("trusted_device_added", person.user.email)
    assert (letter["details"], letter["user_agent"]) == ({"days": 30}, "a test browser")

    assert (await tenant.sign_in(person))["status"] == "complete"
    assert await sent(tenant) == []


async def test_a_sign_in_without_a_trusted_device_sends_no_letter(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())

    await tenant.pass_passcode(person, remember_device=False)

    assert await sent(tenant) == []


async def test_a_changed_password_sends_one_letter(tenant: Tenant) -> None:
    person = await discard_letters(tenant, await trusted_person(tenant))

    body = {"current_password": PASSWORD, "new_password": "another long enough password"}
    ok(await person.browser.put("/users/me/password", json=body), 204)

    assert await sent(tenant) == [("password_changed", person.user.email)]


async def test_a_letter_has_time_ip_user_agent_and_the_users_language(tenant: Tenant) -> None:
    person = await tenant.person(locale="de", name="Änne")
    person.browser = tenant.browser(ip="203.0.113.7")
    await tenant.sign_in(person)
    moment = tenant.clock.now()
    await tenant.enroll(person)

    letter = Email.from_json(await only_letter(tenant))

    assert (letter.at, letter.ip, letter.user_agent) == (moment, "203.0.113.7", "a test browser")
    assert (letter.name, letter.locale, letter.account_name) == ("Änne", "de", "Example & Söhne")
    assert letter.account_id == tenant.account.id
    assert "Guten Tag Änne" in render(letter).text


@pytest.mark.parametrize("table", ["audit_events", "trusted_devices", "sessions"])
async def test_a_sign_in_that_is_rolled_back_sends_no_letter(tenant: Tenant, table: str) -> None:
    person = await discard_letters(tenant, await tenant.enrolled())
    token = await tenant.asked(person)
    await run_sql(
        tenant,
        f"ALTER TABLE {table} ADD CONSTRAINT nothing_more CHECK (account_id <> :account) NOT VALID".replace(
            ":account", f"'{tenant.account.id}'"
        ),
    )
    try:
        answer = await submit(tenant.browser(), token, person.authenticator.next_passcode())
    finally:
        await run_sql(tenant, f"ALTER TABLE {table} DROP CONSTRAINT nothing_more")

    assert answer.status_code == 500
    assert await sent(tenant) == []


async def test_no_letter_carries_a_secret(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    ok(await submit(tenant.browser(), await tenant.asked(person, tenant.browser()), person.recovery_codes[0]), 201)
    new = ok(await person.browser.post(f"{ME}/recovery-codes"), 201)["recovery_codes"]

    carried = str(await letters(tenant))

    secrets = [person.authenticator.secret, person.browser.token, PASSWORD, *person.recovery_codes, *new]
    assert not [secret for secret in secrets if secret and secret in carried]
    assert "pgd_" not in carried
    assert "pgs_" not in carried
    assert carried.count("'kind'") == 4
