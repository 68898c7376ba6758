"""Changes of a user's two-factor settings, and new recovery codes given by an admin."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.rules import SecurityPolicy
from app.accounts.users import repository as users
from app.audit.repository import deny, record, record_act
from app.audit.rules import Actor, Event, EventType
from app.core.callers import Caller, RequestContext, Role
from app.core.errors import Conflict, Forbidden, NotFound, Refusal, StepUpRequired, Unauthenticated
from app.delivery.letters import Kind, notify_user
from app.idempotency.rules import StoredAnswer
from app.idempotency.use_cases import KeyedRequest, lock_key, take_answer
from app.second_factor import repository as second_factor
from app.second_factor.authority import lock_caller_and_user, refuse_ended
from app.second_factor.recovery_codes import repository as recovery_codes
from app.second_factor.recovery_codes.use_cases import NewCodes, store_codes
from app.second_factor.rules import EVERY_SIGN_IN, Authenticator, SecondFactorState, guessable
from app.second_factor.settings import repository
from app.second_factor.settings.rules import TwoFactor, status
from app.second_factor.throttle import failures_after_removal
from app.second_factor.trusted_devices import repository as trusted_devices
from app.second_factor.trusted_devices.use_cases import revoke_all


async def show_two_factor(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, role: Role, policy: SecurityPolicy
) -> TwoFactor:
    """Return the user's current two-factor settings; raises `NotFound`."""
    state = await second_factor.get_state(tx, context.account_id, user_id)
    if state is None:
        raise NotFound
    authenticators = await second_factor.list_authenticators(tx, context.account_id, user_id)
    required = policy.requires_two_factor_of(role)
    return TwoFactor(
        status=status(
            required=required,
            has_authenticator=bool(authenticators),
            turned_on_by_user=state.turned_on_by_user,
            third_party_only=await repository.is_third_party_only(tx, context.account_id, user_id),
        ),
        required_by_account=required,
        turned_on_by_user=state.turned_on_by_user,
        passcode_frequency=state.passcode_frequency,
        authenticators=authenticators,
        recovery_codes_left=await recovery_codes.count_left(tx, context.account_id, user_id),
        trusted_devices=await trusted_devices.count_devices(
            tx, context.account_id, user_id, policy_days=policy.trusted_device_days, now=context.now
        ),
        last_passcode_at=state.last_passcode_at,
    )


async def lock_own_state(tx: AsyncConnection, caller: Caller) -> SecondFactorState:
    """Lock and return the caller's state; raises `Unauthenticated` if the session has ended."""
    state = await second_factor.lock_state(tx, caller.account_id, caller.user_id)
    if state is None:
        raise Unauthenticated("The session has ended.")
    await refuse_ended(tx, caller)
    return state


async def lock_own_factors(tx: AsyncConnection, caller: Caller) -> tuple[SecondFactorState, list[Authenticator]]:
    """Lock the state of a caller with a fresh session; return it and the authenticators.

    Raises `StepUpRequired` if the first authenticator was added after the request came in: then the session is
    fresh by a password, which is no longer enough. Raises `Unauthenticated` if the session has ended.
    """
    state = await lock_own_state(tx, caller)
    authenticators = await second_factor.list_authenticators(tx, caller.account_id, caller.user_id)
    if authenticators and not caller.has_authenticator:
        raise StepUpRequired("Prove your new second factor (POST /session/step-up).")
    return state, authenticators


async def set_passcode_frequency(tx: AsyncConnection, caller: Caller, frequency: str) -> None:
    """Set how often a trusted device needs a passcode; `every_sign_in` revokes all of them."""
    account_id, user_id = caller.account_id, caller.user_id
    old = (await lock_own_state(tx, caller)).passcode_frequency
    events = []
    if frequency != old:
        await second_factor.change_state(tx, account_id, user_id, passcode_frequency=frequency)
        details = {"old": old, "new": frequency}
        events.append(Event(EventType.TWO_FACTOR_FREQUENCY_CHANGED, "user", user_id, details))
    if frequency == EVERY_SIGN_IN:
        because = "a passcode at every sign-in was asked for"
        events += await revoke_all(tx, account_id, user_id, because=because)
    await record_act(tx, caller, *events)


async def keep_turned_on(tx: AsyncConnection, caller: Caller) -> None:
    """Keep 2FA on for the caller even if the account stops requiring it.

    Raises `Conflict` (`no_authenticator`) without a confirmed authenticator.
    """
    state, authenticators = await lock_own_factors(tx, caller)
    if not authenticators:
        raise no_authenticator()
    if not state.turned_on_by_user:
        await second_factor.change_state(tx, caller.account_id, caller.user_id, turned_on_by_user=True)
        await record_act(tx, caller, Event(EventType.TWO_FACTOR_TURNED_ON, "user", caller.user_id))
        await notify_user(tx, caller.context, caller.user_id, Kind.TWO_FACTOR_TURNED_ON, label=None)


async def turn_off(tx: AsyncConnection, caller: Caller) -> None:
    """Turn 2FA off for the caller: delete authenticators, recovery codes and trusted devices.

    Raises `Conflict` (`two_factor_required`) while the account requires it.
    """
    account_id, user_id = caller.account_id, caller.user_id
    # Shared lock: a concurrent policy change either waits for us, or commits first and we read its policy.
    await accounts.lock_policy_shared(tx, account_id)
    _, authenticators = await lock_own_factors(tx, caller)
    policy = await accounts.get_policy(tx, account_id)
    if policy.requires_two_factor_of(caller.role):
        raise Conflict("The account requires two-factor authentication of you.", code="two_factor_required")
    if not authenticators:
        return
    await repository.remove_authenticators(tx, account_id, user_id, [found.id for found in authenticators])
    await recovery_codes.remove_set(tx, account_id, user_id)
    await second_factor.change_state(
        tx,
        account_id,
        user_id,
        new_version=True,
        turned_on_by_user=False,
        failures=0,
        blocked_until=None,
        step_up_failures=0,
        step_up_blocked_until=None,
        authenticators_disabled_at=None,
    )
    revoked = await revoke_all(tx, account_id, user_id, because="two-factor authentication was turned off")
    removed = [Event(EventType.AUTHENTICATOR_REMOVED, "authenticator", found.id) for found in authenticators]
    await record_act(tx, caller, *removed, Event(EventType.TWO_FACTOR_TURNED_OFF, "user", user_id), *revoked)
    await notify_user(tx, caller.context, user_id, Kind.TWO_FACTOR_TURNED_OFF)


async def rename_authenticator(
    tx: AsyncConnection, caller: Caller, authenticator_id: UUID, label: str | None
) -> Authenticator:
    """Change the label of one of the caller's authenticators; raises `NotFound`.

    Without a `label` nothing changes.
    """
    await lock_own_state(tx, caller)
    listed = await second_factor.list_authenticators(tx, caller.account_id, caller.user_id)
    mine = {found.id: found for found in listed}
    if authenticator_id not in mine:
        raise NotFound
    found = mine[authenticator_id]
    if label is None or label == found.label:
        return found
    await repository.rename_authenticator(tx, caller.account_id, authenticator_id, label)
    details = {"old": found.label, "new": label}
    await record_act(tx, caller, Event(EventType.AUTHENTICATOR_RENAMED, "authenticator", found.id, details))
    return replace(found, label=label)


async def remove_authenticator(tx: AsyncConnection, caller: Caller, authenticator_id: UUID) -> None:
    """Remove one of the caller's authenticators.

    Raises `NotFound`, or `Conflict` (`last_authenticator`) if it is the only one.
    """
    account_id, user_id = caller.account_id, caller.user_id
    state, listed = await lock_own_factors(tx, caller)
    mine = {found.id: found.label for found in listed}
    if authenticator_id not in mine:
        raise NotFound
    if len(mine) == 1:
        raise Conflict(
            "This is your only authenticator. Add the new one first, or turn two-factor authentication off.",
            code="last_authenticator",
        )
    await repository.remove_authenticators(tx, account_id, user_id, [authenticator_id])
    counted = [known.id for known in guessable(listed)]
    failures = state.failures
    if authenticator_id in counted:
        failures = failures_after_removal(failures, len(counted))
    await second_factor.change_state(tx, account_id, user_id, new_version=True, failures=failures)
    revoked = await revoke_all(tx, account_id, user_id, because="an authenticator was removed")
    removed = Event(EventType.AUTHENTICATOR_REMOVED, "authenticator", authenticator_id)
    await record_act(tx, caller, removed, *revoked)
    await notify_user(tx, caller.context, user_id, Kind.AUTHENTICATOR_REMOVED, label=mine[authenticator_id])


async def renew_own_recovery_codes(
    tx: AsyncConnection, caller: Caller, codes: NewCodes, request: KeyedRequest | None
) -> NewCodes | StoredAnswer:
    """Store new recovery codes for the caller, or return the answer to the same request.

    Raises `Conflict` (`no_authenticator`), and what `lock_key` and `take_answer` raise.
    """
    await lock_key(tx, request)
    await lock_own_factors(tx, caller)
    if answer := await take_answer(tx, request):
        return answer
    await _renew(tx, caller.context, caller.user_id, codes)
    await record_act(tx, caller, Event(EventType.RECOVERY_CODES_REGENERATED, "user", caller.user_id))
    await notify_user(tx, caller.context, caller.user_id, Kind.RECOVERY_CODES_REGENERATED, by=None)
    return codes


async def renew_recovery_codes_of(
    tx: AsyncConnection,
    caller: Caller,
    user_id: UUID,
    codes: NewCodes,
    *,
    reason: str,
    request: KeyedRequest | None,
) -> NewCodes | StoredAnswer | Refusal:
    """Store new recovery codes for another user, and revoke that user's trusted devices.

    Or return the answer to the same request. Raises `NotFound` or `Conflict` (`no_authenticator`), and what
    `lock_key` and `take_answer` raise. Only the owner may do this for the owner: that refusal is returned, not
    raised, so that its audit event is committed.
    """
    await lock_key(tx, request)
    caller, user = await lock_caller_and_user(tx, caller, user_id)
    if user.role is Role.OWNER and caller.role is not Role.OWNER:
        return await deny(
            tx,
            caller,
            "user" if user_id else None,
            user_id,
            Forbidden("Only the owner may do this for the owner."),
        )
    if answer := await take_answer(tx, request):
        return answer
    await renew_recovery_codes(
        tx, caller.context, Actor(caller.user_id, caller.credential), user_id, codes, reason=reason
    )
    return codes


async def refuse_turning_off(tx: AsyncConnection, caller: Caller, user_id: UUID | None) -> Refusal:
    """Record the attempt to turn off 2FA for a user by id, and return the refusal.

    The refusal is the same whether or not the user exists.
    """
    detail = "Only the user can turn two-factor authentication off, under /users/me/two-factor."
    return await deny(
        tx, caller, "user" if user_id else None, user_id, Forbidden(detail, code="only_the_user_can_turn_off")
    )


async def renew_recovery_codes(
    tx: AsyncConnection, context: RequestContext, actor: Actor, user_id: UUID, codes: NewCodes, *, reason: str
) -> None:
    """Store new recovery codes for a user on behalf of `actor`; raises `NotFound` or `Conflict`."""
    if await second_factor.lock_state(tx, context.account_id, user_id) is None:
        raise NotFound
    await _renew(tx, context, user_id, codes)
    revoked = await revoke_all(tx, context.account_id, user_id, because="recovery codes were regenerated")
    renewed = Event(EventType.RECOVERY_CODES_REGENERATED, "user", user_id, {"reason": reason})
    await record(tx, context, actor, renewed, *revoked)
    admin = await users.find_by_id(tx, context.account_id, actor.user_id) if actor.user_id else None
    by = {"name": admin.user.name, "email": admin.user.email} if admin else None
    await notify_user(tx, context, user_id, Kind.RECOVERY_CODES_REGENERATED, by=by)


async def _renew(tx: AsyncConnection, context: RequestContext, user_id: UUID, codes: NewCodes) -> None:
    if not await second_factor.list_authenticators(tx, context.account_id, user_id):
        raise no_authenticator()
    await store_codes(tx, context.account_id, user_id, codes, now=context.now)


def no_authenticator() -> Conflict:
    """Return the refusal of an action that needs a confirmed authenticator."""
    return Conflict("There is no confirmed authenticator.", code="no_authenticator")
