"""Pages of other origins (CORS): what they may send and read, and how a browser is refused."""

from collections.abc import MutableMapping
from typing import Any

import httpx
from structlog.testing import capture_logs

from tests.support.account.arrange import Tenant
from tests.support.account.client import Client, refused
from tests.support.account.variants import with_settings

APP, OTHER = "https://app.example.com", "https://evil.example.com"


async def preflight(browser: Client, origin: str = APP, method: str = "POST", headers: str = "") -> httpx.Response:
    """Ask as a browser does before a page's call."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    asked |= {"Access-Control-Request-Headers": headers} if headers else {}
    return await browser.request("OPTIONS", "/sign-ins", headers=asked)


async def refused_and_logged(browser: Client, **asked: str) -> tuple[str, MutableMapping[str, Any]]:
    """Assert that the preflight is refused as a problem; return its detail and the log line."""
    with capture_logs() as log:
        response = await preflight(browser, **asked)
    problem = refused(response, 403, "origin_not_allowed")
    for sent in asked.values():
        assert sent not in response.text
    [line] = [line for line in log if line["event"] == "cors_refused"]
    assert line["log_level"] == "warning"
    return problem["detail"], line


async def test_a_page_may_send_trace_headers_and_read_file_names(tenant: Tenant) -> None:
    browser = with_settings(tenant, cors_origins=(APP,)).browser()

    for headers in ("traceparent", "tracestate", "authorization,content-type,if-match,x-request-id"):
        response = await preflight(browser, headers=headers)
        assert response.status_code == 200
        allowed = response.headers["access-control-allow-headers"].lower().split(", ")
        assert set(headers.split(",")) <= set(allowed)
    exposed = (await browser.get("/session", headers={"Origin": APP})).headers["access-control-expose-headers"]
    assert {"Content-Disposition", "Retry-After", "Location", "ETag"} <= set(exposed.split(", "))


async def test_each_method_of_the_api_is_allowed(tenant: Tenant) -> None:
    browser = with_settings(tenant, cors_origins=(APP,)).browser()

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        assert (await preflight(browser, method=method)).status_code == 200


async def test_another_origin_is_refused_as_a_problem_and_logged(tenant: Tenant) -> None:
    browser = with_settings(tenant, cors_origins=(APP,)).browser()

    detail, line = await refused_and_logged(browser, origin=OTHER)

    assert "PASSGATE_CORS_ORIGINS" in detail
    assert (line["origin"], line["is_origin_allowed"]) == (OTHER, False)
    response = await preflight(browser, OTHER)
    assert "access-control-allow-origin" not in response.headers


async def test_without_the_setting_every_origin_is_refused_and_logged(tenant: Tenant) -> None:
    _, line = await refused_and_logged(tenant.browser(), origin=APP)

    assert line["origin"] == APP
    answer = await tenant.browser().get("/session", headers={"Origin": APP})
    assert not [name for name in answer.headers if name.startswith("access-control-") or name == "vary"]


async def test_another_method_or_header_is_refused_with_the_allowed_ones(tenant: Tenant) -> None:
    browser = with_settings(tenant, cors_origins=(APP,)).browser()

    for asked in ({"method": "TRACK"}, {"headers": "x-other"}, {"headers": "authorization,x-other"}):
        detail, line = await refused_and_logged(browser, **asked)
        assert "PATCH" in detail
        assert "traceparent" in detail
        assert line["is_origin_allowed"] is True
    response = await preflight(browser, headers="x-other")
    assert response.headers["access-control-allow-origin"] == APP  # so that the page's console shows the problem


async def test_a_giant_origin_is_cut_in_the_log(tenant: Tenant) -> None:
    _, line = await refused_and_logged(tenant.browser(), origin="https://" + "x" * 60_000)

    assert len(line["origin"]) == 256
