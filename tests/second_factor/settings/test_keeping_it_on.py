"""Keeping two-factor authentication on for oneself, and what is left when the account requires it no more."""

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import enrolled_because_required
from tests.support.account.freshness import step_up_required

TURNED_ON = "/users/me/two-factor/turned-on"


async def an_account_that_requires_it(tenant: Tenant) -> SimulatedUser:
    owner = await tenant.enrolled(Role.OWNER)
    await tenant.require(owner, team_members=True, end_users=True)
    return owner


async def release(tenant: Tenant, owner: SimulatedUser) -> None:
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=False, end_users=False)


async def test_only_who_turned_it_on_is_still_asked_when_the_requirement_goes(tenant: Tenant) -> None:
    willing = await tenant.enrolled()
    owner = await an_account_that_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)

    await release(tenant, owner)

    assert (await tenant.sign_in(willing, tenant.browser()))["status"] == "passcode_required"
    assert (await tenant.sign_in(obliged, tenant.browser()))["status"] == "complete"


async def test_who_is_no_longer_asked_is_asked_again_without_enrolling_anew_when_it_comes_back(
    tenant: Tenant,
) -> None:
    owner = await an_account_that_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)
    await release(tenant, owner)

    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)

    await tenant.pass_passcode(obliged, tenant.browser())


async def test_who_keeps_it_on_is_still_asked_when_the_requirement_goes(tenant: Tenant) -> None:
    owner = await an_account_that_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)

    kept = ok(await obliged.browser.put(TURNED_ON))
    await release(tenant, owner)

    assert (kept["status"], kept["turned_on_by_user"], kept["required_by_account"]) == ("on", True, True)
    assert (await tenant.sign_in(obliged, tenant.browser()))["status"] == "passcode_required"


async def test_who_is_no_longer_required_can_turn_it_on_with_the_authenticator_that_they_have(
    tenant: Tenant,
) -> None:
    owner = await an_account_that_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)
    await release(tenant, owner)
    await tenant.step_up(obliged)

    kept = ok(await obliged.browser.put(TURNED_ON))

    assert (kept["status"], kept["turned_on_by_user"], kept["required_by_account"]) == ("on", True, False)
    assert kept["recovery_codes_left"] == 10


async def test_keeping_on_what_is_on_changes_nothing(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    before = ok(await person.browser.get("/users/me/two-factor"))

    assert ok(await person.browser.put(TURNED_ON)) == before


async def test_it_cannot_be_kept_on_without_an_authenticator(tenant: Tenant) -> None:
    person = await tenant.signed_in()

    refused(await person.browser.put(TURNED_ON), 409, "no_authenticator")

    assert ok(await person.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False


async def test_a_session_that_is_not_fresh_does_not_keep_it_on(tenant: Tenant, clock: TurnableClock) -> None:
    await an_account_that_requires_it(tenant)
    obliged = await enrolled_because_required(tenant)
    clock.turn(minutes=10)

    step_up_required(await obliged.browser.put(TURNED_ON))

    assert ok(await obliged.browser.get("/users/me/two-factor"))["turned_on_by_user"] is False


async def test_one_person_keeps_it_on_for_themself_alone(tenant: Tenant) -> None:
    owner = await an_account_that_requires_it(tenant)
    keeping, other = await enrolled_because_required(tenant), await enrolled_because_required(tenant)

    ok(await keeping.browser.put(TURNED_ON))
    await release(tenant, owner)

    assert (await tenant.sign_in(other, tenant.browser()))["status"] == "complete"
