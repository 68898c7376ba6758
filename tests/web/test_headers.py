"""Headers of every answer: no sniffing, no caching, no referrer, and the request id."""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.core.settings import PasswordLimits
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, client_of, ok, refused
from tests.support.account.variants import over_https, variant, with_settings

ROOT = "http://127.0.0.1:8000"
MADE_HERE = re.compile(r"[0-9a-f]{32}")

# Each kind of answer: method, path, arguments of the request, and status.
ANSWERS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "success": ("GET", "/session", {}, 200),
    "no content": ("DELETE", "/users/me/sessions", {}, 204),
    "created": ("POST", "/users/me/two-factor/enrollments", {"json": {"kind": "totp"}}, 201),
    "unauthenticated": ("GET", "/session", {"headers": {"Authorization": "Bearer none"}}, 401),
    "wrong password": ("POST", "/sign-ins", {"json": {"email": "a@b.example", "password": "x"}}, 401),
    "missing object": ("DELETE", "/users/me/sessions/none", {}, 404),
    "missing path": ("GET", "/none", {}, 404),
    "missing account": ("GET", f"{ROOT}/v1/accounts/none/session", {}, 404),
    "missing path at the root": ("GET", f"{ROOT}/none", {}, 404),
    "another method": ("PUT", "/session", {}, 405),
    "state": ("POST", "/users/me/two-factor/recovery-codes", {}, 409),
    "too large": (
        "POST",
        "/sign-ins",
        {"content": b"x" * 70_000, "headers": {"Content-Type": "application/json"}},
        413,
    ),
    "another type": ("POST", "/sign-ins", {"content": b"x"}, 415),
    "bad fields": ("POST", "/sign-ins", {"json": {}}, 422),
    "forbidden": ("DELETE", "/users/none/two-factor", {}, 403),
    "stale tag": ("PATCH", "/security-policy", {"json": {}, "headers": {"If-Match": '"0"'}}, 412),
    "health": ("GET", f"{ROOT}/healthz", {}, 200),
    "readiness": ("GET", f"{ROOT}/readyz", {}, 200),
    "openapi": ("GET", f"{ROOT}/openapi.json", {}, 200),
    "health by another method": ("POST", f"{ROOT}/healthz", {}, 405),
}
CACHEABLE = {"health", "readiness", "openapi", "health by another method"}
each_answer = pytest.mark.parametrize(("name", "answer"), ANSWERS.items(), ids=ANSWERS)


async def get(browser: Client, answer: tuple[str, str, dict[str, Any], int], **headers: str) -> httpx.Response:
    method, path, arguments, status = answer
    arguments = {**arguments, "headers": {**arguments.get("headers", {}), **headers}}
    response = await browser.request(method, path, **arguments)
    assert response.status_code == status, response.text
    return response


class _Stopped:
    """A clock that raises."""

    def now(self) -> datetime:
        raise RuntimeError("mArKeR: SELECT secret FROM users")


@contextmanager
def broken(tenant: Tenant) -> Iterator[tuple[Client, list[MutableMapping[str, Any]]]]:
    """Yield a browser at a service in which every call raises, and the service's log."""
    again = variant(tenant, clock=_Stopped())
    with capture_logs([merge_contextvars]) as log:
        yield again.browser(), log


@each_answer
async def test_every_answer_is_safe_from_sniffing_caching_and_referring(
    owner: SimulatedUser, name: str, answer: tuple[str, str, dict[str, Any], int]
) -> None:
    headers = (await get(owner.browser, answer)).headers

    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("referrer-policy") == ["no-referrer"]
    assert headers.get_list("cache-control") == ([] if name in CACHEABLE else ["no-store"])
    assert "strict-transport-security" not in headers
    assert not {"server", "x-powered-by", "date", "set-cookie"} & set(headers)


@each_answer
async def test_every_answer_returns_the_request_id(
    owner: SimulatedUser, name: str, answer: tuple[str, str, dict[str, Any], int]
) -> None:
    given = f"of-{name.replace(' ', '-')}"

    response = await get(owner.browser, answer, **{"X-Request-ID": given})

    assert response.headers.get_list("x-request-id") == [given]


async def test_a_request_id_that_could_harm_a_log_is_replaced(tenant: Tenant) -> None:
    browser = tenant.browser()
    for given in ("a", "0-9._-aZ", "x" * 128):
        response = await browser.get("/session", headers={"X-Request-ID": given})
        assert response.headers["x-request-id"] == given
    for given in ("", "a b", "a/b", "a\tb", "x" * 129, "<script>", "a,b", "a:b", '"a"', "a\x1b"):
        response = await browser.get("/session", headers={"X-Request-ID": given})
        assert MADE_HERE.fullmatch(response.headers["x-request-id"]), given
    ids = {(await browser.get("/session")).headers["x-request-id"] for _ in range(10)}
    assert len(ids) == 10


async def test_an_internal_error_has_the_usual_headers_and_reveals_nothing(tenant: Tenant) -> None:
    with broken(tenant) as (browser, log):
        response = await browser.get("/session", headers={"X-Request-ID": "the-one"})

    problem = refused(response, 500, "internal_error")
    assert set(problem) == {"type", "title", "status", "code", "detail"}
    assert "mArKeR" not in response.text
    assert "SELECT" not in response.text
    assert response.headers["x-request-id"] == "the-one"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert [(entry["event"], entry["request_id"]) for entry in log] == [
        ("fault", "the-one"),
        ("request", "the-one"),
    ]


async def test_an_internal_error_does_not_affect_later_requests(tenant: Tenant) -> None:
    with broken(tenant) as (browser, _):
        for _ in range(3):
            refused(await browser.get("/session"), 500, "internal_error")
            assert ok(await browser.get(f"{ROOT}/healthz")) == {"status": "ok"}


async def test_hsts_is_sent_only_behind_https(tenant: Tenant) -> None:
    secured, _ = over_https(tenant)
    browser = client_of(secured.app, tenant.account.slug, base_url=ROOT)
    for path in ("/session", f"{ROOT}/healthz", f"{ROOT}/none", f"{ROOT}/openapi.json"):
        found = (await browser.get(path)).headers.get_list("strict-transport-security")
        assert len(found) == 1
        seconds = re.match(r"max-age=([0-9]+)", found[0])
        assert seconds
        assert int(seconds[1]) >= 365 * 86_400
    with broken(secured) as (browser, _):
        response = await browser.get("/session")
    refused(response, 500, "internal_error")
    assert "strict-transport-security" in response.headers


async def test_a_path_that_only_resembles_a_cacheable_one_is_not_cached(tenant: Tenant) -> None:
    for path in (
        "/healthzz",
        "/docs",
        "/metrics/x",
        "/.well-known/none",
        "/readyz/",
        "/problems",
        "/openapi.json/",
    ):
        response = await tenant.browser().get(f"{ROOT}{path}")
        assert response.headers["cache-control"] == "no-store", path


async def test_a_rate_limited_answer_has_retry_after_in_whole_seconds(tenant: Tenant) -> None:
    limited = variant(tenant, password_limits=PasswordLimits("1/600,100/600,100/3600"))
    person = await tenant.person()
    browser = limited.browser()
    body = {"email": person.user.email, "password": "wrong"}
    refused(await browser.post("/sign-ins", json=body), 401, "invalid_credentials")
    response = await browser.post("/sign-ins", json=body)

    refused(response, 429, "too_many_requests")
    assert re.fullmatch("[1-9][0-9]*", response.headers["retry-after"])


async def test_cors_allows_only_the_configured_origins(tenant: Tenant) -> None:
    allowed, other = "https://app.example.com", "https://evil.example.com"
    shared = with_settings(tenant, cors_origins=(allowed,))
    for browser, origin, expected in (
        (shared.browser(), allowed, allowed),
        (shared.browser(), other, None),
        (shared.browser(), "null", None),
        (shared.browser(), f"{allowed}.evil.example", None),
        (tenant.browser(), allowed, None),
    ):
        answer = await browser.get("/session", headers={"Origin": origin})
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = await browser.request("OPTIONS", "/sign-ins", headers=asked)
        for response in (answer, preflight):
            assert response.headers.get("access-control-allow-origin") == expected
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["cache-control"] == "no-store"
        asked["Access-Control-Request-Headers"] = "Idempotency-Key, If-Match"
        assert (await browser.request("OPTIONS", "/sign-ins", headers=asked)).is_success == bool(expected)
        if expected:
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
