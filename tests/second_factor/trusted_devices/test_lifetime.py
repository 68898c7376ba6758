"""How long a device stays trusted, counted from the passcode (docs/api.md section 4)."""

from datetime import timedelta

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok
from tests.support.account.devices import is_asked, pass_passcode, trusted_person


async def set_days(tenant: Tenant, owner: SimulatedUser, days: int) -> None:
    await tenant.sign_in(owner)  # the session may have expired
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": days}))


async def test_thirty_days_after_the_passcode_the_device_is_no_longer_trusted(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    tenant.clock.turn(days=30, seconds=-0.000001)
    assert not await is_asked(tenant, person)

    tenant.clock.turn(seconds=0.000001)

    assert await is_asked(tenant, person)


async def test_using_the_device_does_not_prolong_its_trust(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    for _ in range(5):
        tenant.clock.turn(days=5)
        assert not await is_asked(tenant, person)

    tenant.clock.turn(days=5)

    assert await is_asked(tenant, person)


async def test_a_new_passcode_restarts_the_trust(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    tenant.clock.turn(days=30)
    await pass_passcode(tenant, person, person.browser)
    tenant.clock.turn(days=29)
    assert not await is_asked(tenant, person)

    tenant.clock.turn(days=1)

    assert await is_asked(tenant, person)


async def test_a_browser_that_keeps_an_expired_cookie_is_asked(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    tenant.clock.turn(days=365)

    assert await is_asked(tenant, person)
    assert len(person.browser.cookies) == 1


async def test_fewer_days_in_the_policy_shorten_existing_trust(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)
    await set_days(tenant, owner, 7)
    tenant.clock.turn(days=7, seconds=-1)
    assert not await is_asked(tenant, person)

    tenant.clock.turn(seconds=1)

    assert await is_asked(tenant, person)


async def test_more_days_in_the_policy_do_not_extend_existing_trust(tenant: Tenant, owner: SimulatedUser) -> None:
    await set_days(tenant, owner, 7)
    person = await trusted_person(tenant)
    await set_days(tenant, owner, 30)
    tenant.clock.turn(days=7, seconds=-1)
    assert not await is_asked(tenant, person)

    tenant.clock.turn(seconds=1)

    assert await is_asked(tenant, person)


async def test_zero_days_in_the_policy_end_all_trust_at_once(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)

    await set_days(tenant, owner, 0)

    assert await is_asked(tenant, person)


async def test_the_list_shows_the_expiry_that_sign_ins_use(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)
    trusted_at = tenant.clock.now()

    assert await shown_expiry(person) == wire(trusted_at + timedelta(days=30))
    await set_days(tenant, owner, 7)
    assert await shown_expiry(person) == wire(trusted_at + timedelta(days=7))

    tenant.clock.turn(days=7)
    await pass_passcode(tenant, person, person.browser, remember_device=False)
    assert ok(await person.browser.get("/users/me/trusted-devices"))["items"] == []
    assert ok(await person.browser.get("/users/me/two-factor"))["trusted_devices"] == 0


async def test_the_response_says_until_when_the_device_is_trusted(tenant: Tenant, owner: SimulatedUser) -> None:
    await set_days(tenant, owner, 3)
    person = await tenant.enrolled()

    response = await pass_passcode(tenant, person, person.browser)

    assert response.json()["trusted_device"]["expires_at"] == wire(tenant.clock.now() + timedelta(days=3))


async def shown_expiry(person: SimulatedUser) -> str:
    [device] = ok(await person.browser.get("/users/me/trusted-devices"))["items"]
    return str(device["expires_at"])


def wire(moment: object) -> str:
    return str(moment).replace(" ", "T").replace("+00:00", "Z")
