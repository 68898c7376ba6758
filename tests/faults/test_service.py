"""The service terminated, killed, restarted, flooded, and on machines whose clocks differ."""

import asyncio
import signal
from collections import Counter
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.services import make_services
from tests.faults.cluster import in_time
from tests.support.account.arrange import Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import Client, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.sign_ins import submit
from tests.support.account.variants import variant
from tests.support.observe.jobs import eventually
from tests.support.programs.serving import Serving, serving

MOST_MEMORY_KB = 600_000
ESTABLISHED = "01"  # as written in /proc/net/tcp
NO_LIMITS = "100000/600,100000/600,100000/600"


class Ahead:
    """A clock that is 20 seconds fast."""

    def __init__(self, clock: TurnableClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=20)


async def guess(service: Serving, count: int) -> list[httpx.Response]:
    """Send wrong passwords of `count` users at once, each on its own connection, from 256 IPs."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as http:
        url = f"{service.url}/v1/accounts/demo/sign-ins"

        def wrong(number: int) -> Coroutine[Any, Any, httpx.Response]:
            body = {"email": f"{number}@example.com", "password": "wrong"}
            return http.post(url, json=body, headers={"X-Forwarded-For": f"198.51.100.{number % 256}"})

        return await asyncio.gather(*map(wrong, range(count)))


def most_memory_kb(service: Serving) -> int:
    """Return the peak resident memory of the process."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    [most] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(most)


def accepted(service: Serving) -> int:
    """Return the number of accepted connections; one still in the listen queue has no inode."""
    port = f":{service.port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(port) and line[3] == ESTABLISHED and line[9] != "0" for line in lines)


async def test_on_sigterm_the_service_answers_every_request_that_it_accepted(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers", "2", "--no-jobs", PASSGATE_TRUSTED_PROXY_HOPS="1") as service:
        flight = asyncio.create_task(guess(service, 60))

        async def all_accepted() -> bool:
            return accepted(service) == 60

        await eventually(all_accepted, 5)  # 60 hashes take longer
        service.process.send_signal(signal.SIGTERM)

        assert Counter(response.status_code for response in await flight) == {401: 60}


async def test_every_session_that_a_killed_service_returned_still_works(tmp_path: Path) -> None:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        with serving(tmp_path / "data", "--no-jobs", PASSGATE_PASSWORD_LIMITS=NO_LIMITS) as service:
            sign_ins = f"{service.url}/v1/accounts/demo/sign-ins"
            body = {"email": "owner@demo.example", "password": service.owner_password}
            flight = [asyncio.create_task(http.post(sign_ins, json=body)) for _ in range(40)]
            await asyncio.wait(flight, return_when=asyncio.FIRST_COMPLETED)
            service.process.kill()
            ended = await asyncio.gather(*flight, return_exceptions=True)

        tokens = [answer.json()["session"]["token"] for answer in ended if isinstance(answer, httpx.Response)]
        assert 0 < len(tokens) < len(flight)
        with serving(tmp_path / "data", "--no-jobs") as service:
            session = f"{service.url}/v1/accounts/demo/session"
            for token in tokens:
                ok(await http.get(session, headers={"Authorization": f"Bearer {token}"}))


async def test_five_hundred_sign_ins_at_once_get_401_or_503_and_healthz_answers(tmp_path: Path) -> None:
    limits = {"PASSGATE_PASSWORD_LIMITS": NO_LIMITS}
    with serving(tmp_path / "data", "--no-jobs", **limits) as service:
        stalled = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(100)]
        for number, (_, writer) in enumerate(stalled):  # half of them stop in the headers, half in the body
            head = "POST /v1/accounts/demo/sign-ins HTTP/1.1\r\nHost: x\r\n"
            rest = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{" if number % 2 else ""
            writer.write((head + rest).encode())
        flood = asyncio.create_task(guess(service, 500))
        async with httpx.AsyncClient(trust_env=False) as http:
            while not flood.done():
                with in_time():
                    assert (await http.get(f"{service.url}/healthz", timeout=10)).status_code == 200
                await asyncio.sleep(0.2)

        answers = await flood
        for _, writer in stalled:
            writer.close()
        assert {response.status_code for response in answers} == {401, 503}
        assert all(response.headers["retry-after"] for response in answers if response.status_code == 503)
        assert most_memory_kb(service) < MOST_MEMORY_KB


@pytest.mark.parametrize("steps_ahead", [-1, 0, 1])
async def test_instances_whose_clocks_differ_accept_a_passcode_once(tenant: Tenant, steps_ahead: int) -> None:
    tenant.clock.turn(seconds=15)  # the other instance is in the next time step
    ahead = variant(tenant, clock=Ahead(tenant.clock))
    for first, second in ((tenant, ahead), (ahead, tenant)):
        person = await tenant.enrolled()
        tenant.clock.turn(seconds=60)
        passcode = person.authenticator.passcode(steps_ahead)
        tokens = [await tenant.asked(person) for _ in range(6)]
        both = (submit((first, second)[n % 2].browser(), token, passcode) for n, token in enumerate(tokens[:4]))

        said = Counter(response.status_code for response in await asyncio.gather(*both))

        assert said == {201: 1, 401: 3}
        for there, token in zip((first, second), tokens[4:], strict=True):
            assert (await submit(there.browser(), token, passcode)).status_code in {401, 429}


async def test_open_sign_ins_enrollments_and_throttles_survive_a_restart(tenant: Tenant) -> None:
    person, other, guesser = await tenant.enrolled(), await tenant.signed_in(), await tenant.enrolled()
    token = await tenant.asked(person)
    begun = ok(await other.browser.post("/users/me/two-factor/enrollments", json={"kind": "totp"}), 201)
    guessed = await tenant.asked(guesser)
    for _ in range(5):
        await submit(tenant.browser(), guessed, guesser.authenticator.wrong_passcode())

    services = make_services(tenant.services.settings, clock=tenant.clock, hasher=tenant.services.hasher)
    again = Tenant(create_app(services), services, tenant.clock, tenant.account)
    browser: Client = again.browser()
    browser.token = other.browser.token

    refused(await submit(again.browser(), guessed, guesser.authenticator.passcode()), 429, "too_many_attempts")
    ok(await submit(again.browser(), token, person.authenticator.passcode()), 201)
    confirmation = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"
    passcode = AuthenticatorApp(begun["secret"], tenant.clock).passcode()
    ok(await browser.post(confirmation, json={"passcode": passcode}), 201)
    await services.database.close()
