"""The current session: what it shows, how it ends, and where its token is refused."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from app.core.callers import Role
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant, make_tenant
from tests.support.account.client import client_of, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.times import on_the_wire
from tests.support.observe.sql import set_role, set_status


async def test_get_session_shows_the_session_and_the_user(tenant: Tenant, clock: TurnableClock) -> None:
    browser = tenant.browser(ip="203.0.113.9")
    person = await tenant.person(Role.ADMIN, name="Jörg Ñandú", external_id="x-1", locale="de")
    made = (await tenant.sign_in(person, browser))["session"]
    now = on_the_wire(clock.now())

    shown = ok(await browser.get("/session"))

    session = {key: value for key, value in made.items() if key != "token"}
    assert shown["session"] == session
    assert session == {
        "id": made["id"],
        "user_id": person.id,
        "amr": ["pwd"],
        "assurance": "aal1",
        "authenticated_at": now,
        "second_factor_at": None,
        "created_at": now,
        "last_seen_at": now,
        "expires_at": on_the_wire(clock.now() + timedelta(hours=1)),
        "ip": "203.0.113.9",
        "user_agent": "a test browser",
        "current": True,
    }
    assert shown["user"] == {
        "id": person.id,
        "email": person.user.email,
        "name": "Jörg Ñandú",
        "role": "admin",
        "status": "active",
        "external_id": "x-1",
        "locale": "de",
        "created_at": now,
        "last_sign_in_at": now,
        "kind": "person",
        "test_passcode": False,
    }


async def test_a_passcode_makes_a_session_aal2_and_a_trusted_device_does_not(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    by_passcode = (await tenant.pass_passcode(person))["session"]

    by_trusted_device = (await tenant.sign_in(person))["session"]

    assert (by_passcode["amr"], by_passcode["assurance"]) == (["pwd", "otp"], "aal2")
    assert by_passcode["second_factor_at"] == by_passcode["created_at"]
    assert (by_trusted_device["amr"], by_trusted_device["assurance"]) == (["pwd"], "aal1")
    assert by_trusted_device["second_factor_at"] is None


async def test_the_session_token_is_never_shown_again(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.browser.token

    for path in ("/session", "/users/me/sessions"):
        answer = await owner.browser.get(path)
        assert "pgs_" not in answer.text
        assert "token" not in answer.text
    assert (await tenant.sign_in(owner))["session"]["token"].startswith("pgs_")


async def test_signing_out_ends_this_session_and_no_other(tenant: Tenant, owner: SimulatedUser) -> None:
    elsewhere = tenant.browser()
    await tenant.sign_in(owner, elsewhere)

    ok(await owner.browser.delete("/session"), 204)

    refused(await owner.browser.get("/session"), 401, "unauthenticated")
    refused(await owner.browser.delete("/session"), 401, "unauthenticated")
    ok(await elsewhere.get("/session"))


async def test_a_session_of_one_account_is_refused_in_another(
    app: FastAPI, services: Services, owner: SimulatedUser, clock: TurnableClock
) -> None:
    elsewhere = await make_tenant(app, services, clock)
    intruder = client_of(app, elsewhere.account.slug)
    intruder.token = owner.browser.token

    for path in ("/session", "/users/me/sessions", "/users/me/two-factor", "/security-policy"):
        refused(await intruder.get(path), 401, "unauthenticated")
    refused(await intruder.delete("/session"), 401, "unauthenticated")
    ok(await owner.browser.get("/session"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer pgs_",
        "Bearer pgs_" + "A" * 43,
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {token} {token}",
        "Basic {token}",
        "{token}",
        "Token {token}",
    ],
)
async def test_a_malformed_authorization_header_is_refused(owner: SimulatedUser, header: str) -> None:
    headers = {"Authorization": header.format(token=owner.browser.token)}

    answer = await owner.browser.get("/session", headers=headers)

    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_two_credentials_at_once_are_refused(owner: SimulatedUser) -> None:
    bearer = f"Bearer {owner.browser.token}"

    answer = await owner.browser.http.get("/session", headers=[("Authorization", bearer)] * 2)

    refused(answer, 401, "unauthenticated")


async def test_the_token_is_accepted_in_the_header_only(owner: SimulatedUser) -> None:
    token, owner.browser.token = owner.browser.token, None
    owner.browser.cookies.set("session", str(token))

    refused(await owner.browser.get("/session", params={"access_token": token}), 401, "unauthenticated")


async def test_a_sign_in_token_is_not_accepted_as_a_session(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    browser = tenant.browser()
    browser.token = await tenant.asked(person)

    refused(await browser.get("/session"), 401, "unauthenticated")
    refused(await browser.post("/session/step-up", json={"password": "x"}), 401, "unauthenticated")


async def test_the_session_of_a_suspended_user_ends_at_once(tenant: Tenant) -> None:
    person, other = await tenant.signed_in(), await tenant.signed_in()

    await set_status(tenant, person, "suspended")

    refused(await person.browser.get("/session"), 401, "unauthenticated")
    ok(await other.browser.get("/session"))


async def test_a_change_of_role_takes_effect_at_once(tenant: Tenant) -> None:
    person = await tenant.signed_in(Role.AGENT)
    refused(await person.browser.get("/security-policy/preview"), 403, "forbidden")

    await set_role(tenant, person, "admin")
    ok(await person.browser.get("/security-policy/preview"))
    await set_role(tenant, person, "end_user")

    refused(await person.browser.get("/security-policy/preview"), 403, "forbidden")
    assert ok(await person.browser.get("/session"))["user"]["role"] == "end_user"


async def test_a_delete_with_a_body_is_refused_and_does_nothing(owner: SimulatedUser) -> None:
    answer = await owner.browser.request("DELETE", "/session", json={"all": True})

    refused(answer, 422, "invalid_request")
    ok(await owner.browser.request("GET", "/session", json={}))
