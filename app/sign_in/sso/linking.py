"""The user of an identity: the linked one, one that may be linked, or a new one."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.accounts.users.rules import ACTIVE, SERVICE_CANNOT_SIGN_IN, User, name_from_email, same_mailbox
from app.accounts.users.use_cases import NewUser, create_user, refuse_taken
from app.audit.repository import record
from app.audit.rules import NOBODY, Actor, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import Forbidden, Refusal
from app.core.ids import new_id
from app.credentials.sso_identities import repository as identities
from app.delivery.letters import Kind, notify_user
from app.second_factor import repository as second_factor
from app.sign_in.sso.rules import Identity, IdentityIncomplete, Provider

_NO_IDENTIFIER = (
    "The token has no `external_id`: a new user could not be found again once their e-mail address changes. Send "
    "it, or name the claim that identifies a user as the provider's `subject_attribute`."
)
_UNKNOWN = "The account has no user for this identity, and the provider may make none."


async def admit(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> PasswordUser | Refusal:
    """Return the identity's user, with the second-factor row locked; or the refusal.

    Raises `IdentityIncomplete`, before anything is written, for a new user who could not be found again.
    Of two concurrent sign-ins with one new address the second waits, and finds the user that the first created.
    """
    found = await _linked(tx, context, provider, identity)
    if found is None:
        await users.lock_email_address(tx, context.account_id, identity.email)
        found = await _linked(tx, context, provider, identity) or await _link(tx, context, provider, identity)
    if isinstance(found, Refusal):
        return found
    return refuse_user(provider, found) or found


async def lock_user(tx: AsyncConnection, context: RequestContext, user_id: UUID) -> PasswordUser | None:
    """Lock the user's second-factor row, then read the user.

    A concurrent suspension either committed before, or waits and then ends the session.
    """
    if await second_factor.lock_state(tx, context.account_id, user_id) is None:
        return None
    return await users.find_by_id(tx, context.account_id, user_id)


def refuse_user(provider: Provider, found: PasswordUser) -> Refusal | None:
    """Return why the provider may not sign this user in; None if it may."""
    if found.user.is_service:
        return Forbidden(SERVICE_CANNOT_SIGN_IN)
    if found.user.status != ACTIVE:
        return Forbidden("The user is suspended.")
    if found.user.role not in provider.roles:
        return Forbidden("Users of this role do not sign in by this provider.")
    return None


async def _linked(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> PasswordUser | Refusal | None:
    """Return the user that the identity is linked to, locked; None if it is linked to nobody.

    Refuses a link that was deleted before the lock: the user has just proven their address.
    """
    user_id = await _find(tx, context, provider, identity)
    if user_id is None:
        return None
    found = await lock_user(tx, context, user_id)
    if found is None or await _find(tx, context, provider, identity) != user_id:
        return Forbidden(_UNKNOWN)
    if identity.external_id is not None and refuse_user(provider, found) is None:
        # The external id may come from an admin. The link records that the user came by the provider: the
        # two-factor status depends on it.
        await _add(tx, context, provider, str(user_id), found.user)
    return found


async def _find(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> UUID | None:
    """Return the user linked to the provider's subject, or the one with this external id."""
    account_id = context.account_id
    if identity.subject is not None:
        return await identities.find_identity(tx, account_id, provider.id, identity.subject)
    if identity.external_id is not None:
        found = await users.find_by_external_id(tx, account_id, identity.external_id)
        return found.user.id if found else None
    return None


async def _link(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> PasswordUser | Refusal:
    """Link the identity to the user with its e-mail address, or to a new one, where the provider may.

    The caller holds the lock on the address (`lock_email_address`). An existing user is judged after locking them.
    """
    known = await users.find_by_email(tx, context.account_id, identity.email)
    if known is None:
        return await _create_user(tx, context, provider, identity)
    if not provider.trusts_address(identity):
        return Forbidden(_UNKNOWN)
    found = await lock_user(tx, context, known.user.id)
    if found is None or not same_mailbox(found.user.email, identity.email):
        return Forbidden(_UNKNOWN)
    if refusal := refuse_user(provider, found):
        return refusal
    return found if await _store_link(tx, context, provider, identity, found.user) else Forbidden(_UNKNOWN)


async def _create_user(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity
) -> PasswordUser | Refusal:
    """Create a user from the identity. The address counts as proven, because the provider asserts it."""
    if not provider.may_create_user(identity):
        return Forbidden(_UNKNOWN)
    if not identity.is_lasting:
        raise IdentityIncomplete(_NO_IDENTIFIER)
    name = identity.name or name_from_email(identity.email)
    new = NewUser(identity.email, name, provider.default_role, identity.external_id)
    user = await create_user(tx, context, NOBODY, new, None)
    await identities.note_address_proven(tx, context.account_id, user.id, now=context.now)
    await _add(tx, context, provider, identity.subject or str(user.id), user)
    return await lock_user(tx, context, user.id) or Forbidden(_UNKNOWN)


async def _store_link(
    tx: AsyncConnection, context: RequestContext, provider: Provider, identity: Identity, user: User
) -> bool:
    """Link the identity to this user and notify them; False if another identity of the provider is linked.

    If an address moves to another person, the provider sends another subject: it must not reach the former
    holder's user. A JWT without `external_id` is matched by its address each time; its link only makes the
    notification happen once.
    """
    if identity.external_id is not None:
        if user.external_id is not None:
            return False
        try:
            await identities.store_external_id(tx, context.account_id, user.id, identity.external_id)
        except IntegrityError as error:
            refuse_taken(error)
    is_new = await _add(tx, context, provider, identity.subject or str(user.id), user)
    if identity.subject is not None and not is_new:
        return False
    if is_new:
        linked = Event(EventType.SSO_LINKED, "user", user.id, {"provider": provider.name})
        await record(tx, context, Actor(user.id, None), linked)
        await notify_user(tx, context, user.id, Kind.SSO_LINKED, provider=provider.name)
    return True


async def _add(tx: AsyncConnection, context: RequestContext, provider: Provider, subject: str, user: User) -> bool:
    id_ = new_id(context.now)
    return await identities.add_identity(
        tx, context.account_id, id_, provider.id, subject, user.id, now=context.now
    )
