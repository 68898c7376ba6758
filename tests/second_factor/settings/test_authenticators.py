"""Renaming and removing the user's own authenticators."""

import uuid
from typing import Any

import pytest
from fastapi import FastAPI

from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import app_of, authenticator_ids, begin, confirm
from tests.support.account.freshness import let_through_by_device, step_up_required

TWO_FACTOR = "/users/me/two-factor"
AUTHENTICATORS = f"{TWO_FACTOR}/authenticators"


async def label_of(person: SimulatedUser) -> str:
    [only] = ok(await person.browser.get(TWO_FACTOR))["authenticators"]
    label: str = only["label"]
    return label


async def with_two(tenant: Tenant) -> SimulatedUser:
    """Return a user with two authenticators; `person.authenticator` is the newer one."""
    person = await tenant.enrolled()
    await tenant.enroll(person)
    return person


@pytest.mark.parametrize(
    ("given", "kept"),
    [("Work phone", "Work phone"), ("  Tablet  ", "Tablet"), ("x" * 64, "x" * 64), ("電話 📱", "電話 📱")],
)
async def test_an_authenticator_can_be_renamed(tenant: Tenant, given: str, kept: str) -> None:
    person = await tenant.enrolled()
    [mine] = await authenticator_ids(person)

    renamed = ok(await person.browser.patch(f"{AUTHENTICATORS}/{mine}", json={"label": given}))

    assert set(renamed) == {"id", "kind", "label", "created_at", "last_used_at"}
    assert (renamed["id"], renamed["label"]) == (mine, kept)
    assert await label_of(person) == kept


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"label": ""}, "/label", "too_short"),
        ({"label": "   "}, "/label", "too_short"),
        ({"label": "x" * 65}, "/label", "too_long"),
        ({"label": None}, "/label", "wrong_type"),
        ({"label": 7}, "/label", "wrong_type"),
        ({"kind": "totp"}, "", "unknown_field"),
        ({"label": "new", "secret": "AAAA"}, "", "unknown_field"),
    ],
)
async def test_an_invalid_label_is_refused(tenant: Tenant, body: Any, pointer: str, code: str) -> None:
    person = await tenant.enrolled()
    [mine] = await authenticator_ids(person)

    problem = refused(await person.browser.patch(f"{AUTHENTICATORS}/{mine}", json=body), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await label_of(person) == "Phone"


async def test_an_empty_rename_changes_nothing(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    [mine] = await authenticator_ids(person)

    assert ok(await person.browser.patch(f"{AUTHENTICATORS}/{mine}", json={}))["label"] == "Phone"
    assert await label_of(person) == "Phone"


async def test_renaming_needs_no_fresh_second_factor(tenant: Tenant) -> None:
    person = await let_through_by_device(tenant)
    [mine] = await authenticator_ids(person)

    ok(await person.browser.patch(f"{AUTHENTICATORS}/{mine}", json={"label": "Renamed"}))


async def test_nobody_renames_or_removes_the_authenticator_of_another_user(tenant: Tenant) -> None:
    mine, theirs = await with_two(tenant), await tenant.enrolled()
    [foreign] = await authenticator_ids(theirs)
    path = f"{AUTHENTICATORS}/{foreign}"

    there = refused(await mine.browser.patch(path, json={"label": "Mine now"}), 404, "not_found")
    nowhere = refused(
        await mine.browser.patch(f"{AUTHENTICATORS}/{uuid.uuid4()}", json={"label": "x"}), 404, "not_found"
    )
    refused(await mine.browser.delete(path), 404, "not_found")

    assert there == nowhere
    assert await label_of(theirs) == "Phone"
    assert len(await authenticator_ids(mine)) == 2


async def test_nobody_renames_or_removes_the_authenticator_of_another_account(
    app: FastAPI, services: Services, tenant: Tenant, clock: TurnableClock
) -> None:
    elsewhere = await make_tenant(app, services, clock)
    mine, theirs = await with_two(tenant), await elsewhere.enrolled()
    [foreign] = await authenticator_ids(theirs)
    path = f"{AUTHENTICATORS}/{foreign}"
    await tenant.step_up(mine)

    refused(await mine.browser.patch(path, json={"label": "Mine now"}), 404, "not_found")
    refused(await mine.browser.delete(path), 404, "not_found")

    assert await label_of(theirs) == "Phone"


@pytest.mark.parametrize("malformed", ["1", "not-an-id", "0" * 64, "%00"])
async def test_a_malformed_authenticator_id_is_not_found(tenant: Tenant, malformed: str) -> None:
    person = await with_two(tenant)

    refused(await person.browser.patch(f"{AUTHENTICATORS}/{malformed}", json={"label": "x"}), 404, "not_found")
    refused(await person.browser.delete(f"{AUTHENTICATORS}/{malformed}"), 404, "not_found")

    assert len(await authenticator_ids(person)) == 2


async def test_one_of_two_can_be_removed_and_its_passcodes_are_then_wrong(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    old = person.authenticator
    await tenant.enroll(person)
    first, second = await authenticator_ids(person)

    ok(await person.browser.delete(f"{AUTHENTICATORS}/{first}"), 204)

    assert await authenticator_ids(person) == [second]
    body = {"sign_in_token": await tenant.asked(person), "passcode": old.next_passcode()}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "passcode_incorrect")
    await tenant.pass_passcode(person)


async def test_removing_one_leaves_the_recovery_codes_and_the_status_unchanged(tenant: Tenant) -> None:
    person = await with_two(tenant)
    first, _ = await authenticator_ids(person)

    ok(await person.browser.delete(f"{AUTHENTICATORS}/{first}"), 204)

    shown = ok(await person.browser.get(TWO_FACTOR))
    assert (shown["status"], shown["turned_on_by_user"], shown["recovery_codes_left"]) == ("on", True, 10)


async def test_the_last_authenticator_cannot_be_removed(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    [mine] = await authenticator_ids(person)

    refused(await person.browser.delete(f"{AUTHENTICATORS}/{mine}"), 409, "last_authenticator")

    await tenant.pass_passcode(person)


async def test_removing_needs_a_fresh_second_factor(tenant: Tenant, clock: TurnableClock) -> None:
    person = await with_two(tenant)
    first, second = await authenticator_ids(person)
    clock.turn(minutes=10)

    step_up_required(await person.browser.delete(f"{AUTHENTICATORS}/{first}"))

    assert await authenticator_ids(person) == [first, second]


async def test_removing_revokes_trusted_devices(tenant: Tenant) -> None:
    person = await with_two(tenant)
    await tenant.pass_passcode(person)
    first, _ = await authenticator_ids(person)
    assert ok(await person.browser.get(TWO_FACTOR))["trusted_devices"] == 1

    ok(await person.browser.delete(f"{AUTHENTICATORS}/{first}"), 204)

    assert ok(await person.browser.get(TWO_FACTOR))["trusted_devices"] == 0
    assert (await tenant.sign_in(person))["status"] == "passcode_required"


async def test_removing_ends_open_sign_ins_and_enrollments(tenant: Tenant) -> None:
    person = await with_two(tenant)
    token = await tenant.asked(person)
    begun = await begin(person)
    first, _ = await authenticator_ids(person)

    ok(await person.browser.delete(f"{AUTHENTICATORS}/{first}"), 204)

    body = {"sign_in_token": token, "passcode": person.authenticator.passcode()}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "sign_in_expired")
    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 410, "enrollment_expired")


async def test_a_removed_authenticator_cannot_be_removed_again(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for _ in range(2):
        await tenant.enroll(person)
    first, *_ = await authenticator_ids(person)
    ok(await person.browser.delete(f"{AUTHENTICATORS}/{first}"), 204)

    refused(await person.browser.delete(f"{AUTHENTICATORS}/{first}"), 404, "not_found")

    assert len(await authenticator_ids(person)) == 2
