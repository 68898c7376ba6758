"""Malformed and ambiguous JSON bodies are refused before all other checks of the call."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from app.core.callers import Role
from app.web import bodies
from tests.support.account.arrange import Tenant
from tests.support.account.client import Client, ok, refused
from tests.web.route_table import CALLS, WITH_BODY, WITHOUT_BODY, Call

MARKER = "mArKeR"
LIMIT = 64 * 1024

each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
each_call_with_body = pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: call.name)
each_call_without_body = pytest.mark.parametrize("call", WITHOUT_BODY, ids=lambda call: call.name)

MERGE_PATCH = "application/merge-patch+json"  # RFC 7396

OTHER_TYPES = (
    "",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonx",
    "application/problem+json",
    MERGE_PATCH,
    "application/merge-patch+json; charset=latin-1",
    "application/json, text/plain",
    "application",
    "json",
    "/",
    ";",
    f"application/{MARKER}",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    'application/json; charset="utf-7"',
    f"application/json; charset={MARKER}",
    "application/json; charset*=utf-16''utf-8",
    "application/json; charset=",
)

SAME_TYPE = (
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
    "application/json; version=1",
)

MALFORMED = {
    "broken UTF-8": b'{"email": "mArKeR\xff"}',
    "overlong UTF-8": b'{"email": "mArKeR\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"email": "mArKeR\xed\xa0\x80"}',
    "cut UTF-8": b'{"email": "mArKeR\xe2\x82',
    "UTF-16": '{"email": "mArKeR"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"email": "mArKeR"}'.encode("utf-16-le"),
    "UTF-32": '{"email": "mArKeR"}'.encode("utf-32"),
    "a byte order mark": '{"email": "mArKeR"}'.encode("utf-8-sig"),
    "NaN": b'{"email": "mArKeR", "n": NaN}',
    "Infinity": b'{"email": "mArKeR", "n": Infinity}',
    "minus Infinity": b'{"email": "mArKeR", "n": [-Infinity]}',
    "an escaped NUL": b'{"email": "mArKeR\\u0000"}',
    "an escaped NUL in a key": b'{"mArKeR\\u0000": 1}',
    "an escaped NUL deep down": b'{"email": [{"a": ["mArKeR\\u0000"]}]}',
    "a raw NUL": b'{"email": "mArKeR\x00"}',
    "a NUL behind the end": b'{"email": "mArKeR"}\x00',
    "a lone high surrogate": b'{"email": "mArKeR\\ud800"}',
    "a lone low surrogate": b'{"email": "mArKeR\\udc00"}',
    "surrogates the wrong way round": b'{"email": "mArKeR\\udc00\\ud800"}',
    "a lone surrogate in a key": b'{"mArKeR\\ud800": 1}',
    "a raw line break in a text": b'{"email": "mArKeR\n"}',
    "deep arrays": b"[" * 60_000,
    "deep arrays that end": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"a":' * 12_000,
    "deep objects that end": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a key twice": b'{"mArKeR": 1, "mArKeR": 2}',
    "a key twice in other letters": b'{"mArKeR": 1, "\\u006dArKeR": 2}',
    "a key twice deep down": b'{"email": [{"b": {"mArKeR": 1, "mArKeR": 1}}]}',
    "an integer of 5,000 digits": b'{"email": ' + b"9" * 5000 + b"}",
    "a negative integer of 60,000 digits": b'{"email": -' + b"9" * 60_000 + b"}",
    "two documents": b'{"email": "mArKeR"} {}',
    "nothing but spaces": b"   ",
    "single quotes": b"{'email': 'mArKeR'}",
    "a comment": b'{"email": "mArKeR"} // or not',
    "a trailing comma": b'{"email": "mArKeR",}',
    "no end": b'{"email": "mArKeR"',
    "a form": b"email=mArKeR&password=mArKeR",
    "no JSON at all": b"mArKeR",
    "a leading zero": b'{"email": 012}',
    "a hexadecimal number": b'{"email": 0x12}',
}


async def send(
    browser: Client, call: Call, content: object, content_type: str = "application/json"
) -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await browser.request(call.method, call.sent_to, content=content, headers=headers)
    assert MARKER not in response.text
    assert MARKER not in str(response.headers)
    return response


async def in_chunks(content: bytes, size: int = 8192) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@each_call
async def test_another_content_type_is_refused(tenant: Tenant, call: Call) -> None:
    for content_type in OTHER_TYPES:
        if call.method == "PATCH" and content_type == MERGE_PATCH:
            continue
        refused(
            await send(tenant.browser(), call, b'{"email": "mArKeR"}', content_type), 415, "unsupported_media_type"
        )


@each_call
async def test_an_equivalent_content_type_is_accepted(tenant: Tenant, call: Call) -> None:
    for content_type in (*SAME_TYPE, *([MERGE_PATCH] if call.method == "PATCH" else [])):
        response = await send(tenant.browser(), call, b"{}", content_type)
        public_answer = call.answer[0] if call.body is None else 422
        assert response.status_code == (401 if call.roles else public_answer)


@each_call
async def test_a_body_over_64_kib_is_too_large_whoever_sends_it(tenant: Tenant, call: Call) -> None:
    too_large = b'{"email": "' + b"mArKeR" * 12_000
    too_large = too_large[: LIMIT - 1] + b'"}'
    assert len(too_large) == LIMIT + 1

    refused(await send(tenant.browser(), call, too_large), 413, "too_large")
    refused(await send(tenant.browser(), call, in_chunks(too_large)), 413, "too_large")


@each_call_with_body
async def test_a_body_of_exactly_64_kib_is_read(tenant: Tenant, call: Call) -> None:
    content = b"{" + b" " * (LIMIT - 2) + b"}"
    for sent in (content, in_chunks(content)):
        response = await send(tenant.browser(), call, sent)
        assert response.status_code == (401 if call.roles else 422)


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_body_is_refused_by_every_call(tenant: Tenant, content: bytes) -> None:
    for call in CALLS:
        problem = refused(await send(tenant.browser(), call, content), 422, "invalid_request")
        assert problem["errors"] == []


@each_call_without_body
async def test_a_call_that_takes_no_body_refuses_one(tenant: Tenant, call: Call) -> None:
    caller = await tenant.signed_in(min(call.roles, default=Role.AGENT))
    for content in (b'{"mArKeR": 1}', b"[]", b"[{}]", b'""', b'"mArKeR"', b"0", b"1", b"true", b"false", b"null"):
        problem = refused(await send(caller.browser, call, content), 422, "invalid_request")
        assert "takes no body" in problem["detail"]


@each_call_without_body
async def test_a_call_that_takes_no_body_takes_an_empty_object(tenant: Tenant, call: Call) -> None:
    for content in (b"{}", b" { } ", in_chunks(b"{}"), in_chunks(b""), b""):
        caller = await tenant.signed_in(min(call.roles, default=Role.AGENT))
        response = await send(caller.browser, call, content)
        assert response.status_code == call.answer[0], response.text


async def test_a_body_that_stalls_times_out(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stall() -> AsyncIterator[bytes]:
        yield b'{"email": "mArKeR'
        await asyncio.Event().wait()

    monkeypatch.setattr(bodies, "_READ_SECONDS", 0.2)
    monkeypatch.setattr(bodies, "_DRAINED_SECONDS", 0.2)
    for path, status in (("/sign-ins", 422), ("/none", 404)):
        headers = {"Content-Type": "application/json"}
        async with asyncio.timeout(5):
            response = await tenant.browser().post(path, content=stall(), headers=headers)
        assert response.status_code == status
        assert MARKER not in response.text


async def test_json_with_escapes_and_whitespace_is_accepted(tenant: Tenant) -> None:
    person = await tenant.person()
    email = person.user.email.replace("@", "\\u0040")
    content = f' {{ "password" : "a long enough\\u0020password" ,\r\n\t"email":"{email}" }} '
    headers = {"Content-Type": "application/json"}

    ok(await person.browser.post("/sign-ins", content=content, headers=headers), 201)


async def test_a_pair_of_surrogates_is_a_character(tenant: Tenant) -> None:
    admin = await tenant.signed_in()
    content = b'{"kind": "totp", "label": "\\ud83d\\udd11"}'
    response = await admin.browser.post(
        "/users/me/two-factor/enrollments", content=content, headers={"Content-Type": "application/json"}
    )

    ok(response, 201)
