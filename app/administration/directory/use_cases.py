"""Inviting, changing and deleting users, and ending their sessions and trusted devices."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.rules import User
from app.accounts.users.use_cases import NewUser, create_service_account, create_user, refuse_taken
from app.administration.directory import repository, rules
from app.administration.reports.repository import void_links_of as void_report_links
from app.audit.repository import deny, record, record_act
from app.audit.rules import Actor, Event, EventType
from app.core.callers import ADMINS, Caller, RequestContext, Role
from app.core.errors import Conflict, Forbidden, NotFound, Refusal
from app.credentials.end_access import end_access
from app.credentials.links.repository import void_links_requested_by
from app.credentials.links.use_cases import ask_confirmation, invite
from app.credentials.sso_identities.use_cases import drop_identities
from app.delivery.letters import Kind, notify_user
from app.idempotency.rules import StoredAnswer
from app.idempotency.use_cases import KeyedRequest, lock_key, take_answer
from app.second_factor.authority import lock_caller, lock_caller_and_user, lock_users, refuse_ended
from app.second_factor.trusted_devices.use_cases import revoke_all
from app.sessions.use_cases import end_sessions
from app.sign_in.sso.providers.use_cases import withdraw_known_secrets

_BY_ADMIN = "ended by an admin"


async def find_user(tx: AsyncConnection, caller: Caller, user_id: UUID) -> User:
    """Return the user of the caller's account with this id; raises `NotFound`."""
    found = await users.find_by_id(tx, caller.account_id, user_id)
    if found is None:
        raise NotFound
    return found.user


async def invite_user(
    tx: AsyncConnection, caller: Caller, new: NewUser, request: KeyedRequest | None
) -> User | StoredAnswer | Refusal:
    """Create a user and invite them by e-mail, or return the answer to the same request.

    Raises `Conflict` for the owner role, and if the e-mail address or the external id is taken; and what
    `lock_key` and `take_answer` raise.
    """
    await lock_key(tx, request)
    caller = await lock_caller(tx, caller)
    if refusal := rules.refuse_to_create(caller, new.role):
        return await deny(tx, caller, None, None, refusal)
    rules.check_new_role(new.role)
    if answer := await take_answer(tx, request):
        return answer
    user = await create_user(tx, caller.context, Actor(caller.user_id, caller.credential), new, None)
    await invite(tx, caller.context, user)
    return user


async def make_service_account(tx: AsyncConnection, caller: Caller, name: str, role: Role) -> User:
    """Create a service account; it has no token yet."""
    caller = await lock_caller(tx, caller)
    return await create_service_account(tx, caller.context, Actor(caller.user_id, caller.credential), name, role)


async def change_user(
    tx: AsyncConnection, caller: Caller, user_id: UUID, changes: dict[str, Any]
) -> User | Refusal:
    """Change a user and return the changed user; a new e-mail address must be confirmed first.

    A change of role or status ends the user's access (`end_access`): sessions, trusted devices, API tokens, links.
    So does taking the test passcode away, because anybody who knows the password may have used it.
    Raises `NotFound`, and `Conflict` if the e-mail address or external id is taken or a rule forbids the change.
    """
    caller, user = await lock_caller_and_user(tx, caller, user_id)
    if refusal := rules.refuse_to_change(caller, user, changes):
        return await deny(tx, caller, "user", user_id, refusal)
    changed = rules.changed_user(caller, user, changes)
    email = changes.get(rules.EMAIL, user.email)
    if email != user.email:
        await _ask_for_address(tx, caller, user, email)
    if changed != user:
        try:
            await repository.store_user(tx, caller.account_id, changed)
        except IntegrityError as error:
            refuse_taken(error)
    events = []
    if because := rules.reason_to_end_access(user, changed):
        events = await _end_access(tx, caller.account_id, user_id, because=because)
    if changed.role in ADMINS and user.role not in ADMINS:
        # Any admin can change the providers that linked these identities, so none of them may sign in an admin.
        events += await drop_identities(tx, caller.context, user_id, because=rules.ROLE_CHANGED)
        changed = await find_user(tx, caller, user_id)
    if changed != user or email != user.email:
        details = rules.audit_details(user, changed, asked_email=email != user.email)
        events.insert(0, Event(EventType.USER_CHANGED, "user", user_id, details))
    await record_act(tx, caller, *events)
    return changed


async def _ask_for_address(tx: AsyncConnection, caller: Caller, user: User, email: str) -> None:
    # An early check only: the unique constraint decides when the address is confirmed.
    taken_by = await users.find_by_email(tx, caller.account_id, email)
    if taken_by is not None and taken_by.user.id != user.id:
        raise Conflict("There is a user with this e-mail address.")
    await ask_confirmation(tx, caller.context, user, email, requested_by=caller.user_id)


async def _end_access(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, because: str) -> list[Event]:
    await void_report_links(tx, account_id, user_id)
    return await end_access(tx, account_id, user_id, because=because)


async def delete_user(tx: AsyncConnection, caller: Caller, user_id: UUID) -> Refusal | None:
    """Delete a user with all personal data; the audit log keeps their id.

    Raises `NotFound`, or `Conflict` if the caller would delete themself.
    """
    caller, user = await lock_caller_and_user(tx, caller, user_id)
    if refusal := rules.refuse_to_act_on(caller, user):
        return await deny(tx, caller, "user", user_id, refusal)
    rules.check_deletable(caller, user)
    await void_links_requested_by(tx, caller.account_id, user_id)
    await repository.delete_user(tx, caller.account_id, user_id)
    await record_act(tx, caller, Event(EventType.USER_DELETED, "user", user_id, {"role": user.role.value}))
    return None


async def hand_over_ownership(tx: AsyncConnection, caller: Caller, user_id: UUID) -> User:
    """Make an active admin the owner, and the caller an admin; returns the new owner.

    The access of both users ends (`end_access`), including the calling session, and both are notified by e-mail.
    Raises `NotFound`, `Conflict` if the user is not an active admin or owns an account of the other sort (test or
    real), `Forbidden` if the caller is no longer the owner, `Unauthenticated` if the caller's session has ended.
    """
    account_id = caller.account_id
    found = await lock_users(tx, account_id, caller.user_id, user_id)
    owner = found.get(caller.user_id)
    if owner is None or owner.role is not Role.OWNER:
        raise Forbidden("Your role does not allow this.")
    await refuse_ended(tx, caller)
    if user_id not in found:
        raise NotFound
    heir = found[user_id]
    events = await _exchange_roles(tx, caller.context, owner, heir)
    for user, other in ((owner, heir), (heir, owner)):
        told = {"now_owner": user is heir, "other": other.name}
        await notify_user(tx, caller.context, user.id, Kind.OWNERSHIP_HANDED_OVER, **told)
    handed_over = Event(EventType.OWNERSHIP_HANDED_OVER, "user", heir.id, {"from": str(owner.id)})
    await record_act(tx, caller, handed_over, *events)
    return replace(heir, role=Role.OWNER)


async def transfer_ownership(
    tx: AsyncConnection, context: RequestContext, actor: Actor, email: str, *, reason: str
) -> None:
    """Make an active admin the owner on behalf of the operator, without the old owner.

    Does what `hand_over_ownership` does, and notifies both users and all active admins by e-mail. Raises
    `NotFound`, or `Conflict` if the user is not an active admin or the owner has just changed.
    """
    account_id = context.account_id
    named = await users.find_by_email(tx, account_id, email)
    owner_id = await repository.find_owner(tx, account_id)
    if named is None or owner_id is None:
        raise NotFound("There is no user with this e-mail address.")
    found = await lock_users(tx, account_id, owner_id, named.user.id)
    owner, heir = found.get(owner_id), found.get(named.user.id)
    if owner is None or heir is None or owner.role is not Role.OWNER:
        raise Conflict("The owner or the user has just changed. Run the command again.")
    events = await _exchange_roles(tx, context, owner, heir)
    told = {"by_operator": True, "owner": heir.name, "before": owner.name}
    for user_id in {owner.id, heir.id, *await repository.list_active_admins(tx, account_id)}:
        both = user_id in {owner.id, heir.id}
        await notify_user(tx, context, user_id, Kind.OWNERSHIP_HANDED_OVER, **told, access_ended=both)
    details = {"from": str(owner.id), "reason": reason}
    await record(tx, context, actor, Event(EventType.OWNERSHIP_HANDED_OVER, "user", heir.id, details), *events)


async def _exchange_roles(tx: AsyncConnection, context: RequestContext, owner: User, heir: User) -> list[Event]:
    """Make the heir the owner and the owner an admin, and end the access of both; both are locked."""
    rules.check_new_owner(heir)
    events = []
    # The old owner first: the unique index allows one owner per account at any moment.
    for old, role in ((owner, Role.ADMIN), (heir, Role.OWNER)):
        new = replace(old, role=role)
        try:
            await repository.store_user(tx, context.account_id, new)
        except IntegrityError as error:
            refuse_taken(error)
        details = rules.audit_details(old, new, asked_email=False)
        events.append(Event(EventType.USER_CHANGED, "user", old.id, details))
        events += await _end_access(tx, context.account_id, old.id, because=rules.ROLE_CHANGED)
    return events + await withdraw_known_secrets(tx, context)


async def find_user_to_inspect(tx: AsyncConnection, caller: Caller, user_id: UUID) -> User | Refusal:
    """Return the user if the caller may see their sessions and devices; raises `NotFound`."""
    user = await find_user(tx, caller, user_id)
    if refusal := rules.refuse_to_act_on(caller, user):
        return await deny(tx, caller, "user", user_id, refusal)
    return user


async def revoke_devices_of(tx: AsyncConnection, caller: Caller, user_id: UUID) -> Refusal | None:
    """Revoke every trusted device of a user; raises `NotFound`."""
    caller, user = await lock_caller_and_user(tx, caller, user_id)
    if refusal := rules.refuse_to_act_on(caller, user):
        return await deny(tx, caller, "user", user_id, refusal)
    events = await revoke_all(tx, caller.account_id, user_id, because=_BY_ADMIN)
    await record_act(tx, caller, *events)
    return None


async def end_sessions_of(tx: AsyncConnection, caller: Caller, user_id: UUID) -> Refusal | None:
    """End every session of a user, including the calling one if theirs; raises `NotFound`."""
    caller, user = await lock_caller_and_user(tx, caller, user_id)
    if refusal := rules.refuse_to_act_on(caller, user):
        return await deny(tx, caller, "user", user_id, refusal)
    events = await end_sessions(tx, caller.account_id, user_id, because=_BY_ADMIN)
    await record_act(tx, caller, *events)
    return None
