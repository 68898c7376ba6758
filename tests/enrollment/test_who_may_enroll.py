"""Who may begin an enrollment, and what ends it; another factor needs proof of the first."""

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import ENROLLMENTS, app_of, authenticator_ids, begin, confirm
from tests.support.account.freshness import let_through_by_device, setup_required, step_up_required
from tests.support.observe.sql import set_status

TOTP = {"kind": "totp"}


async def test_without_an_authenticator_a_password_of_ten_minutes_ago_is_enough(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()
    clock.turn(minutes=10)

    await begin(person)


async def test_without_an_authenticator_an_older_password_requires_step_up(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()
    clock.turn(minutes=10, seconds=1)

    step_up_required(await person.browser.post(ENROLLMENTS, json=TOTP))

    await tenant.step_up(person)
    await begin(person)


async def test_adding_an_authenticator_requires_a_passcode_of_the_first(
    tenant: Tenant, clock: TurnableClock
) -> None:
    person = await let_through_by_device(tenant)  # the password is seconds old
    clock.turn(seconds=30)

    step_up_required(await person.browser.post(ENROLLMENTS, json=TOTP))

    refused(await person.browser.post("/session/step-up", json={"password": PASSWORD}), 422, "invalid_request")
    step_up_required(await person.browser.post(ENROLLMENTS, json=TOTP))
    await tenant.step_up(person)
    await begin(person)


async def test_adding_an_authenticator_requires_a_passcode_even_if_sign_in_does_not(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    await tenant.enroll(person)
    await tenant.enroll(owner)
    await tenant.require(owner, team_members=False)
    answer = await tenant.sign_in(person, tenant.browser())
    assert answer["status"] == "complete"
    person.browser.token = answer["session"]["token"]

    step_up_required(await person.browser.post(ENROLLMENTS, json=TOTP))


async def test_a_user_who_must_enroll_can_do_only_that_with_a_fresh_password(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)

    body = {"current_password": PASSWORD, "new_password": "x"}
    setup_required(await person.browser.put("/users/me/password", json=body), tenant)
    setup_required(await person.browser.post("/users/me/two-factor/recovery-codes"), tenant)
    setup_required(await person.browser.put("/users/me/two-factor/turned-on"), tenant)
    setup_required(await person.browser.delete("/users/me/two-factor"), tenant)
    setup_required(await owner.browser.patch("/security-policy", json={"trusted_device_days": 7}), tenant)

    await tenant.enroll(person)
    ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)
    clock.turn(minutes=10)
    step_up_required(await person.browser.post(ENROLLMENTS, json=TOTP))


async def test_a_user_who_must_enroll_needs_a_fresh_password(
    tenant: Tenant, owner: SimulatedUser, clock: TurnableClock
) -> None:
    person = await tenant.signed_in()
    await tenant.require(owner, team_members=True)
    clock.turn(minutes=10, seconds=1)

    step_up_required(await person.browser.post(ENROLLMENTS, json=TOTP))

    await tenant.step_up(person)
    await begin(person)


async def test_enrollment_without_a_session_is_refused(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    body = {"passcode": app_of(tenant, begun).passcode()}

    refused(await tenant.browser().post(ENROLLMENTS, json=TOTP), 401, "unauthenticated")
    path = f"{ENROLLMENTS}/{begun['id']}/confirmation"
    refused(await tenant.browser().post(path, json=body), 401, "unauthenticated")


async def test_a_sign_in_token_does_not_replace_a_session_for_enrollment(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.person()
    await tenant.require(owner, team_members=True)
    person.browser.token = (await tenant.sign_in(person))["sign_in_token"]

    refused(await person.browser.post(ENROLLMENTS, json=TOTP), 401, "unauthenticated")


async def test_every_role_may_enroll(tenant: Tenant) -> None:
    for role in Role:
        assert await authenticator_ids(await tenant.enrolled(role))


async def test_an_enrollment_begun_before_a_password_change_cannot_be_confirmed(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    body = {"current_password": PASSWORD, "new_password": "another long password"}

    ok(await person.browser.put("/users/me/password", json=body), 204)

    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 410, "enrollment_expired")
    assert await authenticator_ids(person) == []


async def test_an_enrollment_begun_before_another_was_confirmed_elsewhere_cannot_be_confirmed(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    await tenant.require(owner, team_members=True)
    waiting = await tenant.sign_in(person, tenant.browser())
    credential = {"sign_in_token": waiting["sign_in_token"]}
    at_sign_in = ok(await tenant.browser().post("/sign-ins/enrollments", json=credential | TOTP), 201)

    answer = await confirm(person, begun, app_of(tenant, begun).passcode())

    refused(answer, 410, "enrollment_expired")
    path = f"/sign-ins/enrollments/{at_sign_in['id']}/confirmation"
    body = credential | {"passcode": app_of(tenant, at_sign_in).passcode()}
    ok(await tenant.browser().post(path, json=body), 201)


async def test_an_enrollment_cannot_be_confirmed_after_its_session_has_ended(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    ok(await person.browser.delete("/session"), 204)

    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 401, "unauthenticated")


async def test_a_suspended_user_confirms_nothing(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    begun = await begin(person)
    await set_status(tenant, person, "suspended")

    refused(await confirm(person, begun, app_of(tenant, begun).passcode()), 401, "unauthenticated")
