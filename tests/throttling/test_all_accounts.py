"""Over all accounts, an address has ten times the limit of one account (password spraying)."""

import asyncio
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from app.core.settings import Limit, PasswordLimits
from app.credentials.links import router as links
from app.credentials.links.rules import REQUESTS_FROM_ADDRESS
from tests.support.account.arrange import PASSWORD, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.credentials import basic
from tests.support.account.passwords import HERE, WRONG, fail, limited_for, send, succeed
from tests.support.account.variants import another_account, variant
from tests.support.observe.limits import count_addresses

ELSEWHERE = "198.51.100.7"


@pytest.fixture
async def accounts(tenant: Tenant) -> list[Tenant]:
    """Eleven accounts; in 600 s an address may fail twice in each, and 20 times in all."""
    limits = PasswordLimits("2/600,2/600,100/3600")
    return [variant(await another_account(tenant), password_limits=limits) for _ in range(11)]


async def spray(accounts: list[Tenant]) -> None:
    """Fail twice in each of the first ten accounts."""
    for account in accounts[:10]:
        await fail(account, "somebody@example.com", times=2)


async def test_a_spray_over_many_accounts_is_blocked(accounts: list[Tenant]) -> None:
    *_, last = accounts
    person = await last.person()
    await spray(accounts)

    assert await limited_for(last, person.user.email) == 30
    await succeed(last, person.user.email, ip=ELSEWHERE)
    last.clock.turn(seconds=29)
    assert await limited_for(last, person.user.email) == 1
    last.clock.turn(seconds=1)
    await succeed(last, person.user.email)


async def test_an_attempt_refused_over_all_accounts_counts_in_no_account(accounts: list[Tenant]) -> None:
    *_, last = accounts
    await spray(accounts)
    for _ in range(5):
        assert await limited_for(last, "somebody@example.com", password=WRONG) == 30
    last.clock.turn(seconds=60)

    await fail(last, "somebody@example.com", times=2)


async def test_an_attempt_that_an_account_refuses_does_not_count_over_all_accounts(accounts: list[Tenant]) -> None:
    first, *others = accounts
    await fail(first, "somebody@example.com", times=2)
    for _ in range(30):
        await limited_for(first, "somebody@example.com", password=WRONG)

    for account in others[:9]:
        await fail(account, "somebody@example.com", times=2)
    assert await limited_for(others[9], "somebody@example.com") == 30


async def test_concurrent_attempts_are_judged_up_to_the_limit(accounts: list[Tenant]) -> None:
    attempts = [
        send(account.browser(ip=HERE), f"{number}@example.com", WRONG)
        for account in accounts
        for number in range(2)
    ]
    answers = await asyncio.gather(*attempts)

    assert sorted(response.status_code for response in answers) == [401] * 20 + [429] * 2


async def test_right_passwords_do_not_count_wherever_they_are_sent(tenant: Tenant) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))
    browser = owner.browser
    ok(await browser.post("/session/step-up", json={"password": PASSWORD}))
    response = await tenant.browser().get("/session", headers={"Authorization": basic(owner.user.email, PASSWORD)})
    refused(response, 403, "session_required")
    body = {"current_password": PASSWORD, "new_password": "another good password"}
    ok(await browser.put("/users/me/password", json=body), 204)
    enrolled = await tenant.enrolled()
    await tenant.asked(enrolled)

    assert await count_addresses(tenant.services) == 0


async def test_a_password_that_is_right_and_refused_counts_like_a_wrong_one(tenant: Tenant) -> None:
    person = await tenant.person()
    owner = await tenant.signed_in(Role.OWNER)
    ok(await owner.browser.patch(f"/users/{person.user.id}", json={"status": "suspended"}))
    refused(await send(tenant.browser(), person.user.email), 401, "invalid_credentials")

    assert await count_addresses(tenant.services) == 1


async def test_many_right_passwords_of_one_address_at_once_do_not_stop_each_other(tenant: Tenant) -> None:
    limited = variant(tenant, password_limits=PasswordLimits("100/600,100/600,100/600"))
    people = [await limited.person() for _ in range(5)]
    for _ in range(4):
        attempts = [send(limited.browser(ip=HERE), person.user.email) for person in people * 4]
        assert {response.status_code for response in await asyncio.gather(*attempts)} == {201}

    assert await count_addresses(tenant.services) == 0


@pytest.mark.parametrize(("spread", "status"), [(10, 202), (11, 429)])
async def test_password_links_are_limited_over_all_accounts(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, spread: int, status: int
) -> None:
    assert REQUESTS_FROM_ADDRESS == "30/3600"
    monkeypatch.setattr(links, "_REQUESTS", Limit("1/3600"))
    answers: list[httpx.Response] = []
    for _ in range(spread):
        account = await another_account(tenant)
        body: dict[str, Any] = {"email": "somebody@example.com"}
        answers.append(await account.browser(ip=HERE).post("/password-links", json=body))

    assert {response.status_code for response in answers[:10]} == {202}
    assert answers[-1].status_code == status


async def test_provider_logins_are_limited_over_all_accounts(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sign_in.sso.attempts._BEGUN", Limit("1/600"))
    statuses = []
    for _ in range(11):
        account = await another_account(tenant)
        statuses.append((await account.browser(ip=HERE).post("/sign-ins/oidc/nonces")).status_code)

    assert statuses == [201] * 10 + [429]
