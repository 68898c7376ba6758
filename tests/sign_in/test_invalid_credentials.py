"""Every wrong e-mail address or password gets the same refusal (docs/api.md section 4)."""

import unicodedata
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, Tenant
from tests.support.account.client import refused
from tests.support.account.sign_ins import credentials, set_status
from tests.support.account.variants import another_account
from tests.support.observe.hashing_work import counted_work

WRONG = "a wrong password"
MADE_UP_DEVICE = f"pgd_0192f0c0-0000-7000-8000-000000000000.{'A' * 43}"


async def unknown_address(tenant: Tenant) -> dict[str, str]:
    await tenant.person()
    return {"email": "nobody@example.com", "password": PASSWORD}


async def wrong_password(tenant: Tenant) -> dict[str, str]:
    return {"email": (await tenant.person()).user.email, "password": WRONG}


async def wrong_password_of_an_enrolled_user(tenant: Tenant) -> dict[str, str]:
    return {"email": (await tenant.enrolled()).user.email, "password": WRONG}


async def suspended_user(tenant: Tenant) -> dict[str, str]:
    person = await tenant.person()
    await set_status(tenant, person, "suspended")
    return {"email": person.user.email, "password": PASSWORD}


async def user_without_password(tenant: Tenant) -> dict[str, str]:
    return {"email": (await tenant.person(password=None)).user.email, "password": PASSWORD}


async def user_without_password_and_none_sent(tenant: Tenant) -> dict[str, str]:
    return {"email": (await tenant.person(password=None)).user.email, "password": ""}


async def user_of_another_account(tenant: Tenant) -> dict[str, str]:
    return {"email": (await (await another_account(tenant)).person()).user.email, "password": PASSWORD}


async def required_to_enroll_and_wrong(tenant: Tenant) -> dict[str, str]:
    await tenant.require(await tenant.signed_in(Role.OWNER), team_members=True)
    return {"email": (await tenant.person()).user.email, "password": WRONG}


Invalid = Callable[[Tenant], Awaitable[dict[str, str]]]
ALL_INVALID = [
    unknown_address,
    wrong_password,
    wrong_password_of_an_enrolled_user,
    suspended_user,
    user_without_password,
    user_without_password_and_none_sent,
    user_of_another_account,
    required_to_enroll_and_wrong,
]


def comparable(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [(name, value) for name, value in response.headers.items() if name not in {"x-request-id", "date"}]
    return response.status_code, response.content, headers


@pytest.mark.parametrize("invalid", ALL_INVALID)
async def test_all_invalid_credentials_get_the_same_answer(tenant: Tenant, invalid: Invalid) -> None:
    reference = await tenant.browser().post("/sign-ins", json={"email": "x@example.com", "password": WRONG})

    response = await tenant.browser().post("/sign-ins", json=await invalid(tenant))

    problem = refused(response, 401, "invalid_credentials")
    assert set(problem) == {"type", "title", "status", "code", "detail"}
    assert "set-cookie" not in response.headers
    assert comparable(response) == comparable(reference)


@pytest.mark.parametrize("invalid", ALL_INVALID)
@pytest.mark.parametrize("device", [{}, {"device_token": MADE_UP_DEVICE}], ids=["browser", "native client"])
async def test_all_invalid_credentials_cost_the_same_work(
    tenant: Tenant, invalid: Invalid, device: dict[str, str]
) -> None:
    body = await invalid(tenant) | device
    statements: list[str] = []
    engine = tenant.services.database._engine.sync_engine  # noqa: SLF001 -- the only place to count statements

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    async def work_for(body: dict[str, str]) -> tuple[list[str], list[str]]:
        statements.clear()
        with counted_work() as costs:
            refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")
        return costs, statements.copy()

    unknown = {"email": "x@example.com", "password": WRONG} | device
    await work_for(unknown)  # the first call also asks for the account
    event.listen(engine, "before_cursor_execute", note)
    try:
        reference, found = await work_for(unknown), await work_for(body)
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert reference[0] == ["$argon2id$v=19$m=64,t=1,p=1"]
    assert found == reference


async def test_a_refused_suspended_user_may_sign_in_again_once_active(tenant: Tenant) -> None:
    person = await tenant.person()
    await set_status(tenant, person, "suspended")
    refused(await tenant.browser().post("/sign-ins", json=credentials(person)), 401, "invalid_credentials")
    await set_status(tenant, person, "active")

    assert (await tenant.sign_in(person))["status"] == "complete"


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Ada.Lovelace@Example.com", "ada.lovelace@example.COM"),
        ("ada@example.com", "  ada@example.com\t"),
        ("zo\u00eb@example.com", "zoe\u0308@example.com"),
        ("zoe\u0308@example.com", "ZO\u00cb@example.com"),
        ("stra\u00dfe@example.com", "STRASSE@example.com"),
        ("\u1fb4@example.com", "\u03b1\u0345\u0301@example.com"),
        ("\u0390@example.com", "\u03b9\u0308\u0301@EXAMPLE.com"),
    ],
)
async def test_an_equal_address_is_the_same_user(tenant: Tenant, stored: str, typed: str) -> None:
    person = await tenant.person(email=stored)

    answer = await tenant.sign_in(person, email=typed)

    assert answer["user"]["id"] == person.id
    assert answer["user"]["email"] == stored


@pytest.mark.parametrize(
    "typed",
    [
        "ada+x@example.com",
        "\uff41da@example.com",
        "a da@example.com",
        "ad\u0430@example.com",
        "%@example.com",
        "ada@example.com.",
        "_da@example.com",
    ],
)
async def test_an_address_that_only_looks_alike_is_another(tenant: Tenant, typed: str) -> None:
    await tenant.person(email="ada@example.com")

    body = {"email": typed, "password": PASSWORD}
    refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")


async def test_a_password_is_right_in_either_normal_form_and_no_other_spelling(tenant: Tenant) -> None:
    password = "n\u00fctzlich und lang"
    person = await tenant.person(password=password)

    assert (await tenant.sign_in(person, password=unicodedata.normalize("NFD", password)))["status"] == "complete"
    for other in (password.upper(), password + " ", " " + password, password[:-1], "nutzlich und lang"):
        body = {"email": person.user.email, "password": other}
        refused(await tenant.browser().post("/sign-ins", json=body), 401, "invalid_credentials")


async def test_a_password_over_the_limit_is_refused_before_it_is_hashed(tenant: Tenant) -> None:
    person = await tenant.person()

    problem = refused(
        await tenant.browser().post("/sign-ins", json={"email": person.user.email, "password": "x" * 1025}),
        422,
        "invalid_request",
    )

    assert problem["errors"][0]["pointer"] == "/password"
