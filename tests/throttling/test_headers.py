"""The rate limit headers of a 429 answer (draft-ietf-httpapi-ratelimit-headers-11)."""

import httpx
import pytest

from app.core.settings import PasswordLimits
from tests.support.account.arrange import Tenant
from tests.support.account.client import refused
from tests.support.account.passwords import HERE, WRONG, fail, send
from tests.support.account.variants import variant


async def headers_of(tenant: Tenant, email: str) -> httpx.Headers:
    response = await send(tenant.browser(ip=HERE), email, WRONG)
    refused(response, 429, "too_many_requests")
    return response.headers


@pytest.mark.parametrize(
    ("limits", "limit", "policy"),
    [
        ("2/600,100/600,100/3600", '"user_and_address";r=0;t=300', '"user_and_address";q=2;w=600'),
        ("100/600,2/60,100/3600", '"address";r=0;t=30', '"address";q=2;w=60'),
        (
            "2/20,2/600,2/3600",
            '"user_and_address";r=0;t=10, "address";r=0;t=300, "user";r=0;t=1800',
            '"user_and_address";q=2;w=20, "address";q=2;w=600, "user";q=2;w=3600',
        ),
    ],
)
async def test_a_refusal_names_the_limits_that_were_reached(
    tenant: Tenant, limits: str, limit: str, policy: str
) -> None:
    strict = variant(tenant, password_limits=PasswordLimits(limits))
    email = (await strict.person()).user.email
    await fail(strict, email, times=2)

    response = await send(strict.browser(ip=HERE), email)

    problem = refused(response, 429, "too_many_requests")
    assert response.headers["ratelimit"] == limit
    assert response.headers["ratelimit-policy"] == policy
    names = [part.split(";")[0].strip('"') for part in limit.split(", ")]
    assert problem["violated-policies"] == names
    assert int(response.headers["retry-after"]) == max(int(part.rpartition("=")[2]) for part in limit.split(", "))


async def test_a_refusal_is_the_same_for_known_and_unknown_users(tenant: Tenant) -> None:
    strict = variant(tenant, password_limits=PasswordLimits("2/600,100/600,2/3600"))
    email = (await strict.person()).user.email
    told = []
    for asked in (email, "nobody@example.com"):
        await fail(strict, asked, times=2)
        headers = await headers_of(strict, asked)
        told.append({name: headers[name] for name in headers if name not in {"x-request-id", "content-length"}})

    assert told[0] == told[1]
    assert "ratelimit" in told[0]


async def test_too_many_passcodes_are_one_limit_without_a_number(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    browser = tenant.browser()
    for _ in range(5):
        response = await browser.post("/sign-ins/passcode", json={"sign_in_token": token, "passcode": "000000"})
    response = await browser.post("/sign-ins/passcode", json={"sign_in_token": token, "passcode": "000000"})

    problem = refused(response, 429, "too_many_attempts")
    assert response.headers["ratelimit"] == '"too_many_attempts";r=0;t=30'
    assert "ratelimit-policy" not in response.headers
    assert problem["violated-policies"] == ["too_many_attempts"]


async def test_other_answers_have_no_rate_limit_headers(tenant: Tenant) -> None:
    response = await send(tenant.browser(), "nobody@example.com")

    assert response.status_code == 401
    assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(response.headers)
