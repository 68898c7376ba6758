"""Equal requests with one `Idempotency-Key` at once, through two instances: one of them acts."""

import asyncio
import uuid

import httpx
import pytest

from tests.idempotency.calls import Arrange, api_token, confirmation_at_sign_in, each_call, my_recovery_codes
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.observe.locks import locked
from tests.support.programs.instances import Crowd, outcomes

AT_ONCE = 12


@each_call
async def test_equal_requests_at_once_are_done_once(tenant: Tenant, crowd: Crowd, arrange: Arrange) -> None:
    call = await arrange(tenant)
    headers = {"Idempotency-Key": call.key}
    authorization = call.client.http.headers.get("Authorization")
    if authorization or call.client.token:
        headers["Authorization"] = authorization or f"Bearer {call.client.token}"

    async def send() -> httpx.Response:
        return await crowd.request("POST", call.path, json=call.body, headers=headers)

    responses = await asyncio.gather(*(send() for _ in range(AT_ONCE)))

    said = outcomes(responses)
    answers = [response.json() for response in responses if response.is_success]
    assert 1 <= len(answers) <= 2  # the second one was read back
    assert all(answer == answers[0] for answer in answers)
    assert set(said) <= {"201", "complete", "active", "request_in_progress", "answer_gone"}, said
    assert await call.times_done() == 1


@pytest.mark.parametrize("arrange", [my_recovery_codes, api_token, confirmation_at_sign_in])
async def test_while_the_first_is_in_flight_the_second_is_told_to_wait(tenant: Tenant, arrange: Arrange) -> None:
    call = await arrange(tenant)
    async with locked(tenant, call.person) as lock:
        first = asyncio.create_task(call.send())
        await lock.until_waiting()

        for _ in range(2):
            refused(await call.send(), 409, "request_in_progress")
        assert not first.done()

    done = ok(await first, 201)
    assert ok(await call.send(), 201) == done
    assert await call.times_done() == 1


async def test_another_key_does_not_have_to_wait(tenant: Tenant) -> None:
    call, other = await api_token(tenant), await api_token(tenant)
    async with locked(tenant, call.person) as lock:
        first = asyncio.create_task(call.send())
        await lock.until_waiting()

        ok(await other.send(key=call.key), 201)  # the same key of another caller

    ok(await first, 201)


async def test_many_keys_at_once_make_as_many_tokens(tenant: Tenant, crowd: Crowd) -> None:
    call = await api_token(tenant)

    async def send() -> httpx.Response:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return await crowd.request("POST", call.path, json=call.body, headers=headers, token=call.client.token)

    responses = await asyncio.gather(*(send() for _ in range(AT_ONCE)))

    assert len({ok(response, 201)["token"] for response in responses}) == AT_ONCE
    assert await call.times_done() == AT_ONCE
