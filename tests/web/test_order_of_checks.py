"""The order of the checks (docs/api.md section 2): the first that fails decides the answer."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.freshness import step_up_required
from tests.web.route_table import CALLS, SOME_ID

# What can be wrong with POST /users/{id}/two-factor/recovery-codes, in the order of the checks.
ORDER = {
    "path": (404, "not_found"),
    "method": (405, "method_not_allowed"),
    "account": (404, "not_found"),
    "type": (415, "unsupported_media_type"),
    "size": (413, "too_large"),
    "form": (422, "invalid_request"),
    "credential": (401, "unauthenticated"),
    "role": (403, "forbidden"),
    "freshness": (401, "step_up_required"),
    "fields": (422, "invalid_request"),
    "object": (404, "not_found"),
    "state": (409, "no_authenticator"),
}
NAMES = list(ORDER)


@dataclass
class Cast:
    """The users who can send the request, and the users who can be its target."""

    tenant: Tenant
    callers: dict[str, SimulatedUser] = field(default_factory=dict)

    async def arrange(self) -> None:
        """Create two callers whose sessions are not fresh, then two with fresh ones."""
        tenant = self.tenant
        self.callers["stale owner"] = await tenant.enrolled(Role.OWNER)
        self.callers["stale agent"] = await tenant.enrolled(Role.AGENT)
        tenant.clock.turn(minutes=11)
        self.callers["owner"] = await tenant.signed_in(Role.ADMIN)
        self.callers["agent"] = await tenant.signed_in(Role.AGENT)
        self.callers["without authenticator"] = await tenant.person()
        self.callers["nobody"] = await tenant.person()

    def caller(self, wrong: set[str]) -> SimulatedUser:
        if "credential" in wrong:
            return self.callers["nobody"]
        stale = "stale " if "freshness" in wrong else ""
        return self.callers[stale + ("agent" if "role" in wrong else "owner")]

    def target(self, wrong: set[str]) -> str:
        if "object" in wrong:
            return SOME_ID
        return self.callers["without authenticator" if "state" in wrong else "stale agent"].id

    async def send(self, wrong: set[str]) -> httpx.Response:
        reason: Any = 5 if "fields" in wrong else "lost the phone"
        content = json.dumps({"reason": reason}).encode()
        content = content[: -1 if "form" in wrong else None] + b" " * (70_000 if "size" in wrong else 0)
        account = "unknown" if "account" in wrong else self.tenant.account.slug
        path = f"http://127.0.0.1:8000/v1/accounts/{account}/users/{self.target(wrong)}/two-factor/recovery-codes"
        return await self.caller(wrong).browser.request(
            "PUT" if "method" in wrong else "POST",
            path + ("/none" if "path" in wrong else ""),
            content=content,
            headers={"Content-Type": "text/plain" if "type" in wrong else "application/json"},
        )


@pytest.fixture
async def cast(tenant: Tenant) -> Cast:
    made = Cast(tenant)
    await made.arrange()
    return made


async def test_a_correct_request_succeeds(cast: Cast) -> None:
    assert len(ok(await cast.send(set()), 201)["recovery_codes"]) == 10


@pytest.mark.parametrize("first", NAMES)
async def test_each_check_comes_before_all_later_ones(cast: Cast, first: str) -> None:
    later = NAMES[NAMES.index(first) + 1 :]

    for wrong in ({first}, {first, *later}, *({first, other} for other in later)):
        refused(await cast.send(wrong), *ORDER[first])


async def test_each_not_found_has_its_own_detail(cast: Cast) -> None:
    path = refused(await cast.send({"path", "account"}), 404, "not_found")["detail"]
    account = refused(await cast.send({"account"}), 404, "not_found")["detail"]
    missing = refused(await cast.send({"object"}), 404, "not_found")["detail"]

    assert len({path, account, missing}) == 3


@pytest.mark.parametrize("target", ["none", "0", "%00", SOME_ID[:-1], SOME_ID.replace("-", ""), f"{{{SOME_ID}}}"])
async def test_a_malformed_id_is_not_found_after_the_earlier_checks(
    tenant: Tenant, owner: SimulatedUser, target: str
) -> None:
    path = f"/users/{target}/two-factor/recovery-codes"
    agent = await tenant.signed_in()

    refused(await tenant.browser().post(path, json={"reason": "lost"}), 401, "unauthenticated")
    refused(await agent.browser.post(path, json={"reason": "lost"}), 403, "forbidden")
    refused(await owner.browser.post(path, json={"reason": 5}), 422, "invalid_request")
    refused(await owner.browser.post(path, json={"reason": "lost"}), 404, "not_found")


async def test_every_id_in_a_path_has_one_spelling(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    shown = ok(await person.browser.get("/session"))["session"]["id"]
    digits = shown.replace(shown[0], chr(ord("\uff10") + int(shown[0])), 1)
    for spelling in (
        shown.replace("-", ""),
        f"urn:uuid:{shown}",
        f"{{{shown}}}",
        digits,
        f"{shown}-",
        f" {shown}",
    ):
        refused(await person.browser.delete(f"/users/me/sessions/{spelling}"), 404, "not_found")

    assert (await person.browser.delete(f"/users/me/sessions/{shown.upper()}")).status_code == 204


async def test_an_unexpected_body_is_checked_after_the_caller(tenant: Tenant) -> None:
    agent = await tenant.enrolled()
    tenant.clock.turn(minutes=11)
    body = {"unexpected": True}

    refused(await tenant.browser().put("/users/me/two-factor/turned-on", json=body), 401, "unauthenticated")
    step_up_required(await agent.browser.put("/users/me/two-factor/turned-on", json=body))
    await tenant.step_up(agent)
    refused(await agent.browser.put("/users/me/two-factor/turned-on", json=body), 422, "invalid_request")


async def test_the_query_is_checked_after_the_caller(tenant: Tenant) -> None:
    agent = await tenant.signed_in()
    for query in ("limit=0", "cursor=none"):
        for path in ("/users/me/sessions", "/users/me/trusted-devices"):
            refused(await tenant.browser().get(f"{path}?{query}"), 401, "unauthenticated")
            refused(await agent.browser.get(f"{path}?{query}"), 422, "invalid_request")
    refused(await agent.browser.get("/security-policy/preview?team_members=2"), 403, "forbidden")


async def test_a_wrong_method_is_refused_for_every_caller_and_allow_lists_the_right_ones(tenant: Tenant) -> None:
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONE")
    for path in {call.sent_to for call in CALLS}:
        # `/users/me` is a `/users/{id}` too: its DELETE finds nobody.
        has = {call.method for call in CALLS if re.fullmatch(re.sub(r"{\w+}", "[^/]+", call.path), path)}
        has |= {"HEAD"} if "GET" in has else set()
        for method in set(methods) - has:
            response = await tenant.browser().request(method, path, content=b"{")
            if method == "HEAD":
                assert response.status_code == 405
            else:
                refused(response, 405, "method_not_allowed")
            assert response.headers["allow"] == ", ".join(sorted(has))


async def test_a_slash_at_the_end_is_named_where_it_is_the_only_fault(tenant: Tenant) -> None:
    for path, named in (("/session/", True), ("/users//", False), ("/none/", False), ("/SESSION/", False)):
        detail = refused(await tenant.browser().get(path), 404, "not_found")["detail"]
        assert ("Leave out the slash at its end." in detail) == named, path


async def test_a_path_with_an_extra_slash_is_not_found(tenant: Tenant) -> None:
    for path in ("/session/", "//session", "/users//two-factor", "/SESSION", "/session;x", "/session%2f", ""):
        url = f"http://127.0.0.1:8000/v1/accounts/{tenant.account.slug}{path}"
        refused(await tenant.browser().get(url), 404, "not_found")
