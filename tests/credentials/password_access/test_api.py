"""Calling the API with a password: what it may do, and the uniform errors otherwise."""

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import basic


async def allow_password_access(owner: SimulatedUser) -> None:
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))


def calling(tenant: Tenant, email: str, password: str = PASSWORD) -> Client:
    client = tenant.browser()
    client.http.headers["Authorization"] = basic(email, password)
    return client


async def test_while_access_is_off_right_and_wrong_passwords_get_the_same_answer(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    right = await calling(tenant, owner.user.email).get("/authorize")
    wrong = await calling(tenant, owner.user.email, "wrong").get("/authorize")
    nobody = await calling(tenant, "nobody@example.com", "wrong").get("/authorize")

    assert refused(right, 401, "password_access_off") == refused(wrong, 401, "password_access_off")
    assert wrong.json() == nobody.json()


async def test_while_access_is_on_a_password_reads_and_authorizes(tenant: Tenant, owner: SimulatedUser) -> None:
    await allow_password_access(owner)
    client = calling(tenant, owner.user.email)

    answer = await client.get("/authorize")

    assert answer.status_code == 204
    assert answer.headers["passgate-credential"] == "password"
    assert answer.headers["deprecation"].startswith("@")
    ok(await client.get("/security-policy"))
    ok(await client.get("/users"))


async def test_a_password_changes_nothing(tenant: Tenant, owner: SimulatedUser) -> None:
    await allow_password_access(owner)
    client = calling(tenant, owner.user.email)

    refused(await client.patch("/security-policy", json={}), 403, "session_required")
    refused(
        await client.post("/api-tokens", json={"description": "x", "scopes": ["api"]}), 403, "session_required"
    )
    refused(await client.delete("/session"), 403, "session_required")
    refused(await client.get("/session"), 403, "session_required")


async def test_a_password_reads_only_what_the_role_allows(tenant: Tenant, owner: SimulatedUser) -> None:
    await allow_password_access(owner)
    end_user = await tenant.person(Role.END_USER)
    client = calling(tenant, end_user.user.email)

    assert (await client.get("/authorize")).status_code == 204
    refused(await client.get("/security-policy"), 403, "forbidden")


async def test_a_user_with_two_factor_on_gets_the_answer_of_a_wrong_password(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await allow_password_access(owner)
    person = await tenant.enrolled()

    right = await calling(tenant, person.user.email).get("/authorize")
    wrong = await calling(tenant, person.user.email, "wrong").get("/authorize")

    assert refused(right, 401, "invalid_credentials") == refused(wrong, 401, "invalid_credentials")
    assert right.headers.keys() == wrong.headers.keys()


async def test_suspended_unknown_and_wrong_get_the_same_answer(tenant: Tenant, owner: SimulatedUser) -> None:
    await allow_password_access(owner)
    suspended = await tenant.person(status="suspended")
    without = await tenant.person(password=None)
    active = await tenant.person()

    answers = [
        (await calling(tenant, suspended.user.email).get("/authorize")).json(),
        (await calling(tenant, without.user.email).get("/authorize")).json(),
        (await calling(tenant, "nobody@example.com").get("/authorize")).json(),
        (await calling(tenant, active.user.email, "wrong").get("/authorize")).json(),
    ]

    assert answers == [answers[0]] * 4
    assert answers[0]["code"] == "invalid_credentials"


async def test_any_requirement_turns_access_off_for_everybody_at_once(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    await allow_password_access(owner)
    agent = await tenant.person()
    client = calling(tenant, agent.user.email)
    assert (await client.get("/authorize")).status_code == 204

    await tenant.require(owner, end_users=True)

    refused(await client.get("/authorize"), 401, "password_access_off")


async def test_failures_count_in_the_password_limits(tenant: Tenant, owner: SimulatedUser) -> None:
    await allow_password_access(owner)
    person = await tenant.person()
    for _ in range(10):
        wrong = calling(tenant, person.user.email, "wrong")
        refused(await wrong.get("/authorize"), 401, "invalid_credentials")

    assert "retry-after" in (await calling(tenant, person.user.email).get("/authorize")).headers
    answer = await tenant.browser().post("/sign-ins", json={"email": person.user.email, "password": PASSWORD})
    refused(answer, 429, "too_many_requests")


async def test_malformed_basic_authentication_is_unauthenticated(tenant: Tenant, owner: SimulatedUser) -> None:
    await allow_password_access(owner)
    browser = tenant.browser()
    for given in ("Basic", "Basic !!!", "Basic " + "QQ==", "Basic 4pyT", "Negotiate abc", "Basic\t"):
        refused(await browser.get("/authorize", headers={"Authorization": given}), 401, "unauthenticated")
