"""A failure is counted even if the client disconnects (docs/api.md section 4)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.account.arrange import Tenant
from tests.support.account.client import ok
from tests.support.account.sign_ins import submit
from tests.support.observe.locks import failures_of, locked
from tests.support.programs.instances import Crowd, Instance


async def send_and_hang_up(instance: Instance, path: str, body: dict[str, Any], *, wait: Awaitable[None]) -> None:
    """Send a complete request on a new connection, `wait`, and close it without reading."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    )
    _, writer = await asyncio.open_connection(instance.host, instance.port)
    writer.write(head.encode() + b"\r\n" + content)
    await writer.drain()
    await wait
    writer.transport.abort()


async def becomes(expected: object, ask: Callable[[], Awaitable[object]]) -> None:
    """Repeat `ask` until it returns `expected`, because the end of a request cannot be observed."""
    found = None
    for _ in range(300):
        found = await ask()
        if found == expected:
            return
        await asyncio.sleep(0.03)
    assert found == expected


async def test_the_failure_of_a_client_that_disconnects_is_counted(
    tenant: Tenant, crowd: Crowd, instances: list[Instance]
) -> None:
    assert crowd  # the instances know the account
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    path = f"/v1/accounts/{tenant.account.slug}/sign-ins/passcode"
    body = {"sign_in_token": token, "passcode": person.authenticator.wrong_passcode()}
    for number in range(5):
        async with locked(tenant, person) as lock:
            waiting = lock.until_waiting()
            await send_and_hang_up(instances[number % 2], path, body, wait=waiting)
        await becomes(number + 1, lambda: failures_of(tenant, person))

    response = await submit(tenant.browser(), token, person.authenticator.passcode())
    assert response.status_code == 429


async def test_the_failure_of_a_canceled_request_is_counted(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    async with locked(tenant, person) as lock:
        request = asyncio.create_task(submit(tenant.browser(), token, person.authenticator.wrong_passcode()))
        await lock.until_waiting()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    await becomes(1, lambda: failures_of(tenant, person))


async def test_the_right_passcode_of_a_client_that_disconnects_is_used(
    tenant: Tenant, crowd: Crowd, instances: list[Instance]
) -> None:
    assert crowd
    person = await tenant.enrolled()
    passcode = person.authenticator.next_passcode()
    path = f"/v1/accounts/{tenant.account.slug}/sign-ins/passcode"
    body = {"sign_in_token": await tenant.asked(person), "passcode": passcode}
    async with locked(tenant, person) as lock:
        await send_and_hang_up(instances[0], path, body, wait=lock.until_waiting())

    async def sessions() -> int:
        return len(ok(await person.browser.get("/users/me/sessions"))["items"])

    await becomes(2, sessions)  # this one and the one of the enrollment
    response = await submit(tenant.browser(), await tenant.asked(person), passcode)
    assert (response.status_code, response.json()["code"]) == (401, "passcode_already_used")


async def test_a_passcode_that_times_out_is_neither_used_nor_counted(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    token, passcode = await tenant.asked(person), person.authenticator.next_passcode()
    async with locked(tenant, person):
        response: httpx.Response = await submit(tenant.browser(), token, passcode)

    assert response.status_code == 503
    assert response.json()["code"] == "unavailable"
    assert int(response.headers["retry-after"]) >= 1
    assert await failures_of(tenant, person) == 0
    ok(await submit(tenant.browser(), token, passcode), 201)
