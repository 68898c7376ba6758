"""Who may call what: every route, checked against the route table for every kind of caller."""

import base64
import re

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.freshness import setup_required, step_up_required
from tests.support.account.variants import another_account
from tests.web.route_table import BROWSER, CALLS, ROOT, Call

PREFIX = "/v1/accounts/{account}"
SIGNED = [call for call in CALLS if call.roles]
each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
each_signed_call = pytest.mark.parametrize("call", SIGNED, ids=lambda call: call.name)


async def send(person: SimulatedUser, call: Call, authorization: str | None = None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return await person.browser.request(call.method, call.sent_to, json=call.body, headers=headers)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def answered(response: httpx.Response, expected: tuple[int, str | None]) -> None:
    code = (response.json() or {}).get("code") if response.content else None
    assert (response.status_code, code) == expected, response.text


def test_the_table_has_every_route_and_no_other(app: FastAPI) -> None:
    found = {
        f"{method} {re.sub('{[a-z]+_id}', '{id}', route.path or '')}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
    }

    browser = {call.replace(" ", f" {PREFIX}") for call in BROWSER}
    assert found == ROOT | browser | {f"{call.method} {PREFIX}{call.path}" for call in CALLS}


@each_call
async def test_an_allowed_caller_gets_the_answer_of_the_call(tenant: Tenant, call: Call) -> None:
    for role in call.roles:
        elsewhere = await another_account(tenant)
        answered(await send(await elsewhere.signed_in(role), call), call.answer)
    if not call.roles:
        answered(await send(await tenant.person(), call), call.answer)


@each_signed_call
async def test_another_role_is_forbidden_even_when_it_is_fresh(tenant: Tenant, call: Call) -> None:
    for role in set(Role) - call.roles:
        refused(await send(await tenant.signed_in(role), call), 403, "forbidden")


@each_signed_call
async def test_a_session_that_is_not_fresh_must_step_up_where_freshness_is_required(
    tenant: Tenant, call: Call
) -> None:
    people = [await tenant.signed_in(role) for role in Role]
    tenant.clock.turn(minutes=10, seconds=1)
    for person in people:
        response = await send(person, call)
        if person.user.role not in call.roles:
            refused(response, 403, "forbidden")
        elif call.fresh == "no":
            answered(response, call.answer)
        else:
            step_up_required(response)


@each_signed_call
async def test_while_2fa_is_required_a_password_makes_a_session_fresh_for_enrolling_only(
    tenant: Tenant, call: Call
) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    person = await tenant.signed_in(Role.ADMIN) if Role.ADMIN in call.roles else owner
    await tenant.require(owner, team_members=True)

    response = await send(person, call)

    if call.fresh == "yes":
        setup_required(response, tenant)
    else:
        answered(response, call.answer)


@each_signed_call
async def test_a_credential_that_is_not_valid_in_this_account_is_refused(tenant: Tenant, call: Call) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    token = owner.browser.token or ""
    device = (await tenant.pass_passcode(owner, device_storage="body"))["trusted_device"]["token"]
    sign_in_token = await tenant.asked(owner)
    stranger = await (await another_account(tenant)).signed_in(Role.OWNER)
    ended = await tenant.signed_in(Role.ADMIN)
    await ended.browser.delete("/session")
    nobody = await tenant.person()
    for credential in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {sign_in_token}",
        f"Bearer {device}",
        f"Bearer {stranger.browser.token}",
        f"Bearer {ended.browser.token}",
        f"Bearer pgs_{'A' * 43}",
        f"Bearer pgt_{'A' * 43}",
        f"Bearer {token}A",
        f"Bearer {token[:-1]}",
        f"Bearer {token.swapcase()}",
        f"Bearer {token.removeprefix('pgs_')}",
        f"Bearer {token} {token}",
        f"Bearer {token},",
        f"Bearer\t{token}",
        "Bearer " + "x" * 8192,
        f"Bearer {'ä' * 43}",
        f"Token {token}",
        token,
        "Basic",
        "Basic !",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"broken \xff:x").decode(),
        basic(f"{owner.user.email}/token", token),
        basic(f"{owner.user.email}/token", f"pgt_{'A' * 43}"),
    ):
        headers = {} if credential is None else {"Authorization": credential.encode("latin-1")}
        response = await nobody.browser.request(call.method, call.sent_to, json=call.body, headers=headers)
        refused(response, 401, "unauthenticated")
        assert response.headers.get_list("www-authenticate") == ['Bearer realm="Passgate"']
    twice = httpx.Headers([("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")])
    response = await nobody.browser.http.request(call.method, call.sent_to, json=call.body, headers=twice)
    refused(response, 401, "unauthenticated")


@each_signed_call
async def test_an_api_token_does_what_its_scope_says_and_nothing_else(tenant: Tenant, call: Call) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    nobody = await tenant.person()
    every = ["policy:read", "users:read", "users:write", "reports", "audit:read", "api"]
    for scopes in (every, [scope for scope in every if scope != call.scope]):
        made = ok(await admin.browser.post("/api-tokens", json={"description": "x", "scopes": scopes}), 201)
        response = await send(nobody, call, basic(f"{admin.user.email}/token", made["token"]))
        if call.scope is None:
            refused(response, 403, "session_required")
        elif call.scope not in scopes:
            refused(response, 403, "scope_missing")
        elif Role.ADMIN not in call.roles:
            refused(response, 403, "forbidden")
        else:
            answered(response, call.answer)


@each_signed_call
async def test_a_password_reads_where_the_account_allows_it_and_nothing_else(tenant: Tenant, call: Call) -> None:
    owner = await tenant.signed_in(Role.OWNER)
    people = [await tenant.person(role) for role in (Role.ADMIN, Role.END_USER)]
    for person in people:
        refused(await send(person, call, basic(person.user.email, PASSWORD)), 401, "password_access_off")
        refused(await send(person, call, basic(person.user.email, "wrong")), 401, "password_access_off")
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))
    for person in people:
        refused(await send(person, call, basic(person.user.email, "wrong")), 401, "invalid_credentials")
        response = await send(person, call, basic(person.user.email, PASSWORD))
        if not call.password:
            refused(response, 403, "session_required")
        elif person.user.role not in call.roles:
            refused(response, 403, "forbidden")
        else:
            answered(response, call.answer)


@each_call
async def test_an_unknown_account_is_not_found_whoever_calls(
    tenant: Tenant, owner: SimulatedUser, call: Call
) -> None:
    for slug in ("unknown", "UNKNOWN", tenant.account.slug.upper(), "a" * 64, "-", "%00", "%2e%2e", "%ff", "ä"):
        path = f"http://127.0.0.1:8000/v1/accounts/{slug}{call.sent_to}"
        refused(await owner.browser.request(call.method, path, json=call.body), 404, "not_found")


async def test_the_scheme_of_the_credential_is_read_in_any_letter_case(owner: SimulatedUser) -> None:
    for scheme in ("bearer", "BEARER", "Bearer  "):
        response = await owner.browser.get(
            "/session", headers={"Authorization": f"{scheme} {owner.browser.token}"}
        )
        assert response.status_code == 200
