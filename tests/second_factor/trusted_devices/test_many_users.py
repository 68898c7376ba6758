"""A browser has one device cookie per user, for at most ten users (docs/api.md section 4)."""

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.account.devices import cookie_name, cookies_set, is_asked, pass_passcode
from tests.support.account.sign_ins import submit
from tests.support.account.variants import another_account


async def test_users_who_share_a_browser_are_each_trusted_in_it(tenant: Tenant) -> None:
    shared = tenant.browser()
    people = [await tenant.enrolled() for _ in range(3)]
    for person in people:
        await pass_passcode(tenant, person, shared)

    assert len(shared.cookies) == 3
    for person in people:
        assert not await is_asked(tenant, person, shared)


async def test_the_eleventh_user_of_a_browser_expires_the_oldest_cookie(tenant: Tenant) -> None:
    shared = tenant.browser()
    people = [await tenant.enrolled() for _ in range(11)]
    for person in people[:10]:
        assert len(cookies_set(await pass_passcode(tenant, person, shared))) == 1
    await trust_again(tenant, people[0], shared)  # the first is no longer the oldest

    own, expired = cookies_set(await pass_passcode(tenant, people[10], shared))

    assert own.name == cookie_name(people[10])
    assert own.max_age == 30 * 86_400
    assert (expired.name, expired.value, expired.max_age) == (cookie_name(people[1]), "", 0)
    assert expired.attributes == ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=0"]
    assert len(shared.cookies) == 10
    assert await is_asked(tenant, people[1], shared)
    for person in (people[0], *people[2:]):
        assert not await is_asked(tenant, person, shared)


async def test_a_browser_with_too_many_device_cookies_is_reduced_to_ten(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    for number in range(13):
        name = f"passgate_device_{number:016x}"
        browser.cookies.set(name, f"pgd_0192f0c0-0000-7000-8000-{number:012x}.{'A' * 43}", domain="127.0.0.1")

    own, *expired = cookies_set(await pass_passcode(tenant, person, browser))

    assert own.name == cookie_name(person)
    assert [cookie.name for cookie in expired] == [f"passgate_device_{number:016x}" for number in range(4)]
    assert all(cookie.max_age == 0 for cookie in expired)


async def test_trusting_one_of_ten_users_again_expires_no_cookie(tenant: Tenant) -> None:
    shared = tenant.browser()
    people = [await tenant.enrolled() for _ in range(10)]
    for person in people:
        await pass_passcode(tenant, person, shared)

    assert await trust_again(tenant, people[4], shared) == [cookie_name(people[4])]
    assert len(shared.cookies) == 10


async def test_other_cookies_are_neither_counted_nor_expired(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    well_formed = f"pgd_0192f0c0-0000-7000-8000-000000000000.{'A' * 43}"
    for number in range(12):
        browser.cookies.set(f"passgate_device_{number:016x}", "not one of ours", domain="127.0.0.1")
        browser.cookies.set(f"passgate_device_of_mine_{number}", well_formed, domain="127.0.0.1")
        browser.cookies.set(f"theme_{number}", well_formed, domain="127.0.0.1")

    cookies = cookies_set(await pass_passcode(tenant, person, browser))

    assert [cookie.name for cookie in cookies] == [cookie_name(person)]


async def test_accounts_that_share_a_browser_share_the_limit_of_ten(tenant: Tenant) -> None:
    shared_here = tenant.browser()
    elsewhere = await another_account(tenant)
    shared_there = elsewhere.browser()
    shared_there.http.cookies = shared_here.http.cookies
    stranger = await elsewhere.enrolled()
    await pass_passcode(elsewhere, stranger, shared_there)
    shared_here.http.cookies = shared_there.http.cookies
    people = [await tenant.enrolled() for _ in range(10)]

    for person in people:
        response = await pass_passcode(tenant, person, shared_here)

    assert [cookie.name for cookie in cookies_set(response)] == [cookie_name(people[9]), cookie_name(stranger)]


async def trust_again(tenant: Tenant, person: SimulatedUser, browser: Client) -> list[str]:
    """Send a passcode from an already trusted browser; return the names of the cookies set."""
    token = await tenant.asked(person)  # from another browser, because the trusted one is not asked
    response = await submit(browser, token, person.authenticator.next_passcode())
    ok(response, 201)
    return [cookie.name for cookie in cookies_set(response)]
