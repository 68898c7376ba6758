"""The limit on wrong passwords for one user from one address (docs/api.md section 9)."""

from typing import Any

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import refused
from tests.support.account.passwords import HERE, WRONG, fail, limited_for, send, succeed
from tests.support.account.sign_ins import set_status
from tests.support.account.variants import another_account, variant

ELSEWHERE = "198.51.100.7"


@pytest.fixture
async def email(limited: Tenant) -> str:
    return (await limited.person()).user.email


async def test_after_the_third_failure_a_right_password_is_not_judged(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)

    assert await limited_for(limited, email) == 200
    assert await limited_for(limited, email, password=WRONG) == 200
    limited.clock.turn(seconds=199.5)
    assert await limited_for(limited, email) == 1
    limited.clock.turn(seconds=0.5)

    await succeed(limited, email)


async def test_two_failures_limit_nobody(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=2)

    await succeed(limited, email)


async def test_the_limit_refills_evenly(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)
    for _ in range(3):
        limited.clock.turn(seconds=200)
        await fail(limited, email)
        assert await limited_for(limited, email) == 200
    limited.clock.turn(seconds=399)

    await fail(limited, email)
    assert await limited_for(limited, email) == 1


async def test_after_the_whole_period_all_attempts_are_available_again(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)
    limited.clock.turn(seconds=600)

    await fail(limited, email, times=3)

    assert await limited_for(limited, email) == 200


async def test_attempts_that_are_not_judged_do_not_count(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)
    for _ in range(20):
        assert await limited_for(limited, email, password=WRONG) == 200
    limited.clock.turn(seconds=200)

    await succeed(limited, email)


async def test_a_success_does_not_count(limited: Tenant, email: str) -> None:
    for _ in range(12):
        await succeed(limited, email)
    await fail(limited, email, times=3)

    assert await limited_for(limited, email) == 200


async def test_a_success_clears_the_failures_of_the_user_at_this_address(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=2)
    await succeed(limited, email)

    await fail(limited, email, times=3)

    assert await limited_for(limited, email) == 200


async def test_a_success_elsewhere_clears_nothing_here(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)

    await succeed(limited, email, ip=ELSEWHERE)

    assert await limited_for(limited, email) == 200


async def test_a_success_of_another_user_clears_nothing(limited: Tenant, email: str) -> None:
    colleague = await limited.person()
    await fail(limited, email, times=3)

    await succeed(limited, colleague.user.email)

    assert await limited_for(limited, email) == 200


async def test_a_password_that_leads_to_a_passcode_is_a_success(limited: Tenant) -> None:
    person = await limited.enrolled()
    await fail(limited, person.user.email, times=2)

    await limited.asked(person, limited.browser(ip=HERE))

    await fail(limited, person.user.email, times=3)


async def test_the_right_password_of_a_suspended_user_counts_as_a_failure(limited: Tenant) -> None:
    person = await limited.person()
    await set_status(limited, person, "suspended")
    browser = limited.browser(ip=HERE)
    for _ in range(3):
        refused(await send(browser, person.user.email), 401, "invalid_credentials")

    assert await limited_for(limited, person.user.email) == 200


async def test_from_another_address_the_user_is_judged(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)

    await succeed(limited, email, ip=ELSEWHERE)


async def test_another_user_at_this_address_is_judged(limited: Tenant, email: str) -> None:
    colleague = await limited.person()
    await fail(limited, email, times=3)

    await succeed(limited, colleague.user.email)


async def test_another_spelling_of_the_address_is_the_same_user(limited: Tenant, email: str) -> None:
    for spelling in (email, email.upper(), f"  {email} "):
        await fail(limited, spelling)

    assert await limited_for(limited, email.title()) == 200


async def test_an_unknown_e_mail_address_is_limited_in_the_same_way(limited: Tenant, email: str) -> None:
    for who in ("nobody@example.com", email):
        await fail(limited, who, times=3, ip=HERE if who == email else ELSEWHERE)

    of_nobody = await send(limited.browser(ip=ELSEWHERE), "nobody@example.com")
    of_somebody = await send(limited.browser(ip=HERE), email)

    assert of_nobody.status_code == 429
    assert of_nobody.content == of_somebody.content
    assert of_nobody.headers["retry-after"] == of_somebody.headers["retry-after"]


async def test_an_invalid_request_does_not_count(limited: Tenant, email: str) -> None:
    browser = limited.browser(ip=HERE)
    nonsense: list[dict[str, Any]] = [
        {"email": email},
        {"email": email, "password": None},
        {"email": email, "password": WRONG, "role": "owner"},
        {"email": email, "password": "x" * 1025},
    ]
    for body in nonsense * 3:
        refused(await browser.post("/sign-ins", json=body), 422, "invalid_request")

    await fail(limited, email, times=3)


async def test_failures_in_one_account_do_not_count_in_another(limited: Tenant, email: str) -> None:
    elsewhere = variant(await another_account(limited), password_limits=limited.services.password_limits)
    namesake = await elsewhere.person(email=email)
    await fail(limited, email, times=3)

    await succeed(elsewhere, namesake.user.email)

    assert await limited_for(limited, email) == 200


async def test_a_password_that_is_not_judged_is_not_hashed(limited: Tenant, email: str) -> None:
    await fail(limited, email, times=3)
    closed = variant(limited, hasher=None)

    assert await limited_for(closed, email) == 200


async def test_sessions_that_guess_the_password_have_a_limit_of_their_own(limited: Tenant) -> None:
    person = await signed_in_here(limited)
    change = {"current_password": WRONG, "new_password": "quite another password"}
    refused(await person.browser.put("/users/me/password", json=change), 401, "invalid_credentials")
    for _ in range(2):
        response = await person.browser.post("/session/step-up", json={"password": WRONG})
        refused(response, 401, "invalid_credentials")

    for response in (
        await person.browser.put("/users/me/password", json=change),
        await person.browser.post("/session/step-up", json={"password": "a long enough password"}),
    ):
        refused(response, 429, "too_many_requests")
        assert response.headers["retry-after"] == "200"
    await succeed(limited, person.user.email)
    await fail(limited, person.user.email, times=2)


async def test_by_default_ten_failures_are_judged_in_ten_minutes(tenant: Tenant) -> None:
    email = (await tenant.person()).user.email
    await fail(tenant, email, times=10)

    assert await limited_for(tenant, email) == 60


async def signed_in_here(tenant: Tenant) -> SimulatedUser:
    person = await tenant.person()
    person.browser = tenant.browser(ip=HERE)
    await tenant.sign_in(person)
    return person
