"""Which new passwords are accepted over HTTP, and the errors for the others."""

import unicodedata
from typing import Any

import pytest
from sqlalchemy import text

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused

PATH = "/users/me/password"


async def choose(person: SimulatedUser, new: Any) -> Any:
    return await person.browser.put(PATH, json={"current_password": PASSWORD, "new_password": new})


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("kzhw7pq", "too_short"),
        ("🦊🐻🐼🐨🐯🦁🐮", "too_short"),
        ("q" * 257, "too_long"),
        ("🦊" * 257, "too_long"),
        ("password1", "too_common"),
        ("PASSWORD1", "too_common"),
    ],
)
async def test_a_password_that_is_too_short_long_or_common_is_refused_with_a_code(
    tenant: Tenant, new: str, code: str
) -> None:
    person = await tenant.signed_in()

    answer = await choose(person, new)

    problem = refused(answer, 422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/new_password", code)]
    assert all(error["detail"] for error in problem["errors"])
    assert new not in answer.text
    assert (await tenant.sign_in(person))["status"] == "complete"


@pytest.mark.parametrize("spelled", [str, str.upper, str.title])
async def test_the_users_own_address_and_name_and_the_accounts_are_too_obvious(
    tenant: Tenant, spelled: Any
) -> None:
    person = await tenant.person(Role.AGENT, name="Wilhelmina Harker")
    await tenant.sign_in(person)

    for obvious in (person.user.email, "Wilhelmina Harker", tenant.account.name, tenant.account.slug):
        problem = refused(await choose(person, spelled(obvious)), 422, "invalid_request")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
            ("/new_password", "too_obvious")
        ]


async def test_another_users_name_is_not_obvious(tenant: Tenant) -> None:
    other = await tenant.person(name="Wilhelmina Harker")
    person = await tenant.signed_in()

    ok(await choose(person, other.user.name), 204)


@pytest.mark.parametrize(
    "new", ["kzhw7pqm", "q7" * 128, "🦊🐻🐼🐨🐯🦁🐮🐷", "🦊" * 255, " leading and trailing ", "tab\tand\nline"]
)
async def test_8_to_256_code_points_of_any_kind_are_accepted_unchanged(tenant: Tenant, new: str) -> None:
    person = await tenant.signed_in()

    ok(await choose(person, new), 204)

    assert (await tenant.sign_in(person, password=new))["status"] == "complete"
    for near in (new[:-1], new.strip() + "x", new.swapcase() + "x"):
        body = {"email": person.user.email, "password": near}
        refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")


async def test_both_unicode_forms_of_a_password_are_the_same_password(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    composed = unicodedata.normalize("NFC", "crème brûlée für Zoë")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed

    ok(await choose(person, decomposed), 204)

    for form in (composed, decomposed):
        assert (await tenant.sign_in(person, tenant.browser(), password=form))["status"] == "complete"
    body = {"current_password": composed, "new_password": "something else again"}
    ok(await person.browser.put(PATH, json=body), 204)


async def test_letter_case_is_part_of_the_password(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    ok(await choose(person, "MixedCasePassphrase"), 204)

    body = {"email": person.user.email, "password": "mixedcasepassphrase"}

    refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"new_password": "long enough for it"}, "/current_password", "missing"),
        ({"current_password": PASSWORD}, "/new_password", "missing"),
        ({"current_password": None, "new_password": "long enough"}, "/current_password", "wrong_type"),
        ({"current_password": PASSWORD, "new_password": None}, "/new_password", "wrong_type"),
        ({"current_password": PASSWORD, "new_password": 12345678}, "/new_password", "wrong_type"),
        ({"current_password": PASSWORD, "new_password": "x" * 1025}, "/new_password", "too_long"),
        ({"current_password": "x" * 1025, "new_password": "long enough"}, "/current_password", "too_long"),
        ({"current_password": PASSWORD, "new_password": "long enough", "role": "owner"}, "", "unknown_field"),
    ],
)
async def test_a_body_of_another_shape_is_refused_without_repeating_it(
    tenant: Tenant, body: Any, pointer: str, code: str
) -> None:
    person = await tenant.signed_in()

    answer = await person.browser.put(PATH, json=body)

    problem = refused(answer, 422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    for sent in body.values():
        assert sent is None or str(sent) not in answer.text


@pytest.mark.parametrize("escaped", [r"nul \u0000 inside", r"lone \ud800 surrogate"])
async def test_nul_and_lone_surrogates_are_refused(tenant: Tenant, escaped: str) -> None:
    person = await tenant.signed_in()
    content = f'{{"current_password": "{PASSWORD}", "new_password": "{escaped}"}}'

    answer = await person.browser.put(PATH, content=content, headers={"Content-Type": "application/json"})

    refused(answer, 422, "invalid_request")


async def test_only_a_salted_argon2id_hash_is_stored(tenant: Tenant) -> None:
    one, two = await tenant.signed_in(), await tenant.signed_in()
    for person in (one, two):
        ok(await choose(person, "the very same password"), 204)

    async with tenant.services.database.read() as tx:
        query = text("SELECT password_hash FROM users WHERE account_id = :account")
        hashes = list(await tx.scalars(query, {"account": tenant.account.id}))

    assert len(set(hashes)) == 2
    assert all(found.startswith("$argon2id$") for found in hashes)
