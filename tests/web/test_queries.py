"""Query parameters that a call does not know, or that are given twice, are refused."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import refused
from tests.support.account.freshness import step_up_required
from tests.web.route_table import CALLS, Call

MARKER = "mArKeR"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_every_call_refuses_an_unknown_parameter(tenant: Tenant, call: Call) -> None:
    caller = await tenant.signed_in(Role.OWNER)
    body = {} if call.body is None else {"json": call.body}

    response = await caller.browser.request(call.method, f"{call.sent_to}?mArKeR=mArKeR", **body)

    if call.session:
        problem = refused(response, 422, "invalid_request")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("", "unknown_parameter")]
    else:
        refused(response, 403, "forbidden")
    assert MARKER not in response.text


async def test_the_known_parameters_are_listed(owner: SimulatedUser) -> None:
    response = await owner.browser.get("/users?roles=agent")

    [error] = refused(response, 422, "invalid_request")["errors"]
    assert "It knows: role, status, two_factor, q, kind, limit, cursor." in error["detail"]
    [error] = refused(await owner.browser.get("/session?x"), 422, "invalid_request")["errors"]
    assert "It knows none." in error["detail"]


async def test_a_parameter_given_twice_is_refused(owner: SimulatedUser) -> None:
    problem = refused(await owner.browser.get("/users?role=agent&role=admin"), 422, "invalid_request")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/role", "duplicate_parameter")]


async def test_thousands_of_parameters_are_one_error(owner: SimulatedUser) -> None:
    query = "&".join(f"a{number}=" for number in range(8_000))

    response = await owner.browser.get(f"/users?{query}")

    assert len(refused(response, 422, "invalid_request")["errors"]) == 1
    assert len(response.content) < 1_000


async def test_the_caller_is_checked_before_the_query(tenant: Tenant, owner: SimulatedUser) -> None:
    agent = await tenant.signed_in(Role.AGENT)
    refused(await tenant.browser().get("/users?x=1"), 401, "unauthenticated")
    refused(await agent.browser.get("/audit-events?x=1"), 403, "forbidden")

    tenant.clock.turn(minutes=11)

    step_up_required(await owner.browser.get("/sso-providers?x=1"))


async def test_callbacks_accept_what_providers_add(tenant: Tenant) -> None:
    added = "session_state=x&iss=y&state=1&state=2"
    response = await tenant.browser().get(f"/sso/none/callback?{added}")
    refused(response, 404, "not_found")
    response = await tenant.browser().post(f"/sso/none/acs?{added}", data={"SAMLResponse": "x"})
    refused(response, 404, "not_found")


async def test_the_begin_of_a_login_refuses_a_parameter_that_would_be_ignored(tenant: Tenant) -> None:
    response = await tenant.browser().get("/sso/none/login?return_to=x&code_chalenge=y")

    [error] = refused(response, 422, "invalid_request")["errors"]
    assert "code_challenge" in error["detail"]
