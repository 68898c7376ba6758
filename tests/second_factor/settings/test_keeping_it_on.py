"""Turning two-factor on personally, and what remains when the account no longer requires it."""

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import enrolled_because_required
from tests.support.account.freshness import step_up_required

TURNED_ON = "/users/me/two-factor/turned-on"


async def owner_who_requires_it(tenant: Tenant) -> SimulatedUser:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, team_members=True, end_users=True)
    return owner


async def end_requirement(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=False, end_users=False)


async def test_after_the_requirement_only_users_who_turned_two_factor_on_are_asked(tenant: Tenant) -> None:
    willing = await tenant.enrolled()
    owner = await owner_who_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)

    await end_requirement(tenant, owner)

    assert (await tenant.sign_in(willing, tenant.browser()))["status"] == "passcode_required"
    assert (await tenant.sign_in(obliged, tenant.browser()))["status"] == "complete"


async def test_when_the_requirement_returns_users_are_asked_without_enrolling_again(
    tenant: Tenant,
) -> None:
    owner = await owner_who_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)
    await end_requirement(tenant, owner)

    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)

    await tenant.pass_passcode(obliged, tenant.browser())


async def test_a_user_who_keeps_two_factor_on_is_still_asked_after_the_requirement(tenant: Tenant) -> None:
    owner = await owner_who_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)

    kept = ok(await obliged.browser.put(TURNED_ON))
    await end_requirement(tenant, owner)

    assert (kept["status"], kept["turned_on_by_user"], kept["required_by_account"]) == ("on", True, True)
    assert (await tenant.sign_in(obliged, tenant.browser()))["status"] == "passcode_required"


async def test_after_the_requirement_two_factor_can_be_turned_on_without_a_new_authenticator(
    tenant: Tenant,
) -> None:
    owner = await owner_who_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)
    await end_requirement(tenant, owner)
    await tenant.step_up(obliged)

    kept = ok(await obliged.browser.put(TURNED_ON))

    assert (kept["status"], kept["turned_on_by_user"], kept["required_by_account"]) == ("on", True, False)
    assert kept["recovery_codes_left"] == 10


async def test_turning_two_factor_on_again_changes_nothing(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    before = ok(await person.browser.get("/users/me/two-factor"))

    assert ok(await person.browser.put(TURNED_ON)) == before


async def test_two_factor_cannot_be_turned_on_without_an_authenticator(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    refused(await person.browser.put(TURNED_ON), 409, "no_authenticator")

    assert ok(await person.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False


async def test_turning_two_factor_on_needs_a_fresh_session(tenant: Tenant, clock: TurnableClock) -> None:
    await owner_who_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)
    clock.turn(minutes=10)

    step_up_required(await obliged.browser.put(TURNED_ON))

    assert ok(await obliged.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False


async def test_turning_two_factor_on_affects_no_other_user(tenant: Tenant) -> None:
    owner = await owner_who_requires_it(tenant)
    keeping, other = await enrolled_because_required(tenant), await enrolled_because_required(tenant)

    ok(await keeping.browser.put(TURNED_ON))
    await end_requirement(tenant, owner)

    assert (await tenant.sign_in(other, tenant.browser()))["status"] == "complete"
