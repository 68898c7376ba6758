"""Slow values of 60 KB cost no more than short ones, in every field and header.

The tests measure the CPU time of the service, so that other load on the machine changes nothing.
"""

import asyncio
import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.fields import input_fields
from tests.support.account.client import ok
from tests.support.programs.serving import Serving, serving

# Combining marks in non-canonical order: NFC takes more than a second to sort 30,000 of them.
MARKS = "\u0327\u0301" * 15_000
ENCODED_MARKS = "\u0327\u0301" * 5_000  # each mark takes six characters in a path
TIMES = 3
ACCOUNT = "/v1/accounts/demo"
MORE_SECONDS = 0.5
"""How much more CPU time `TIMES` requests with a long value may take than with a short one."""

HEADERS: dict[str, str] = {
    "basic name": "Basic " + base64.b64encode(f"{MARKS[:22_000]}:x".encode()).decode(),
    "basic name of a token": "Basic " + base64.b64encode(f"{MARKS[:22_000]}/token:pgt_x".encode()).decode(),
    "basic password": "Basic " + base64.b64encode(f"a@b.example:{MARKS[:22_000]}".encode()).decode(),
    "basic without a colon": "Basic " + "A" * 60_000,
    "bearer": "Bearer " + "A" * 60_000,
    "cookie": 'passgate_sso="' + "\\" * 60_000 + '"',
    "another cookie": 'a="' + "\\a" * 30_000 + '"',
    "cookies": "a=b;" * 15_000,
    "content type": 'application/json; a="' + ";" * 60_000,
    "content types": "application/json" + ";" * 60_000,
    "if match": '"1",' * 15_000,
    "idempotency key": '"' + "a" * 60_000 + '"',
    "request id": "a" * 60_000,
    "user agent": "Mozilla/5.0 (" * 4_000,
    "forwarded for": "fe80::1%" + "a" * 60_000,
    "forwarded by many": "192.0.2.1," * 5_000,
    "origin": "https://" + "a" * 60_000,
    "accept": "a/b," * 15_000,
    "host": "a" * 60_000,
    "trace": "00-" + "a" * 60_000,
}
NAMES = {
    "basic": "Authorization",
    "bearer": "Authorization",
    "cookie": "Cookie",
    "another": "Cookie",
    "cookies": "Cookie",
    "content": "Content-Type",
    "if": "If-Match",
    "idempotency": "Idempotency-Key",
    "request": "X-Request-ID",
    "user": "User-Agent",
    "forwarded": "X-Forwarded-For",
    "origin": "Origin",
    "accept": "Accept",
    "host": "Host",
    "trace": "traceparent",
}


class Measured:
    """A service, a client signed in as its owner, and the CPU time of requests."""

    def __init__(self, service: Serving) -> None:
        self._statistics = Path(f"/proc/{service.process.pid}/stat")
        self.http = httpx.Client(base_url=service.url, trust_env=False, timeout=60)
        body = {"email": "owner@demo.example", "password": service.owner_password}
        answer = ok(self.http.post(f"{ACCOUNT}/sign-ins", json=body), 201)
        self.http.headers["Authorization"] = f"Bearer {answer['session']['token']}"

    def seconds(self, method: str, path: str, **arguments: Any) -> float:
        """Return the service's CPU time for `TIMES` requests; any response except 500 is accepted."""
        before = self._processor_seconds()
        for _ in range(TIMES):
            response = self.http.request(method, path, **arguments)
            assert response.status_code != 500, (method, path)
        return self._processor_seconds() - before

    def _processor_seconds(self) -> float:
        fields = self._statistics.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    settings = {"PASSGATE_TRUSTED_PROXY_HOPS": "1", "PASSGATE_PASSWORD_LIMITS": "999999/60,999999/60,999999/60"}
    with serving(tmp_path_factory.mktemp("long") / "data", "--no-jobs", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def measured(service: Serving) -> Iterator[Measured]:
    made = Measured(service)
    ok(made.http.patch(f"{ACCOUNT}/security-policy", json={"api_password_access": True}))
    yield made
    made.http.close()


def test_a_long_value_costs_no_more_than_a_short_one_in_every_field(measured: Measured) -> None:
    found = list(input_fields(ok(measured.http.get("/openapi.json"))))
    assert len(found) > 100
    slow = {}
    for field in found:
        text = ENCODED_MARKS if field.where in {"path", "query"} else MARKS
        requests = [field.request(value, account="demo") for value in ("x", text)]
        short, long = (measured.seconds(method, path, **arguments) for method, path, arguments in requests)
        if long > short + MORE_SECONDS:
            slow[f"{field.method} {field.path} {field.where} {field.name}"] = (short, long)

    assert slow == {}
    # The session is still valid, so no request was refused for lack of one.
    ok(measured.http.get(f"{ACCOUNT}/session"))


@pytest.mark.parametrize("header", HEADERS)
def test_a_long_header_costs_no_more_than_a_short_one(measured: Measured, header: str) -> None:
    for method, path in (
        ("GET", f"{ACCOUNT}/session"),
        ("GET", "/healthz"),
        ("PATCH", f"{ACCOUNT}/security-policy"),
        ("POST", f"{ACCOUNT}/api-tokens"),
        ("GET", f"{ACCOUNT}/sso/none/callback"),
    ):
        arguments: dict[str, Any] = {"content": b"{}"} if method == "PATCH" else {}
        name = NAMES[header.split(maxsplit=1)[0]]
        short = measured.seconds(method, path, headers={name: HEADERS[header][:40]}, **arguments)

        assert measured.seconds(method, path, headers={name: HEADERS[header]}, **arguments) < short + MORE_SECONDS


@pytest.mark.parametrize("header", ["basic name", "basic password", "cookie", "content type"])
async def test_the_service_answers_others_while_it_refuses_long_values(service: Serving, header: str) -> None:
    headers = {NAMES[header.split(maxsplit=1)[0]]: HEADERS[header]}
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=60) as http:
        nonces = [http.post(f"{ACCOUNT}/sign-ins/oidc/nonces", headers=headers, content=b"{}") for _ in range(3)]
        sessions = [http.get(f"{ACCOUNT}/session", headers=headers) for _ in range(3)]
        floods = asyncio.gather(*nonces, *sessions)
        await asyncio.sleep(0.01)
        begun_at = time.monotonic()
        ok(await http.get("/healthz"))
        taken = time.monotonic() - begun_at
        await floods

    assert taken < 1
