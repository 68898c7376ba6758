"""The form of an `Idempotency-Key`: a string in double quotes, which may be left out."""

import pytest

from app.core.errors import InvalidRequest
from app.idempotency.rules import digest_content, digest_key, parse_key
from tests.idempotency.calls import api_token
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused

GOOD = ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "x" * 128, "a.b_c~d:e-f"]
BAD = [
    "",
    '""',
    '"a',
    'a"',
    "'a'",
    '"a";b=1',
    '"a", "b"',
    "a b",
    '"a b"',
    '"a\\""',
    "x" * 129,
    f'"{"x" * 129}"',
    "x" * 60_000,
    "\u00e9",
    "\uff11",
    "a\n",
]


@pytest.mark.parametrize("key", GOOD)
def test_a_key_is_the_same_with_and_without_quotes(key: str) -> None:
    assert parse_key([key]) == parse_key([f'"{key}"']) == key


@pytest.mark.parametrize("sent", BAD, ids=lambda sent: repr(sent)[:20])
def test_anything_else_is_no_key(sent: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_key([sent])


def test_there_is_one_key_or_none() -> None:
    assert parse_key([]) is None
    with pytest.raises(InvalidRequest):
        parse_key(["a", "a"])


@pytest.mark.parametrize("sent", ["", '"a b"', "x" * 60_000, "'a'"], ids=lambda sent: repr(sent)[:20])
async def test_a_malformed_key_is_refused_with_the_form_and_without_an_echo(tenant: Tenant, sent: str) -> None:
    call = await api_token(tenant)

    response = await call.send(key=sent or '""')

    problem = refused(response, 422, "invalid_request")
    assert "1 to 128" in problem["detail"]
    assert not sent or sent not in response.text
    assert await call.times_done() == 0


async def test_two_keys_are_refused(tenant: Tenant) -> None:
    call = await api_token(tenant)
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    headers = [("Authorization", f"Bearer {call.client.token}"), *keys]

    response = await call.client.http.post(call.path, json=call.body, headers=headers)

    refused(response, 422, "invalid_request")
    assert await call.times_done() == 0


async def test_a_key_is_checked_after_the_caller(tenant: Tenant) -> None:
    call = await api_token(tenant)

    refused(await call.send(tenant.browser(), key="'bad'"), 401, "unauthenticated")
    agent = await tenant.signed_in()
    refused(await call.send(agent.browser, key="'bad'"), 403, "forbidden")


async def test_quotes_do_not_make_another_key(tenant: Tenant) -> None:
    call = await api_token(tenant)
    first = ok(await call.send(key='"the-key"'), 201)

    assert ok(await call.send(key="the-key"), 201) == first


def test_digests_differ_for_what_differs() -> None:
    contents = [
        digest_content(*content)
        for content in (
            ("POST", "/a", {}),
            ("PUT", "/a", {}),
            ("POST", "/b", {}),
            ("POST", "/a", {"a": 1}),
            ("POST", "/a", {"a": "1"}),
            ("POST", "/a", {"a": [1]}),
            ("POST", "/a", None),
        )
    ]
    keys = [digest_key("session 1", "a"), digest_key("session 2", "a"), digest_key("session 1", "b")]

    assert len(set(contents + keys)) == len(contents + keys)
    assert digest_content("POST", "/a", {"a": 1, "b": 2}) == digest_content("POST", "/a", {"b": 2, "a": 1})
