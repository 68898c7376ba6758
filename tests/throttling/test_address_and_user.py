"""The limits on wrong passwords of one address and of one user (docs/api.md section 9)."""

import math

import pytest

from app.core.settings import PasswordLimits
from app.throttling.rules import buckets
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.devices import cookie_name, device_token, pass_passcode, trusted_person
from tests.support.account.passwords import HERE, WRONG, fail, limited_for, send, succeed
from tests.support.account.variants import variant, with_settings

ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
LIMITS = PasswordLimits("3/600,6/600,9/3600")


async def fill_address(tenant: Tenant, *addresses: str) -> None:
    """Guess the passwords of six unknown users, from the addresses in turn."""
    for number in range(6):
        await fail(tenant, f"nobody-{number}@example.com", ip=addresses[number % len(addresses)])


async def fill_user(tenant: Tenant, person: SimulatedUser) -> None:
    """Guess one user's password nine times, three times from each of three addresses."""
    for ip in ADDRESSES:
        await fail(tenant, person.user.email, times=3, ip=ip)


async def test_an_address_that_guessed_at_many_users_is_blocked_for_every_user(limited: Tenant) -> None:
    person = await limited.person()
    await fill_address(limited, HERE)

    assert await limited_for(limited, person.user.email) == 100
    limited.clock.turn(seconds=99.9)
    assert await limited_for(limited, person.user.email) == 1
    await succeed(limited, person.user.email, ip="192.0.2.9")
    limited.clock.turn(seconds=0.1)

    await succeed(limited, person.user.email)


async def test_a_success_does_not_clear_the_failures_of_its_address(limited: Tenant) -> None:
    person = await limited.person()
    for number in range(6):
        await fail(limited, f"nobody-{number}@example.com")
        if number < 5:
            await succeed(limited, person.user.email)

    assert await limited_for(limited, person.user.email) == 100


@pytest.mark.parametrize(
    ("guessing", "other"),
    [
        (["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1:2:3:4:5"], "2001:db8:0:1::ffff"),
        (["192.0.2.1", "::ffff:192.0.2.1"], "192.0.2.1"),
        (["::ffff:192.0.2.1"], "::ffff:192.0.2.1"),
        (["fe80::1%eth0", "fe80::2%eth0"], "fe80::3%eth0"),
    ],
)
async def test_addresses_of_one_subscriber_share_one_limit(
    limited: Tenant, guessing: list[str], other: str
) -> None:
    person = await limited.person()
    await fill_address(limited, *guessing)

    assert await limited_for(limited, person.user.email, ip=other) == 100


@pytest.mark.parametrize(
    ("guessing", "other"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:2::1"),
        ("2001:db8:0:1::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("::ffff:192.0.2.1", "2001:db8::1"),
    ],
)
async def test_addresses_of_two_subscribers_have_separate_limits(
    limited: Tenant, guessing: str, other: str
) -> None:
    person = await limited.person()
    await fill_address(limited, guessing)

    await succeed(limited, person.user.email, ip=other)


async def test_forwarded_headers_are_ignored_without_a_trusted_proxy(limited: Tenant) -> None:
    person = await limited.person()
    browser = limited.browser(ip=HERE)
    body = {"email": person.user.email, "password": WRONG}
    for number in range(3):
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        refused(await browser.post("/sign-ins", json=body, headers=headers), 401, "invalid_credentials")

    response = await browser.post("/sign-ins", json=body, headers={"X-Forwarded-For": "203.0.113.9"})

    refused(response, 429, "too_many_requests")


async def test_behind_a_proxy_the_address_is_what_the_proxy_wrote(limited: Tenant) -> None:
    proxied = with_settings(limited, trusted_proxy_hops=1)
    person = await proxied.person()
    proxy = proxied.browser(ip="10.0.0.1")
    body = {"email": person.user.email, "password": WRONG}
    for number in range(3):
        headers = {"X-Forwarded-For": f"203.0.113.{number}, 192.0.2.77"}
        refused(await proxy.post("/sign-ins", json=body, headers=headers), 401, "invalid_credentials")

    blocked = await proxy.post("/sign-ins", json=body, headers={"X-Forwarded-For": "198.51.100.1, 192.0.2.77"})
    judged = await proxy.post("/sign-ins", json=body, headers={"X-Forwarded-For": "192.0.2.77, 198.51.100.1"})

    refused(blocked, 429, "too_many_requests")
    refused(judged, 401, "invalid_credentials")


async def test_a_user_guessed_at_from_many_addresses_is_blocked_at_every_address(limited: Tenant) -> None:
    person, colleague = await limited.person(), await limited.person()
    await fill_user(limited, person)

    assert await limited_for(limited, person.user.email, ip="198.51.100.7") == 400
    await succeed(limited, colleague.user.email, ip="198.51.100.7")
    limited.clock.turn(seconds=399.9)
    assert await limited_for(limited, person.user.email, ip="198.51.100.7") == 1
    limited.clock.turn(seconds=0.1)

    await succeed(limited, person.user.email, ip="198.51.100.7")


async def test_a_success_does_not_clear_what_others_guessed_at_the_user(limited: Tenant) -> None:
    person = await limited.person()
    for ip in ADDRESSES:
        await succeed(limited, person.user.email, ip=ip)
        await fail(limited, person.user.email, times=3, ip=ip)

    assert await limited_for(limited, person.user.email, ip="198.51.100.7") == 400


async def test_an_outsider_does_not_lock_a_user_out_of_a_known_device(limited: Tenant) -> None:
    person = await trusted_person(limited)
    await fill_user(limited, person)
    assert await limited_for(limited, person.user.email, ip="198.51.100.7") == 400

    answer = await limited.sign_in(person)

    assert answer["status"] == "complete"


async def test_a_known_device_passes_the_users_limit_by_its_token_too(limited: Tenant) -> None:
    person = await limited.enrolled()
    response = await pass_passcode(limited, person, limited.browser(), device_storage="body")
    token = response.json()["trusted_device"]["token"]
    await fill_user(limited, person)

    answer = await limited.sign_in(person, limited.browser(ip="198.51.100.7"), device_token=token)

    assert answer["status"] == "complete"


async def test_a_known_device_that_guesses_is_limited_at_its_address(limited: Tenant) -> None:
    person = await trusted_person(limited)
    for _ in range(3):
        refused(await send(person.browser, person.user.email, WRONG), 401, "invalid_credentials")

    response = await send(person.browser, person.user.email)

    refused(response, 429, "too_many_requests")
    assert response.headers["retry-after"] == "200"


async def test_a_known_device_that_guesses_does_not_lock_its_user_out_elsewhere(limited: Tenant) -> None:
    person = await trusted_person(limited)
    cookie = {"Cookie": f"{cookie_name(person)}={device_token(person)}"}
    body = {"email": person.user.email, "password": WRONG}
    for ip in ADDRESSES:
        for _ in range(3):
            response = await limited.browser(ip=ip).post("/sign-ins", json=body, headers=cookie)
            refused(response, 401, "invalid_credentials")

    await succeed(limited, person.user.email, ip="198.51.100.7")


async def test_an_unknown_device_does_not_pass_the_users_limit(limited: Tenant) -> None:
    person, other = await trusted_person(limited), await trusted_person(limited)
    revoked = device_token(person)
    ok(await person.browser.delete("/users/me/trusted-devices"), 204)
    made_up = f"pgd_0192f0c0-0000-7000-8000-000000000000.{'A' * 43}"
    await fill_user(limited, person)

    for token in (revoked, made_up, device_token(other)):
        browser = limited.browser(ip="198.51.100.7")
        browser.http.headers["Cookie"] = f"{cookie_name(person)}={token}"
        assert await refused_for(browser, person) == "400"


async def test_retry_after_covers_every_limit_that_was_reached(tenant: Tenant) -> None:
    strict = variant(tenant, password_limits=PasswordLimits("2/20,2/600,2/3600"))
    person = await strict.person()
    await fail(strict, person.user.email, times=2)

    seconds = await limited_for(strict, person.user.email)

    assert seconds == 1800
    strict.clock.turn(seconds=seconds - 1)
    assert await limited_for(strict, person.user.email) == 1
    strict.clock.turn(seconds=1)
    await succeed(strict, person.user.email)


@pytest.mark.parametrize("failures", [1, 3, 6, 7, 9, 11])
async def test_as_many_failures_are_judged_as_the_limit_says(tenant: Tenant, failures: int) -> None:
    strict = variant(tenant, password_limits=PasswordLimits(f"{failures}/10,100/10,100/10"))
    email = (await strict.person()).user.email

    await fail(strict, email, times=failures)

    assert await limited_for(strict, email) == math.ceil(10 / failures)


async def test_a_limit_that_is_reached_fills_no_other(limited: Tenant) -> None:
    person, colleague = await limited.person(), await limited.person()
    await fail(limited, person.user.email, times=3)
    for _ in range(20):
        await limited_for(limited, person.user.email, password=WRONG)

    await fail(limited, colleague.user.email, times=3)  # the six that this address may fail


def test_a_bucket_keeps_neither_the_address_nor_the_user() -> None:
    found = buckets(LIMITS, email="Ada@Example.com", ip=HERE, known_device=False)

    assert [bucket.name for bucket in found] == [
        "user_and_address",
        "address",
        "user",
        "address_all_accounts",
    ]
    assert len({(bucket.all_accounts, bucket.key) for bucket in found}) == 4
    for bucket in found:
        assert len(bucket.key) == 32
        assert b"ada" not in bucket.key.lower()
        assert HERE.encode() not in bucket.key
    assert [bucket.name for bucket in buckets(LIMITS, email="a@b.c", ip="", known_device=True)] == [
        "user_and_address",
        "address",
        "address_all_accounts",
    ]


async def refused_for(browser: Client, person: SimulatedUser) -> str:
    response = await send(browser, person.user.email)
    refused(response, 429, "too_many_requests")
    return str(response.headers["retry-after"])
