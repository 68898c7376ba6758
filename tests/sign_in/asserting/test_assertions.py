"""Second factor for an application that checks passwords itself (docs/api.md section 9)."""

from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import basic
from tests.support.account.sign_ins import set_status, submit
from tests.support.observe.audit import AuditTrail

PATH = "/sign-ins/assertions"


class Backend:
    """The application's own server, with an API token."""

    def __init__(self, browser: Client, header: dict[str, str], token_id: str) -> None:
        self._browser, self._header, self.token_id = browser, header, token_id

    async def send(self, **body: Any) -> httpx.Response:
        return await self._browser.post(PATH, json={"first_factor": "password"} | body, headers=self._header)

    async def asserts(self, **body: Any) -> Any:
        return ok(await self.send(**body), 201)


async def backend_of(tenant: Tenant, person: SimulatedUser, *scopes: str) -> Backend:
    body = {"description": "the shop", "scopes": list(scopes or ["sign_ins"])}
    made = ok(await person.browser.post("/api-tokens", json=body), 201)
    return Backend(
        tenant.browser(), {"Authorization": basic(f"{person.user.email}/token", made["token"])}, made["id"]
    )


@pytest.fixture
async def owner(tenant: Tenant) -> SimulatedUser:
    return await tenant.enrolled(Role.OWNER)


@pytest.fixture
async def shop(tenant: Tenant, owner: SimulatedUser) -> Backend:
    """A backend with a token of an admin."""
    assert owner.app
    return await backend_of(tenant, await tenant.enrolled(Role.ADMIN))


async def test_an_assertion_is_answered_like_a_password(
    tenant: Tenant, owner: SimulatedUser, shop: Backend
) -> None:
    plain, enrolled = await tenant.person(Role.END_USER, password=None), await tenant.enrolled(Role.AGENT)

    complete = await shop.asserts(user_id=plain.id)
    asked = await shop.asserts(email=enrolled.user.email.upper())
    assert (complete["status"], complete["session"]["amr"]) == ("complete", ["pwd"])
    assert asked["status"] == "passcode_required"
    await tenant.require(owner, end_users=True)
    must_enroll = await shop.asserts(user_id=plain.id)
    assert must_enroll["status"] == "enrollment_required"

    response = await submit(tenant.browser(), asked["sign_in_token"], enrolled.authenticator.next_passcode())
    session = ok(response, 201)["session"]
    assert (session["amr"], session["assurance"]) == (["pwd", "otp"], "aal2")


async def test_enrolling_after_an_assertion_makes_the_session_fresh(
    tenant: Tenant, owner: SimulatedUser, shop: Backend
) -> None:
    await tenant.require(owner, end_users=True)
    person = await tenant.person(Role.END_USER, password=None, external_id="crm-7")
    sign_in = {"sign_in_token": (await shop.asserts(external_id="crm-7"))["sign_in_token"]}
    browser = tenant.browser()
    begun = ok(await browser.post("/sign-ins/enrollments", json=sign_in | {"kind": "totp", "label": "Phone"}), 201)
    app = AuthenticatorApp(begun["secret"], tenant.clock)

    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    answer = ok(await browser.post(path, json=sign_in | {"passcode": app.passcode()}), 201)

    assert answer["user"]["id"] == person.id
    browser.token = answer["session"]["token"]
    ok(await browser.post("/users/me/two-factor/recovery-codes"), 201)


async def test_an_asserted_sso_sign_in_completes_and_is_not_fresh(
    tenant: Tenant, owner: SimulatedUser, shop: Backend
) -> None:
    await tenant.require(owner, end_users=True, team_members=True)
    person = await tenant.person(Role.END_USER)

    answer = await shop.asserts(user_id=person.id, first_factor="sso")

    session = answer["session"]
    assert (answer["status"], session["amr"], session["assurance"]) == ("complete", ["sso"], "aal1")
    browser = tenant.browser()
    browser.token = session["token"]
    body = {"kind": "totp", "label": "Phone"}
    refused(await browser.post("/users/me/two-factor/enrollments", json=body), 401, "step_up_required")


async def test_an_asserted_password_is_not_fresh_either(tenant: Tenant, shop: Backend) -> None:
    person = await tenant.person(Role.END_USER)
    browser = tenant.browser()
    browser.token = (await shop.asserts(user_id=person.id))["session"]["token"]

    body = {"kind": "totp", "label": "Phone"}
    refused(await browser.post("/users/me/two-factor/enrollments", json=body), 401, "step_up_required")
    await tenant.step_up(SimulatedUser(person.user, browser))
    ok(await browser.post("/users/me/two-factor/enrollments", json=body), 201)


async def test_a_known_device_is_not_asked_again(tenant: Tenant, shop: Backend) -> None:
    person = await tenant.enrolled(Role.AGENT)
    token = (await shop.asserts(user_id=person.id))["sign_in_token"]
    passed = await submit(
        tenant.browser(), token, person.authenticator.next_passcode(), remember_device=True, device_storage="body"
    )
    device_token = ok(passed, 201)["trusted_device"]["token"]

    known = await shop.asserts(user_id=person.id, device_token=device_token)
    unknown = await shop.asserts(user_id=person.id)

    assert (known["status"], known["session"]["assurance"]) == ("complete", "aal1")
    assert unknown["status"] == "passcode_required"


async def test_session_and_audit_say_from_where_and_by_which_token(tenant: Tenant, shop: Backend) -> None:
    person = await tenant.enrolled(Role.AGENT)

    asked = await shop.asserts(user_id=person.id, ip="2001:DB8::7", user_agent="the user's browser")
    ok(await submit(tenant.browser(), asked["sign_in_token"], person.authenticator.next_passcode()), 201)
    direct = await shop.asserts(
        user_id=person.id, first_factor="sso", ip="2001:DB8::7", user_agent="the user's browser"
    )

    session = direct["session"]
    assert (session["ip"], session["user_agent"]) == ("2001:db8::7", "the user's browser")
    found = [
        event for event in await AuditTrail(tenant).new() if event.details.get("api_token_id") == shop.token_id
    ]
    assert [(event.type, event.actor_id) for event in found] == [
        ("sign_in.succeeded", person.user.id),
        ("sign_in.waiting", person.user.id),
        ("sso.signed_in", person.user.id),
    ]


async def test_only_a_token_of_the_owner_signs_in_admins_and_the_owner(
    tenant: Tenant, owner: SimulatedUser, shop: Backend
) -> None:
    admin = await tenant.person(Role.ADMIN)
    owners = await backend_of(tenant, owner)

    for person in (admin, owner):
        for first_factor in ("password", "sso"):
            refused(await shop.send(user_id=person.id, first_factor=first_factor), 403, "forbidden")
    assert (await owners.asserts(user_id=admin.id))["status"] == "complete"
    assert (await owners.asserts(user_id=owner.id))["status"] == "passcode_required"
    denied = [event for event in await AuditTrail(tenant).new() if event.type == "access.denied"]
    assert len(denied) == 4


async def test_suspended_and_unknown_users_are_refused(tenant: Tenant, shop: Backend) -> None:
    suspended = await tenant.person(Role.AGENT)
    await set_status(tenant, suspended, "suspended")
    elsewhere = await (await make_tenant(tenant.app, tenant.services, tenant.clock)).person(Role.AGENT)

    refused(await shop.send(user_id=suspended.id), 403, "forbidden")
    refused(await shop.send(user_id=elsewhere.id), 404, "not_found")
    refused(await shop.send(email=elsewhere.user.email), 404, "not_found")
    refused(await shop.send(external_id="nobody"), 404, "not_found")


async def test_only_a_token_with_the_scope_may_assert(tenant: Tenant, owner: SimulatedUser) -> None:
    other = await backend_of(tenant, owner, "api", "users:write", "users:read")
    body = {"user_id": owner.id, "first_factor": "password"}

    refused(await other.send(user_id=owner.id), 403, "scope_missing")
    refused(await owner.browser.post(PATH, json=body), 403, "forbidden")
    refused(await tenant.browser().post(PATH, json=body), 401, "unauthenticated")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "x"},
        {"user_id": None},
        {"email": "a@example.com", "external_id": "crm-7"},
        {"email": "a@example.com", "first_factor": "passcode"},
        {"email": "a@example.com", "first_factor": None},
        {"email": "a@example.com", "ip": "localhost"},
        {"email": "a@example.com", "user_agent": "a\r\nb"},
        {"email": "a@example.com", "user_agent": "a" * 513},
        {"email": "a@example.com", "device_token": 7},
        {"email": "a@example.com", "role": "owner"},
    ],
    ids=str,
)
async def test_invalid_fields_are_refused(shop: Backend, body: dict[str, Any]) -> None:
    refused(await shop.send(**body), 422, "invalid_request")


async def test_assertions_of_one_user_are_limited(tenant: Tenant, shop: Backend) -> None:
    person, other = await tenant.person(Role.END_USER), await tenant.person(Role.END_USER)

    for _ in range(60):
        await shop.asserts(user_id=person.id)
    response = await shop.send(user_id=person.id)

    refused(response, 429, "too_many_requests")
    wait = int(response.headers["retry-after"])
    await shop.asserts(user_id=other.id)
    tenant.clock.turn(seconds=wait)
    await shop.asserts(user_id=person.id)
