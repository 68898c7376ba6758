"""The calls that take an `Idempotency-Key`, each arranged so that it succeeds."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client
from tests.support.account.credentials import by_token
from tests.support.account.enrolling import ENROLLMENTS, app_of, begin
from tests.support.account.sign_ins import begin_demanded_enrollment
from tests.support.observe.sql import run_sql


def new_key() -> str:
    return f'"{uuid.uuid4()}"'


@dataclass
class KeyedCall:
    """A request with a key, the user who sends it, and the audit event of what it does.

    `other_body` are the changes that make it another request.
    """

    tenant: Tenant
    person: SimulatedUser
    client: Client
    path: str
    act: str
    body: dict[str, Any] | None = None
    other_body: dict[str, Any] = field(default_factory=dict)
    key: str = field(default_factory=new_key)

    async def send(
        self, client: Client | None = None, *, key: str | None = None, **changes: Any
    ) -> httpx.Response:
        """Send it; `changes` replace fields of the body."""
        body = (self.body or {}) | changes
        headers = {"Idempotency-Key": key or self.key}
        return await (client or self.client).post(self.path, json=body or None, headers=headers)

    async def times_done(self) -> int:
        """Return how often the account's audit log has what it does."""
        query = "SELECT count(*) FROM audit_events WHERE account_id = :account AND type = :act"
        [[count]] = await run_sql(self.tenant, query, act=self.act)
        return int(count)


async def confirmation_in_a_session(tenant: Tenant) -> KeyedCall:
    person = await tenant.signed_in()
    begun = await begin(person)
    person.app = app_of(tenant, begun)
    path = f"{ENROLLMENTS}/{begun['id']}/confirmation"
    body = {"passcode": person.app.passcode()}
    other = {"passcode": person.app.wrong_passcode()}
    return KeyedCall(tenant, person, person.browser, path, "authenticator.added", body, other)


async def confirmation_at_sign_in(tenant: Tenant) -> KeyedCall:
    await tenant.require(await tenant.signed_in(Role.OWNER), end_users=True)
    person = await tenant.person(Role.END_USER)
    begun = await begin_demanded_enrollment(tenant, person)
    person.app = app_of(tenant, begun)
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    body = {"sign_in_token": begun["sign_in_token"], "passcode": person.app.passcode()}
    other = {"passcode": person.app.wrong_passcode()}
    return KeyedCall(tenant, person, person.browser, path, "authenticator.added", body, other)


async def my_recovery_codes(tenant: Tenant) -> KeyedCall:
    person = await tenant.enrolled()
    path = "/users/me/two-factor/recovery-codes"
    return KeyedCall(tenant, person, person.browser, path, "recovery_codes.regenerated")


async def recovery_codes_of_a_user(tenant: Tenant) -> KeyedCall:
    admin, user = await tenant.signed_in(Role.ADMIN), await tenant.enrolled(Role.ADMIN)
    path, act = f"/users/{user.id}/two-factor/recovery-codes", "recovery_codes.regenerated"
    return KeyedCall(tenant, admin, admin.browser, path, act, {"reason": "lost"}, {"reason": "stolen"})


async def api_token(tenant: Tenant) -> KeyedCall:
    admin = await tenant.signed_in(Role.ADMIN)
    body = {"description": "a job", "scopes": ["users:read"]}
    other = {"scopes": ["users:read", "users:write"]}
    return KeyedCall(tenant, admin, admin.browser, "/api-tokens", "api_token.created", body, other)


_INVITED = {"email": "new@example.com", "name": "New", "role": "agent"}


async def invitation(tenant: Tenant) -> KeyedCall:
    admin = await tenant.signed_in(Role.ADMIN)
    return KeyedCall(tenant, admin, admin.browser, "/users", "user.created", _INVITED, {"role": "end_user"})


async def invitation_by_token(tenant: Tenant) -> KeyedCall:
    admin = await tenant.signed_in(Role.ADMIN)
    script = await by_token(tenant, admin, "users:write")
    return KeyedCall(tenant, admin, script, "/users", "user.created", _INVITED, {"role": "end_user"})


Arrange = Callable[[Tenant], Awaitable[KeyedCall]]
ARRANGED: list[Arrange] = [
    confirmation_in_a_session,
    confirmation_at_sign_in,
    my_recovery_codes,
    recovery_codes_of_a_user,
    api_token,
    invitation,
    invitation_by_token,
]
each_call = pytest.mark.parametrize("arrange", ARRANGED)
