"""Beginning an enrollment: what the authenticator app gets, and what is refused."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import ENROLLMENTS, app_of, authenticator_ids, begin, confirm
from tests.support.account.times import on_the_wire
from tests.support.observe.sql import run_sql

TWO_FACTOR = "/users/me/two-factor"


async def test_the_response_has_everything_an_authenticator_app_needs(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()

    begun = await begin(person)

    assert set(begun) == {"id", "kind", "expires_at", "secret", "otpauth_uri", "qr_code_svg"}
    assert begun["kind"] == "totp"
    assert re.fullmatch("[A-Z2-7]{32}", begun["secret"])
    in_ten_minutes = clock.now() + timedelta(minutes=10)
    assert begun["expires_at"] == on_the_wire(in_ten_minutes)
    assert begun["qr_code_svg"].startswith("<svg")


async def test_the_uri_names_the_account_and_the_user_percent_encoded(tenant: Tenant) -> None:
    person = await tenant.person(email="jörg+2fa@example.com")
    await tenant.sign_in(person)

    begun = await begin(person)

    account = "Example%20%26%20S%C3%B6hne"
    assert begun["otpauth_uri"] == (
        f"otpauth://totp/{account}:j%C3%B6rg%2B2fa@example.com?secret={begun['secret']}&issuer={account}"
    )


async def test_beginning_changes_nothing_about_the_user(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    before = ok(await person.browser.get(TWO_FACTOR))

    await begin(person)

    assert ok(await person.browser.get(TWO_FACTOR)) == before
    assert (await tenant.sign_in(person, tenant.browser()))["status"] == "complete"


async def test_each_enrollment_has_its_own_secret_stored_sealed(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    one, other = await begin(person), await begin(person)

    assert one["secret"] != other["secret"]
    rows = await run_sql(tenant, "SELECT sealed_secret FROM enrollments WHERE account_id = :account")
    assert len(rows) == 2
    for plain in (base64.b32decode(begun["secret"]) for begun in (one, other)):
        assert not [row for row in rows if plain in row.sealed_secret]


async def test_an_enrollment_without_a_label_gets_one(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = ok(await person.browser.post(ENROLLMENTS, json={"kind": "totp"}), 201)

    confirmed = ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)

    assert confirmed["authenticator"]["label"] == "Authenticator app"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/kind", "missing"),
        ({"kind": None}, "/kind", "not_allowed"),
        ({"kind": "sms"}, "/kind", "not_allowed"),
        ({"kind": "webauthn"}, "/kind", "not_allowed"),
        ({"kind": "totp", "label": ""}, "/label", "too_short"),
        ({"kind": "totp", "label": " "}, "/label", "too_short"),
        ({"kind": "totp", "label": "x" * 65}, "/label", "too_long"),
        ({"kind": "totp", "label": None}, "/label", "wrong_type"),
        ({"kind": "totp", "label": 5}, "/label", "wrong_type"),
        ({"kind": "totp", "secret": "A" * 32}, "", "unknown_field"),
    ],
)
async def test_an_invalid_enrollment_request_is_refused(
    tenant: Tenant, body: Any, pointer: str, code: str
) -> None:
    person = await tenant.signed_in()

    problem = refused(await person.browser.post(ENROLLMENTS, json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert not await run_sql(tenant, "SELECT id FROM enrollments WHERE account_id = :account")


async def test_a_label_of_64_characters_is_kept_without_the_blanks_around_it(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person, label=f"  {'📱' * 64} ")

    confirmed = ok(await confirm(person, begun, app_of(tenant, begun).passcode()), 201)

    assert confirmed["authenticator"]["label"] == "📱" * 64


@pytest.mark.parametrize(
    ("column", "role"), [("team_member_kinds", Role.AGENT), ("end_user_kinds", Role.END_USER)]
)
async def test_a_kind_that_the_policy_does_not_allow_the_role_is_refused(
    tenant: Tenant, column: str, role: Role
) -> None:
    person = await tenant.signed_in(role)
    outside = await tenant.signed_in(Role.END_USER if role is Role.AGENT else Role.AGENT)
    statement = f"UPDATE security_policies SET {column} = ARRAY['sms'] WHERE account_id = :account"  # noqa: S608 -- no user input
    await run_sql(tenant, statement)

    answer = await person.browser.post(ENROLLMENTS, json={"kind": "totp"})

    problem = refused(answer, 422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/kind", "not_allowed")]
    await begin(outside)


async def with_authenticators(tenant: Tenant, count: int) -> SimulatedUser:
    person = await tenant.signed_in()
    for _ in range(count):
        await tenant.enroll(person)
    return person


async def test_a_user_has_up_to_five_authenticators_and_each_of_them_works(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    apps = []
    for _ in range(5):
        await tenant.enroll(person)
        apps.append(person.authenticator)

    refused(await person.browser.post(ENROLLMENTS, json={"kind": "totp"}), 409, "conflict")

    assert len(await authenticator_ids(person)) == 5
    for app in apps:
        await tenant.pass_passcode(person, passcode=app.next_passcode(), remember_device=False)


async def test_after_removing_one_of_five_there_is_room_again(tenant: Tenant) -> None:
    person = await with_authenticators(tenant, 5)
    first, *_ = await authenticator_ids(person)
    ok(await person.browser.delete(f"{TWO_FACTOR}/authenticators/{first}"), 204)

    await tenant.enroll(person)

    assert len(await authenticator_ids(person)) == 5


async def test_five_disabled_authenticators_make_room_for_the_new_one(tenant: Tenant, services: Services) -> None:
    person = await with_authenticators(tenant, 5)
    old = await authenticator_ids(person)
    statement = """
        UPDATE second_factor_state SET authenticators_disabled_at = :now
        WHERE account_id = :account AND user_id = :user
    """
    await run_sql(tenant, statement, now=services.clock.now(), user=person.user.id)
    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[0]}))

    await tenant.enroll(person)

    [new] = await authenticator_ids(person)
    assert new not in old
    await tenant.pass_passcode(person)


async def test_an_enrollment_begun_at_sign_in_cannot_be_confirmed_in_a_session(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    waiting = await tenant.sign_in(person, tenant.browser())
    body = {"kind": "totp", "sign_in_token": waiting["sign_in_token"]}
    begun = ok(await tenant.browser().post("/sign-ins/enrollments", json=body), 201)

    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 404, "not_found")

    assert await authenticator_ids(person) == []
