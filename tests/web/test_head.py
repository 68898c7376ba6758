"""HEAD is answered as GET, without the content, and without effects of its own."""

import re

import pytest
from structlog.testing import capture_logs

from app.core.callers import Role
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok
from tests.web.route_table import CALLS, ROOT, SOME_ID, Call

HOST = "http://127.0.0.1:8000"
READS = [call for call in CALLS if call.method == "GET"]
VARYING = {"x-request-id", "date"}


@pytest.mark.parametrize("call", READS, ids=lambda call: call.path)
async def test_head_has_the_status_and_headers_of_get(tenant: Tenant, call: Call) -> None:
    role = next(iter(sorted(call.roles & {Role.OWNER}))) if call.roles else Role.OWNER
    person = await tenant.signed_in(role)
    for browser in (person.browser, tenant.browser()):
        got = await browser.get(call.sent_to)
        head = await browser.request("HEAD", call.sent_to)

        assert head.status_code == got.status_code != 405
        assert head.content == b""
        for name in set(got.headers) - VARYING:
            assert head.headers[name] == got.headers[name]


async def test_head_at_the_root(tenant: Tenant) -> None:
    for call in ROOT:
        method, path = call.split(" ")
        if method == "GET":
            address = HOST + re.sub("{.*?}", "x", path).replace("page.x", "page.css")
            # Uncompressed, because the client changes the length of what it decompresses.
            plain = {"Accept-Encoding": "identity"}
            got, head = [
                await tenant.browser().request(method, address, headers=plain) for method in ("GET", "HEAD")
            ]
            assert head.status_code == got.status_code != 405, path
            assert (head.content, head.headers.get("content-length")) == (b"", got.headers.get("content-length"))


async def test_head_is_logged_as_head_with_its_route(tenant: Tenant) -> None:
    with capture_logs() as log:
        await tenant.browser().request("HEAD", f"/users/{SOME_ID}")

    [line] = [line for line in log if line["event"] == "request"]
    assert (line["method"], line["route"]) == ("HEAD", "/v1/accounts/{account}/users/{user_id}")


async def test_head_where_there_is_no_get_is_refused(tenant: Tenant) -> None:
    for path in ("/sign-ins", "/session/step-up", "/ownership"):
        response = await tenant.browser().request("HEAD", path)
        assert (response.status_code, response.content, response.headers["allow"]) == (405, b"", "POST")


async def test_head_without_the_right_reads_nothing(tenant: Tenant) -> None:
    agent = await tenant.signed_in(Role.AGENT)

    assert (await agent.browser.request("HEAD", "/audit-events")).status_code == 403
    ok(await agent.browser.get("/session"))
