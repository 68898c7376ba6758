"""Many concurrent sign-ins, and checks that their responses still hold afterwards."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import httpx

from tests.faults.cluster import PROMISED_SECONDS, in_time
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import submit
from tests.support.observe.jobs import eventually
from tests.support.observe.locks import failures_of

CODES = 3  # of each user: each is tried again afterwards, and five failures would throttle the user


@dataclass
class Signer:
    """A user who signs in repeatedly, each time with another code."""

    person: SimulatedUser
    used: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    in_doubt: int = 0

    async def sign_in_with_all(self, tenant: Tenant) -> None:
        for code in [self.person.authenticator.passcode(), *self.person.recovery_codes[: CODES - 1]]:
            answer = await asked_in_time(tenant, self.person)
            response = await answered(submit(tenant.browser(), answer["sign_in_token"], code))
            if response.status_code == 503:
                self.in_doubt += 1  # it is unknown whether the COMMIT arrived
            else:
                self.used.append(code)
                self.sessions.append(ok(response, 201)["session"]["token"])

    async def assert_all_holds(self, tenant: Tenant) -> None:
        for token in self.sessions:
            browser = tenant.browser()
            browser.token = token
            ok(await browser.get("/session"))
        for code in self.used:
            response = await submit(tenant.browser(), await tenant.asked(self.person), code)
            refused(response, 401, "passcode_already_used")
        last = self.person.recovery_codes[-1]
        ok(await submit(tenant.browser(), await tenant.asked(self.person), last), 201)


@dataclass
class Guesser:
    """A user who sends wrong passcodes."""

    person: SimulatedUser
    counted: int = 0
    sent: int = 0

    async def guess(self, tenant: Tenant) -> None:
        for _ in range(4):
            answer = await asked_in_time(tenant, self.person)
            wrong = self.person.authenticator.wrong_passcode()
            response = await answered(submit(tenant.browser(), answer["sign_in_token"], wrong))
            self.sent += 1
            if response.status_code != 503:
                refused(response, 401, "passcode_incorrect")
                self.counted += 1

    async def assert_all_holds(self, tenant: Tenant) -> None:
        assert self.counted <= await failures_of(tenant, self.person) <= self.sent


async def people(tenant: Tenant, signers: int, guessers: int) -> list[Signer | Guesser]:
    """Enroll users, and return them as signers and guessers."""
    enrolled = [await tenant.enrolled() for _ in range(signers + guessers)]
    return [*map(Signer, enrolled[:signers]), *map(Guesser, enrolled[signers:])]


async def answered(request: Any) -> httpx.Response:
    """Return the response; assert that it came in time and that a 503 has a `Retry-After`."""
    with in_time():
        response: httpx.Response = await request
    if response.status_code == 503:
        refused(response, 503, "unavailable")
        assert 1 <= int(response.headers["retry-after"]) <= PROMISED_SECONDS
    return response


async def asked_in_time(tenant: Tenant, person: SimulatedUser) -> dict[str, Any]:
    """Send the password until the response is not 503, and return that response.

    A 503 may leave the password counted as wrong, so each user has their own IP address.
    """
    body = {"email": person.user.email, "password": PASSWORD}
    ip = str(IPv4Address(0x0A000000 + person.user.id.int % 0xFFFFFF))
    for _ in range(100):
        response = await answered(tenant.browser(ip=ip).post("/sign-ins", json=body))
        if response.status_code != 503:
            break
        await asyncio.sleep(0.2)
    answer: dict[str, Any] = ok(response, 201)
    return answer


async def ready_again(tenant: Tenant) -> None:
    """Wait until the service is ready, and assert that it is ready in time."""

    async def is_ready() -> bool:
        return (await tenant.browser().get("http://127.0.0.1:8000/readyz")).status_code == 200

    with in_time():
        await eventually(is_ready)


async def run_storm(tenant: Tenant, everybody: list[Signer | Guesser]) -> None:
    """Run all signers and guessers concurrently."""
    async with asyncio.TaskGroup() as group:
        for somebody in everybody:
            action = somebody.sign_in_with_all if isinstance(somebody, Signer) else somebody.guess
            group.create_task(action(tenant))


async def assert_nothing_is_lost(tenant: Tenant, everybody: list[Signer | Guesser]) -> None:
    """Assert that sessions exist, used codes do not work again, and failures stay counted."""
    assert sum(len(somebody.sessions) for somebody in everybody if isinstance(somebody, Signer)) > 0
    for somebody in everybody:
        await somebody.assert_all_holds(tenant)
