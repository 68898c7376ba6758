"""The real answers are those of the OpenAPI document."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_password
from tests.support.account.enrolling import enroll_at_sign_in
from tests.support.account.variants import HTTPS_URL, with_settings
from tests.web.documented import Documented
from tests.web.route_table import CALLS, Call


@pytest.fixture(scope="session")
def document(app: FastAPI) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return found


@pytest.fixture
async def documented(document: dict[str, Any]) -> Documented:
    return Documented(document)


def watch(browser: Client, documented: Documented) -> None:
    browser.http.event_hooks = {"request": [], "response": [documented.check]}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_every_call_answers_as_documented(tenant: Tenant, documented: Documented, call: Call) -> None:
    people = [await tenant.signed_in(role) for role in (Role.OWNER, Role.END_USER)]
    stale = await tenant.signed_in()
    people.append(await tenant.person())
    headers = {"Content-Type": "application/json"}
    tenant.clock.turn(minutes=9)
    await tenant.sign_in(people[0])
    people.append(await tenant.signed_in(Role.ADMIN))
    tenant.clock.turn(minutes=2)
    for person in [stale, *people]:
        watch(person.browser, documented)
        await person.browser.request(call.method, call.sent_to, json=call.body)
        await person.browser.request(call.method, call.sent_to, content=b"{", headers=headers)
        await person.browser.request(
            call.method, call.sent_to, content=b"{}", headers={"Content-Type": "text/plain"}
        )
        await person.browser.request(call.method, call.sent_to, content=b" " * 70_000, headers=headers)
        await person.browser.request(call.method, call.sent_to, json={"unknown": 1})

    statuses = {status for _, status in documented.seen}
    assert {413, 415, 422, call.answer[0]} <= statuses


async def test_every_step_from_enrolling_to_turning_off_is_as_documented(
    tenant: Tenant, owner: SimulatedUser, documented: Documented
) -> None:
    watch(owner.browser, documented)
    await tenant.enroll(owner)
    await tenant.pass_passcode(owner)
    await tenant.sign_in(owner)
    await tenant.step_up(owner)
    await tenant.require(owner, team_members=True)
    person = await tenant.person()
    watch(person.browser, documented)
    await enroll_at_sign_in(tenant, person)
    await tenant.pass_passcode(person, device_storage="body")
    for path in ("sessions", "trusted-devices", "two-factor"):
        ok(await person.browser.get(f"/users/me/{path}"))
    ok(await person.browser.put("/users/me/two-factor/turned-on"))
    ok(await owner.browser.post("/users/me/two-factor/recovery-codes"), 201)
    body = {"reason": "lost"}
    ok(await owner.browser.post(f"/users/{person.id}/two-factor/recovery-codes", json=body), 201)
    await owner.browser.delete("/users/me/two-factor")
    await tenant.require(owner, team_members=False)
    ok(await owner.browser.delete("/users/me/two-factor"), 204)

    assert len(documented.seen) >= 16
    assert ("turnMyTwoFactorOff", 409) in documented.seen
    assert ("confirmEnrollmentAtSignIn", 201) in documented.seen


async def test_public_pages_are_answered_as_documented(tenant: Tenant, documented: Documented) -> None:
    browser = tenant.browser()
    watch(browser, documented)
    slug = tenant.account.slug
    pages = (
        "problems/not_found",
        "problems/none",
        f"links/{slug}/password",
        f"links/{slug}/none",
        "links/page.none",
    )
    for path in (*pages, "links/page.js", "links/page.css", "healthz", "readyz", ".well-known/jwks.json"):
        await browser.get(f"http://127.0.0.1:8000/{path}")

    assert {("explainProblem", 404), ("getLinkPage", 404), ("getLinkPageAsset", 404)} < documented.seen
    assert {"content-security-policy", "last-modified", "cache-control"} < documented.headers


async def test_cross_origin_calls_with_a_password_are_answered_as_documented(
    tenant: Tenant, owner: SimulatedUser, documented: Documented
) -> None:
    origin = "https://app.example.com"
    shared = with_settings(tenant, cors_origins=(origin,), public_url=HTTPS_URL)
    caller = await by_password(shared, owner, owner)
    watch(caller, documented)
    for call in CALLS:
        if call.roles:
            await caller.request(call.method, call.sent_to, json=call.body, headers={"Origin": origin})

    assert {"deprecation", "vary", "strict-transport-security"} < documented.headers
    assert {200, 403} <= {status for _, status in documented.seen}


async def test_a_wrong_method_is_answered_as_the_description_says(
    tenant: Tenant, document: dict[str, Any]
) -> None:
    response = await tenant.browser().request("PUT", "/session")

    refused(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "DELETE, GET, HEAD"
    assert "405 `method_not_allowed`" in document["info"]["description"]
