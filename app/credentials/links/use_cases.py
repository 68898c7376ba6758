"""Request links, and use them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.rules import ACTIVE, User, masked, may_administer
from app.accounts.users.use_cases import refuse_taken
from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import Conflict, Gone, NotFound
from app.core.ids import new_id
from app.credentials.links import repository
from app.credentials.links.rules import LIFETIMES, PREFIX, SETS_PASSWORD, Link, LinkDetails, NewLink, Purpose
from app.credentials.sso_identities.use_cases import mark_address_proven
from app.crypto.digests import digest, is_secret, new_secret
from app.database.queue import enqueue
from app.delivery.letters import Kind, get_recipient, notify_user
from app.second_factor import repository as second_factor
from app.second_factor.authority import lock_users
from app.second_factor.trusted_devices.use_cases import revoke_all
from app.sessions.use_cases import end_sessions
from app.throttling import repository as password_limits
from app.throttling.rules import Bucket


async def invite(tx: AsyncConnection, context: RequestContext, user: User) -> None:
    """Send a new user a link to choose the first password, after the transaction commits."""
    await _send_link(tx, context, user.id, Purpose.INVITATION)


async def ask_confirmation(
    tx: AsyncConnection, context: RequestContext, user: User, new_email: str, *, requested_by: UUID
) -> None:
    """Send a confirmation link to the new address, and a link to stop the change to the old one.

    The user keeps the old address until the new one is confirmed. A new request voids an older one.
    """
    await repository.void_email_changes(tx, context.account_id, user.id)
    for purpose in (Purpose.EMAIL, Purpose.EMAIL_STOP):
        await _send_link(tx, context, user.id, purpose, email=new_email, requested_by=requested_by)


async def enqueue_password_link_lookup(
    tx: AsyncConnection, context: RequestContext, email: str, bucket: Bucket
) -> None:
    """Enqueue a look-up of the e-mail address, so that the time does not show whether it exists.

    `bucket` limits the e-mails to this address. If it is full, nothing is sent, and the answer is the same.
    """
    if not await password_limits.fill(tx, context.account_id, [bucket], now=context.now):
        return
    arguments = {
        "account_id": str(context.account_id),
        "email": email,
        "at": context.now.isoformat(),
        "ip": context.ip,
        "user_agent": context.user_agent,
        "request_id": context.request_id,
    }
    await enqueue(tx, "look_up_for_password_link", arguments)


async def send_password_link(tx: AsyncConnection, context: RequestContext, email: str) -> None:
    """Send a password link to the active person with this e-mail address, if there is one."""
    found = await users.find_by_email(tx, context.account_id, email)
    if found and found.user.may_sign_in:
        await _send_link(tx, context, found.user.id, Purpose.PASSWORD)


async def create_password_link(tx: AsyncConnection, context: RequestContext, actor: Actor, email: str) -> NewLink:
    """Create a password link that no e-mail carries, for the actor to hand over, and record it.

    Older unused password links of the user end. Raises `NotFound`, or `Conflict` if the user is suspended.
    """
    named = await users.find_by_email(tx, context.account_id, email)
    found = await lock_users(tx, context.account_id, named.user.id) if named else {}
    if named is None or named.user.id not in found:
        raise NotFound("There is no user with this e-mail address.")
    user = found[named.user.id]
    if user.status != ACTIVE:
        raise Conflict("The user is suspended.")
    link, token = _new_link(context, user.id, Purpose.PASSWORD), new_secret(PREFIX)
    await repository.add_link(tx, context.account_id, link, now=context.now)
    await repository.set_token(tx, context.account_id, link.id, token_digest=digest(token), sealed_token=None)
    await record(tx, context, actor, Event(EventType.PASSWORD_LINK_CREATED, "user", user.id))
    return NewLink(token, user.locale, link.expires_at)


def _new_link(
    context: RequestContext,
    user_id: UUID,
    purpose: Purpose,
    *,
    email: str | None = None,
    requested_by: UUID | None = None,
) -> Link:
    expires_at = context.now + LIFETIMES[purpose]
    return Link(new_id(context.now), user_id, purpose, email, expires_at, requested_by=requested_by)


async def renew_link(tx: AsyncConnection, context: RequestContext, link: Link, *, requested_at: datetime) -> bool:
    """Replace a link that ended before it was sent by a fresh one; False if the request is too old.

    The fresh link has its own token: an earlier try may have delivered the old one, which must not live longer.
    """
    if not link.is_renewable(requested_at, context.now):
        return False
    await _send_link(tx, context, link.user_id, link.purpose, requested_at=requested_at)
    return True


async def _send_link(
    tx: AsyncConnection,
    context: RequestContext,
    user_id: UUID,
    purpose: Purpose,
    *,
    email: str | None = None,
    requested_by: UUID | None = None,
    requested_at: datetime | None = None,
) -> None:
    link = _new_link(context, user_id, purpose, email=email, requested_by=requested_by)
    await repository.add_link(tx, context.account_id, link, now=context.now)
    arguments = {
        "account_id": str(context.account_id),
        "link_id": str(link.id),
        "at": (requested_at or context.now).isoformat(),
        "ip": context.ip,
        "user_agent": context.user_agent,
    }
    await enqueue(tx, "send_link", arguments, queue="letters")


async def describe_link(tx: AsyncConnection, context: RequestContext, token: str) -> LinkDetails:
    """Return what the holder of an open link may see of it; raises `Gone` (`link_expired`).

    A link that confirms an address is not open if the requester may no longer administer the user.
    """
    link, user = await _find(tx, context, token, frozenset(Purpose))
    if link.purpose is Purpose.EMAIL:
        asker = link.requested_by and await users.find_by_id(tx, context.account_id, link.requested_by)
        if not asker or not may_administer(asker.user, user):
            raise _link_expired()
    who = await get_recipient(tx, context.account_id, user.id)
    return LinkDetails(
        purpose=link.purpose.value,
        account_name=who.account_name,
        name=who.name,
        email=masked(who.to),
        new_email=masked(link.email) if link.email else None,
        expires_at=link.expires_at,
    )


async def find_password_link(tx: AsyncConnection, context: RequestContext, token: str) -> tuple[Link, User]:
    """Return the open password link of the token, and its user; raises `Gone` (`link_expired`)."""
    return await _find(tx, context, token, SETS_PASSWORD)


async def _find(
    tx: AsyncConnection, context: RequestContext, token: str, purposes: frozenset[Purpose]
) -> tuple[Link, User]:
    link = None
    if is_secret(token, PREFIX):
        link = await repository.find_by_digest(tx, context.account_id, digest(token))
    if link is None or link.purpose not in purposes or not link.is_open(context.now):
        raise _link_expired()
    found = await users.find_by_id(tx, context.account_id, link.user_id)
    if found is None or not found.user.may_sign_in:
        raise _link_expired()
    return link, found.user


async def redeem_password_link(tx: AsyncConnection, context: RequestContext, link: Link, new_hash: str) -> None:
    """Store the new hash and mark the link as used.

    The user's sessions, trusted devices, pending sign-ins and other links end. The second factor stays unchanged,
    and the user is not signed in. Raises `Gone` if the link was used or voided meanwhile.
    """
    account_id, user_id = context.account_id, link.user_id
    await second_factor.lock_state(tx, account_id, user_id)
    if not await repository.use_link(tx, account_id, link.id, now=context.now):
        raise _link_expired()
    await users.store_password_hash(tx, account_id, user_id, new_hash)
    await second_factor.change_state(tx, account_id, user_id, new_version=True)
    await repository.void_links(tx, account_id, user_id)
    because = "the password was reset"
    events = await end_sessions(tx, account_id, user_id, because=because)
    events += await revoke_all(tx, account_id, user_id, because=because)
    events += await mark_address_proven(tx, context, user_id)
    changed = Event(EventType.PASSWORD_CHANGED, "user", user_id, {"by": link.purpose.value})
    await record(tx, context, Actor(user_id, None), changed, *events)
    if link.purpose is Purpose.PASSWORD:
        await notify_user(tx, context, user_id, Kind.PASSWORD_CHANGED)


async def confirm_email(tx: AsyncConnection, context: RequestContext, token: str) -> None:
    """Store the confirmed e-mail address, and notify the old one.

    Trusted devices, links and pending sign-ins end. The user who requested the change must still be allowed to
    administer this user; this is checked with both users locked. Raises `Gone` (`link_expired`), or `Conflict` if
    another user has taken the address meanwhile.
    """
    link, user = await _find(tx, context, token, frozenset({Purpose.EMAIL}))
    account_id = context.account_id
    if link.email is None or link.requested_by is None:
        raise _link_expired()
    found = await lock_users(tx, account_id, user.id, link.requested_by)
    if len(found) < len({user.id, link.requested_by}) or not may_administer(
        found[link.requested_by], found[user.id]
    ):
        raise _link_expired()
    if found[user.id].status != ACTIVE or not await repository.use_link(tx, account_id, link.id, now=context.now):
        raise _link_expired()
    await notify_user(tx, context, user.id, Kind.EMAIL_CHANGED)  # before the change: goes to the old address
    try:
        await users.store_email(tx, account_id, user.id, link.email)
    except IntegrityError as error:
        refuse_taken(error)
    await second_factor.change_state(tx, account_id, user.id, new_version=True)
    await repository.void_links(tx, account_id, user.id)
    revoked = await revoke_all(tx, account_id, user.id, because="the e-mail address was changed")
    unlinked = await mark_address_proven(tx, context, user.id)
    changed = Event(EventType.USER_CHANGED, "user", user.id, {"fields": ["email"]})
    await record(tx, context, Actor(user.id, None), changed, *revoked, *unlinked)


async def stop_email_change(tx: AsyncConnection, context: RequestContext, token: str) -> None:
    """Stop a pending change of the e-mail address; raises `Gone` (`link_expired`)."""
    link, user = await _find(tx, context, token, frozenset({Purpose.EMAIL_STOP}))
    await lock_users(tx, context.account_id, user.id)
    if link.id not in await repository.void_email_changes(tx, context.account_id, user.id):
        raise _link_expired()
    stopped = Event(EventType.EMAIL_CHANGE_STOPPED, "user", user.id)
    await record(tx, context, Actor(user.id, None), stopped)


def _link_expired() -> Gone:
    return Gone("The link has ended. Ask for a new one.", code="link_expired")
