"""Events of passwords: right ones before a second step, wrong ones, and limits reached."""

from uuid import UUID

import pytest

from app.core.callers import Role
from app.core.settings import PasswordLimits
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.passwords import WRONG, fail, limited_for, send, succeed
from tests.support.account.variants import variant
from tests.support.observe.audit import AuditTrail, is_by, move
from tests.support.observe.sql import run_sql

STEP_UP = "/session/step-up"
CHANGE = {"current_password": WRONG, "new_password": "a brand new password"}


@pytest.fixture
async def trail(tenant: Tenant) -> AuditTrail:
    return AuditTrail(tenant)


@pytest.fixture
def limited(tenant: Tenant) -> Tenant:
    """An account with low password limits.

    3 failures for a user from an address and 6 from an address in 600 s, 9 for a user in 3600 s.
    """
    return variant(tenant, password_limits=PasswordLimits("3/600,6/600,9/3600"))


async def test_a_right_password_before_a_passcode_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.enrolled()
    await move(tenant, person)
    person.browser.token = None
    await trail.new()

    await tenant.asked(person, person.browser)

    [waiting] = await trail.new()
    assert (waiting.type, waiting.details) == ("sign_in.waiting", {"for": "passcode"})
    [sign_in] = await run_sql(tenant, "SELECT id FROM sign_ins WHERE account_id = :account")
    assert waiting.target == ("sign_in", sign_in.id)
    assert is_by(waiting, person, None)


async def test_a_right_password_before_an_enrollment_is_recorded(
    tenant: Tenant, owner: SimulatedUser, trail: AuditTrail
) -> None:
    await tenant.require(owner, team_members=True)
    person = await tenant.person()
    await trail.new()

    assert (await tenant.sign_in(person))["status"] == "enrollment_required"

    [waiting] = await trail.new()
    assert (waiting.type, waiting.details) == ("sign_in.waiting", {"for": "enrollment"})
    assert waiting.actor_id == person.user.id


async def test_an_asserted_first_factor_is_recorded_with_the_api_token(tenant: Tenant, trail: AuditTrail) -> None:
    owner, person = await tenant.signed_in(Role.OWNER), await tenant.enrolled()
    body = {"description": "backend", "scopes": ["sign_ins"]}
    made = ok(await owner.browser.post("/api-tokens", json=body), 201)
    app = tenant.browser()
    app.http.auth = (f"{owner.user.email}/token", made["token"])
    await trail.new()

    asserted = {"user_id": person.id, "first_factor": "password"}
    answer = ok(await app.post("/sign-ins/assertions", json=asserted), 201)

    assert answer["status"] == "passcode_required"
    [waiting] = [event for event in await trail.new() if event.type == "sign_in.waiting"]
    assert waiting.details == {"for": "passcode", "api_token_id": made["id"]}
    assert waiting.actor_id == person.user.id


async def test_passwords_at_step_up_are_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.signed_in()
    session_id = ok(await person.browser.get("/session"))["session"]["id"]
    await move(tenant, person)
    await trail.new()

    refused(await person.browser.post(STEP_UP, json={"password": WRONG}), 401, "invalid_credentials")
    [failed] = await trail.new()
    assert (failed.type, failed.details) == ("password.failed", {"at": "step_up"})
    assert failed.target == ("user", person.user.id)

    ok(await person.browser.post(STEP_UP, json={"password": PASSWORD}))
    [proven] = await trail.new()
    assert (proven.type, proven.details) == ("session.stepped_up", {"method": "pwd"})
    assert proven.target == ("session", UUID(session_id))
    assert all(is_by(event, person) for event in (failed, proven))


async def test_a_wrong_current_password_is_recorded(tenant: Tenant, trail: AuditTrail) -> None:
    person = await tenant.signed_in()
    await move(tenant, person)
    await trail.new()

    refused(await person.browser.put("/users/me/password", json=CHANGE), 401, "invalid_credentials")

    [failed] = await trail.new()
    assert (failed.type, failed.details) == ("password.failed", {"at": "password_change"})
    assert failed.target == ("user", person.user.id)
    assert is_by(failed, person)


async def test_a_limit_is_recorded_once_in_its_period_and_not_for_each_refusal(
    limited: Tenant, trail: AuditTrail
) -> None:
    person = await limited.person()
    await fail(limited, person.user.email, times=3)
    await trail.new()

    for _ in range(5):
        await limited_for(limited, person.user.email)
    [reached] = await trail.new()
    assert (reached.type, reached.target) == ("limit.reached", ("user", person.user.id))
    assert reached.details == {"limit": "user_and_address", "failures": 3, "seconds": 600}
    assert (reached.actor_id, reached.ip) == (None, "192.0.2.1")

    for _ in range(2):  # one attempt is allowed every 200 s, and its failure fills the bucket again
        limited.clock.turn(seconds=200)
        await fail(limited, person.user.email)
        await limited_for(limited, person.user.email)
    assert [event.type for event in await trail.new()] == ["sign_in.failed"] * 2
    limited.clock.turn(seconds=201)
    await fail(limited, person.user.email)
    await limited_for(limited, person.user.email)
    assert await trail.new_types() == ["limit.reached", "sign_in.failed"]


async def test_the_limit_of_an_address_is_recorded_without_a_target(limited: Tenant, trail: AuditTrail) -> None:
    for number in range(6):
        await fail(limited, f"nobody-{number}@example.com")
    await trail.new()

    for number in range(3):
        await limited_for(limited, f"nobody-{number + 6}@example.com")

    [reached] = await trail.new()
    assert (reached.target, reached.details["limit"]) == ((None, None), "address")


async def test_the_limit_of_a_session_is_recorded(limited: Tenant, trail: AuditTrail) -> None:
    person = await limited.signed_in()
    for _ in range(3):
        refused(await person.browser.post(STEP_UP, json={"password": WRONG}), 401, "invalid_credentials")
    await trail.new()

    for _ in range(3):
        refused(await person.browser.put("/users/me/password", json=CHANGE), 429, "too_many_requests")

    [reached] = await trail.new()
    assert (reached.target, reached.details["limit"]) == (("user", person.user.id), "session_user")


async def test_a_limit_that_a_success_reset_is_recorded_when_it_is_reached_again(
    limited: Tenant, trail: AuditTrail
) -> None:
    email = (await limited.person()).user.email
    await fail(limited, email, times=3)
    await limited_for(limited, email)
    limited.clock.turn(seconds=200)
    await succeed(limited, email)
    await fail(limited, email, times=3)
    await trail.new()

    refused(await send(limited.browser(ip="192.0.2.1"), email), 429, "too_many_requests")

    assert await trail.new_types() == ["limit.reached"]
