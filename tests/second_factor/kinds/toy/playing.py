"""Helpers of the tests of the toy kinds, over HTTP."""

from typing import Any

import httpx

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok

ENROLLMENTS = "/users/me/two-factor/enrollments"


def wrong(number: str) -> str:
    """Return six digits that are not the answer."""
    right = number[::-1]
    return right[:-1] + str((int(right[-1]) + 1) % 10)


async def enroll_toy(person: SimulatedUser, kind: str = "toy") -> dict[str, Any]:
    """Enroll a toy in the person's fresh session, and return the authenticator."""
    begun = ok(await person.browser.post(ENROLLMENTS, json={"kind": kind}), 201)
    path = f"{ENROLLMENTS}/{begun['id']}/confirmation"
    confirmed = ok(await person.browser.post(path, json={"passcode": begun["number"][::-1]}), 201)
    authenticator: dict[str, Any] = confirmed["authenticator"]
    return authenticator


async def ask(browser: Client, sign_in_token: str, authenticator_id: str) -> dict[str, Any]:
    """Request a challenge of an authenticator in a sign-in, and return it."""
    body = {"sign_in_token": sign_in_token, "authenticator_id": authenticator_id}
    asked: dict[str, Any] = ok(await browser.post("/sign-ins/challenges", json=body), 201)
    return asked


async def answer(browser: Client, sign_in_token: str, authenticator_id: str, digits: str) -> httpx.Response:
    """Send the answer to a challenge, and return the response."""
    body = {"sign_in_token": sign_in_token, "authenticator_id": authenticator_id, "passcode": digits}
    return await browser.post("/sign-ins/passcode", json=body)


async def sign_in_by_toy(toys: Tenant, person: SimulatedUser, authenticator_id: str) -> Client:
    """Sign in with password and toy from a new browser."""
    browser = toys.browser()
    token = await toys.asked(person, browser)
    asked = await ask(browser, token, authenticator_id)
    completed = ok(await answer(browser, token, authenticator_id, asked["number"][::-1]), 201)
    browser.token = completed["session"]["token"]
    return browser
