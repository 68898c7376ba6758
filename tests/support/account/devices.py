"""The device cookie, written from docs/api.md, independent of the code under test."""

import hashlib
from dataclasses import dataclass

import httpx

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.account.sign_ins import credentials


def cookie_name(person: SimulatedUser, *, prefix: str = "") -> str:
    """Return the name of the person's cookie; `prefix` is `__Host-` behind https."""
    return f"{prefix}passgate_device_{hashlib.sha256(person.id.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class SetCookie:
    """One parsed `Set-Cookie` header."""

    name: str
    value: str
    attributes: list[str]

    @property
    def max_age(self) -> int:
        [age] = [text for text in self.attributes if text.startswith("Max-Age=")]
        return int(age.removeprefix("Max-Age="))


def cookies_set(response: httpx.Response) -> list[SetCookie]:
    """Return the cookies that an answer sets, in its order."""
    found = []
    for header in response.headers.get_list("set-cookie"):
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        found.append(SetCookie(name, value, attributes))
    return found


async def pass_passcode(tenant: Tenant, person: SimulatedUser, browser: Client, **body: object) -> httpx.Response:
    """Sign in with password and passcode from the browser, and return the response."""
    token = await tenant.asked(person, browser)
    given = {"sign_in_token": token, "passcode": person.authenticator.next_passcode()} | body
    response = await browser.post("/sign-ins/passcode", json=given)
    browser.token = ok(response, 201)["session"]["token"]
    return response


async def trusted_person(tenant: Tenant) -> SimulatedUser:
    """Return a user whose browser is signed in with a passcode, and trusted."""
    person = await tenant.enrolled()
    response = await pass_passcode(tenant, person, person.browser)
    assert len(cookies_set(response)) == 1
    return person


def device_token(person: SimulatedUser) -> str:
    """Return the token that the person's browser keeps in its cookie."""
    token = person.browser.cookies.get(cookie_name(person))
    assert token is not None
    return token


async def is_asked(tenant: Tenant, person: SimulatedUser, browser: Client | None = None) -> bool:
    """Whether a sign-in with the password and the browser's cookies is asked for a passcode."""
    status = (await tenant.sign_in(person, browser))["status"]
    assert status in {"complete", "passcode_required"}
    return bool(status == "passcode_required")


async def is_asked_with(tenant: Tenant, person: SimulatedUser, *cookie_headers: str | bytes) -> bool:
    """Whether a sign-in with password and these raw `Cookie` headers is asked for a passcode."""
    headers = httpx.Headers([(b"Cookie", h if isinstance(h, bytes) else h.encode()) for h in cookie_headers])
    browser = tenant.browser()
    response = await browser.http.post("/sign-ins", json=credentials(person), headers=headers)
    status = ok(response, 201)["status"]
    assert status in {"complete", "passcode_required"}
    return bool(status == "passcode_required")
