"""Password and e-mail links as e-mails contain them, made without the worker."""

from datetime import timedelta

import httpx

from app.core.ids import new_id
from app.credentials.links import repository
from app.credentials.links.rules import PREFIX, Link, Purpose
from app.crypto.digests import digest, new_secret
from tests.support.account.arrange import SimulatedUser, Tenant

NEW_PASSWORD = "another long enough password"


async def open_link(
    tenant: Tenant,
    person: SimulatedUser,
    purpose: Purpose,
    *,
    email: str | None = None,
    requested_by: SimulatedUser | None = None,
) -> str:
    """Return the token of a new link of the person, as if its e-mail had been sent."""
    now, token = tenant.clock.now(), new_secret(PREFIX)
    link = Link(
        new_id(now),
        person.user.id,
        purpose,
        email,
        now + timedelta(hours=1),
        requested_by=requested_by.user.id if requested_by else None,
    )
    async with tenant.services.database.begin() as tx:
        await repository.add_link(tx, tenant.account.id, link, now=now)
        await repository.set_token(tx, tenant.account.id, link.id, token_digest=digest(token), sealed_token=b"")
        await repository.forget_token(tx, tenant.account.id, link.id)
    return token


async def redeem(tenant: Tenant, token: str) -> httpx.Response:
    """Choose a password with the link."""
    body = {"token": token, "new_password": NEW_PASSWORD}
    return await tenant.browser().post("/password-links/redemption", json=body)


async def confirm(tenant: Tenant, token: str) -> httpx.Response:
    """Confirm an address with the link."""
    return await tenant.browser().post("/email-confirmations", json={"token": token})
