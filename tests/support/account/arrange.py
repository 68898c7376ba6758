"""Accounts and users in the states that tests start from, arranged over HTTP where possible."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from app.accounts import repository as accounts
from app.accounts.repository import Account
from app.accounts.rules import first_policy
from app.accounts.users import repository as users
from app.accounts.users.rules import User
from app.core.callers import Role
from app.core.ids import new_id
from app.second_factor.kinds.registry import DEFAULT_ALLOWED_KINDS
from app.services import Services
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import Client, client_of, ok
from tests.support.account.clock import TurnableClock

PASSWORD = "a long enough password"


@dataclass
class SimulatedUser:
    """A user of the account, with their browser, and their authenticator app once they have one."""

    user: User
    browser: Client
    app: AuthenticatorApp | None = None
    recovery_codes: list[str] = field(default_factory=list)

    @property
    def authenticator(self) -> AuthenticatorApp:
        assert self.app is not None
        return self.app

    @property
    def id(self) -> str:
        return str(self.user.id)


class Tenant:
    """An account of its own for one test."""

    def __init__(self, app: FastAPI, services: Services, clock: TurnableClock, account: Account) -> None:
        self.app = app
        self.services = services
        self.clock = clock
        self.account = account

    def browser(self, *, ip: str = "127.0.0.1") -> Client:
        """Return a browser without a session."""
        return client_of(self.app, self.account.slug, ip=ip)

    async def person(
        self, role: Role = Role.AGENT, *, password: str | None = PASSWORD, **changes: Any
    ) -> SimulatedUser:
        """Return a new user who has not signed in yet."""
        user_id = new_id(self.clock.now())
        values: dict[str, Any] = {
            "id": user_id,
            "email": f"{role.value}-{user_id.hex[-8:]}@example.com",
            "name": "Somebody",
            "role": role,
            "status": "active",
            "external_id": None,
            "locale": "en",
            "created_at": self.clock.now(),
            "last_sign_in_at": None,
        } | changes
        user = User(**values)
        password_hash = await self.services.hasher.hash_password(password) if password else None
        async with self.services.database.begin() as tx:
            await users.add_user(tx, self.account.id, user, password_hash)
        return SimulatedUser(user, self.browser())

    async def sign_in(self, person: SimulatedUser, browser: Client | None = None, **body: Any) -> dict[str, Any]:
        """Send the person's password and return the answer; a complete one signs the browser in."""
        browser = browser or person.browser
        given = {"email": person.user.email, "password": PASSWORD} | body
        answer: dict[str, Any] = ok(await browser.post("/sign-ins", json=given), 201)
        if answer["status"] == "complete":
            browser.token = answer["session"]["token"]
        return answer

    async def signed_in(self, role: Role = Role.AGENT) -> SimulatedUser:
        """Return a new user with a fresh session by password."""
        person = await self.person(role)
        assert (await self.sign_in(person))["status"] == "complete"
        return person

    async def enroll(self, person: SimulatedUser) -> dict[str, Any]:
        """Enroll an authenticator in the person's fresh session; the first brings recovery codes."""
        body = {"kind": "totp", "label": "Phone"}
        begun = ok(await person.browser.post("/users/me/two-factor/enrollments", json=body), 201)
        app = AuthenticatorApp(begun["secret"], self.clock)
        path = f"/users/me/two-factor/enrollments/{begun['id']}/confirmation"
        answer = {"passcode": app.passcode(), "remember_device": False}
        confirmed: dict[str, Any] = ok(await person.browser.post(path, json=answer), 201)
        person.app = app
        person.recovery_codes = confirmed["recovery_codes"] or person.recovery_codes
        self.clock.turn(seconds=30)  # so that the next passcode is a new one
        return confirmed

    async def enrolled(self, role: Role = Role.AGENT) -> SimulatedUser:
        """Return a new user who turned 2FA on personally, with a fresh `aal2` session."""
        person = await self.signed_in(role)
        await self.enroll(person)
        return person

    async def asked(self, person: SimulatedUser, browser: Client | None = None) -> str:
        """Send the person's password, expect `passcode_required`, and return the sign-in token."""
        answer = await self.sign_in(person, browser or self.browser())
        assert answer["status"] == "passcode_required"
        token: str = answer["sign_in_token"]
        return token

    async def pass_passcode(
        self, person: SimulatedUser, browser: Client | None = None, **body: Any
    ) -> dict[str, Any]:
        """Sign in with password and a new passcode; afterwards the browser is signed in."""
        browser = browser or person.browser
        given = {"sign_in_token": await self.asked(person, browser)}
        given |= {"passcode": person.authenticator.next_passcode()} | body
        answer: dict[str, Any] = ok(await browser.post("/sign-ins/passcode", json=given), 201)
        browser.token = answer["session"]["token"]
        return answer

    async def require(self, admin: SimulatedUser, **groups: bool) -> None:
        """Let an admin require 2FA of the groups."""
        ok(await admin.browser.patch("/security-policy", json={"require_two_factor": groups}))

    async def step_up(self, person: SimulatedUser) -> None:
        """Make the person's session fresh."""
        body = {"passcode": person.authenticator.next_passcode()} if person.app else {"password": PASSWORD}
        ok(await person.browser.post("/session/step-up", json=body))


async def make_tenant(app: FastAPI, services: Services, clock: TurnableClock, *, test: bool = False) -> Tenant:
    """Return a new account without users; with `test`, a test account."""
    account = Account(new_id(clock.now()), f"test-{uuid.uuid4().hex[:12]}", "Example & Söhne", test)
    async with services.database.begin() as tx:
        await accounts.add_account(tx, account, first_policy(clock.now(), DEFAULT_ALLOWED_KINDS))
    return Tenant(app, services, clock, account)
