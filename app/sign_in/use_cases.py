"""The steps of a sign-in: after the first factor, with a passcode, and with a recovery code."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.rules import SecurityPolicy
from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.accounts.users.rules import User
from app.audit.repository import event_rows
from app.audit.rules import Actor, Event, EventType
from app.core.assurance import PASSWORD
from app.core.callers import RequestContext
from app.core.errors import Refusal, Unavailable
from app.core.ids import NIL_ID, new_id
from app.credentials.passwords.use_cases import refuse_password
from app.crypto.digests import digest, is_secret, new_secret
from app.crypto.sealing import Sealer
from app.database.engine import Database
from app.delivery.letters import email_to
from app.second_factor import repository as second_factor
from app.second_factor.kinds.kind import Accepted
from app.second_factor.rules import (
    EVERY_SIGN_IN,
    NO_VERSION,
    AcceptedAnswer,
    Authenticator,
    SecondFactorState,
    after_failure,
    guessable,
)
from app.second_factor.settings.use_cases import no_authenticator
from app.second_factor.trusted_devices import repository as trusted_devices
from app.second_factor.trusted_devices.rules import TrustedDevice
from app.second_factor.trusted_devices.use_cases import find_replaced, find_trusted
from app.second_factor.use_cases import (
    Attempt,
    failure_email,
    judge_passcode,
    prove_by_recovery_code,
    refusal_of,
    sign_in_failure_events,
)
from app.sign_in import repository
from app.sign_in.completing import complete, complete_with_second_factor, expired
from app.sign_in.count_attempt import count_attempt
from app.sign_in.outcomes import Completed, Device, Waiting
from app.sign_in.repository import FoundSignIn, LockedUser
from app.sign_in.rules import LIFETIME, PREFIX, NextStep, SignIn, next_step
from app.throttling.rules import Bucket
from app.throttling.use_cases import refund_password_attempt

_MAX_TRIES = 8
"""How often an attempt is read and judged: five failures in a row throttle, so few others can interfere."""


async def is_known_device(
    tx: AsyncConnection, context: RequestContext, found: PasswordUser | None, device: Device
) -> bool:
    """Return whether the client is a device that this user still trusts.

    For an unknown e-mail address it runs the same queries with a user id that does not exist, so that the response
    time does not reveal whether the address is known.
    """
    user_id = found.user.id if found else NIL_ID
    tokens = device.tokens_of(user_id)
    if not tokens:
        return False
    policy = await accounts.get_policy(tx, context.account_id)
    return await find_trusted(tx, context, user_id, tokens, policy_days=policy.trusted_device_days) is not None


async def begin_sign_in(
    tx: AsyncConnection,
    context: RequestContext,
    checked: PasswordUser,
    renewed_hash: str | None,
    device: Device,
    buckets: list[Bucket],
) -> Completed | Waiting | Refusal:
    """Continue after a right password: complete, or wait for a passcode or an enrollment.

    `checked` is the user as read when the password was checked. If the user has changed since then, or may not
    sign in, the password counts as wrong.
    """
    account_id, user_id = context.account_id, checked.user.id
    if not checked.user.may_sign_in:
        return await refuse_password(tx, context, checked)  # the same queries as for a wrong password
    # Shared lock: a concurrent policy change with `end_sessions` either waits for us and ends this session too,
    # or commits first and we read its policy.
    await accounts.lock_policy_shared(tx, account_id)
    locked = await repository.lock_user(tx, account_id, user_id)
    if locked is None or locked.state.version != checked.version or not locked.user.may_sign_in:
        return await refuse_password(tx, context, checked)
    await refund_password_attempt(tx, context, buckets)
    if renewed_hash:
        await users.store_password_hash(tx, account_id, user_id, renewed_hash)
    return await continue_after_first_factor(tx, context, locked, device)


async def continue_after_first_factor(
    tx: AsyncConnection,
    context: RequestContext,
    locked: LockedUser,
    device: Device,
    *,
    asserted_by: UUID | None = None,
) -> Completed | Waiting:
    """Continue after the first factor of a locked user, with the step that `next_step` returns."""
    state, user, policy, authenticators = locked.state, locked.user, locked.policy, locked.authenticators
    trusted = await _find_trusted(tx, context, user, state, policy, device)
    step = next_step(
        required=policy.requires_two_factor_of(user.role),
        has_authenticator=bool(authenticators),
        turned_on_by_user=state.turned_on_by_user,
        trusted_device=trusted is not None,
    )
    if step is NextStep.COMPLETE:
        if trusted:
            await trusted_devices.touch(tx, context.account_id, trusted.id, now=context.now)
        return await complete(
            tx, context, user.id, amr=(PASSWORD,), by_trusted_device=trusted, asserted_by=asserted_by
        )
    token = new_secret(PREFIX)
    expires_at = context.now + LIFETIME
    sign_in = SignIn(new_id(context.now), user.id, step, state.version, expires_at, None, asserted_by)
    details = {"for": step.value} | ({"api_token_id": str(asserted_by)} if asserted_by else {})
    waiting = Event(EventType.SIGN_IN_WAITING, "sign_in", sign_in.id, details)
    await repository.add_sign_in(tx, context, sign_in, digest(token), waiting)
    usable = authenticators
    if state.authenticators_disabled_at:
        disabled = guessable(authenticators)
        usable = [known for known in authenticators if known not in disabled]
    return Waiting(step, token, expires_at, usable, policy.kinds_for(user.role))


async def _find_trusted(
    tx: AsyncConnection,
    context: RequestContext,
    user: User,
    state: SecondFactorState,
    policy: SecurityPolicy,
    device: Device,
) -> TrustedDevice | None:
    if state.passcode_frequency == EVERY_SIGN_IN:
        return None
    tokens = device.tokens_of(user.id)
    return await find_trusted(tx, context, user.id, tokens, policy_days=policy.trusted_device_days)


async def submit_passcode(
    database: Database,
    context: RequestContext,
    sealer: Sealer,
    sign_in_token: str,
    attempt: Attempt,
    device: Device,
) -> Completed | Refusal:
    """Complete the sign-in if its passcode is right, else count the failure.

    Reads and judges without a lock, then writes with one durable statement that locks the user's state. If
    anything has changed since the read, the statement writes nothing, the verdict is discarded, and everything is
    read and judged again. So no answer is sent before its failure is counted.

    Raises `Unauthenticated` (`sign_in_expired`) for a sign-in that has ended and `Conflict` for one that waits for
    an enrollment; neither counts as an attempt. Raises `Unavailable` if the state changed at every try.
    """
    if not is_secret(sign_in_token, PREFIX):
        raise expired()
    for _ in range(_MAX_TRIES):
        async with database.read() as tx:
            read = await repository.find_with_authenticators(tx, context.account_id, digest(sign_in_token))
            found, known = check_waiting(read, context)
            if refusal := refusal_of(found.state, context, attempt):
                return refusal
            replaces = await find_replaced(
                tx, context, found.sign_in.user_id, device.tokens_of(found.sign_in.user_id)
            )
        verdict = judge_passcode(context, sealer, found.sign_in.user_id, known, attempt)
        async with database.single_statement() as tx:
            outcome = await _write(
                tx, context, found, verdict, device, replaces, authenticators=len(guessable(known))
            )
        if outcome is not None:
            return outcome
    raise _changed_meanwhile()


def check_waiting(
    read: tuple[FoundSignIn, list[Authenticator]] | None, context: RequestContext
) -> tuple[FoundSignIn, list[Authenticator]]:
    """Return `read` if the sign-in waits for a passcode; otherwise raise as `submit_passcode`."""
    if read is None or not read[0].sign_in.is_open(context.now) or not read[0].is_alive:
        raise expired()
    if read[0].sign_in.next_step is not NextStep.PASSCODE:
        raise no_authenticator()
    return read


async def _write(
    tx: AsyncConnection,
    context: RequestContext,
    found: FoundSignIn,
    verdict: AcceptedAnswer | Refusal,
    device: Device,
    replaces: list[UUID],
    *,
    authenticators: int,
) -> Completed | Refusal | None:
    """Write the result of the verdict; None, and nothing written, if `found` is outdated.

    If it is outdated, the statement of the opposite verdict runs too, with a state that matches no row. So the
    response time does not reveal whether the discarded verdict was right or wrong.
    """
    state, sign_in = found.state, found.sign_in
    unmatched_state = replace(state, version=NO_VERSION)
    if isinstance(verdict, AcceptedAnswer):
        completed = await complete_with_second_factor(
            tx,
            context,
            found,
            state,
            method=verdict.kind.amr,
            passcode=verdict.accepted,
            device=device,
            replaces=replaces,
        )
        if completed is None:
            await count_attempt(tx, context, sign_in, unmatched_state, unmatched_state, [], None)
        return completed
    after = after_failure(state, context.now, authenticators=authenticators)
    events = sign_in_failure_events(context, sign_in.user_id, state, after, verdict)
    rows = event_rows(context, Actor(sign_in.user_id, None), *events)
    news = failure_email(state, after)
    email = email_to(found.recipient, context, news.kind, **news.details) if news else None
    if await count_attempt(tx, context, sign_in, state, after, rows, email):
        return verdict
    nothing = Accepted(sign_in.id, 0)
    await complete_with_second_factor(
        tx, context, found, unmatched_state, method="none", passcode=nothing, device=device, replaces=replaces
    )
    return None


async def submit_recovery_code(
    tx: AsyncConnection,
    context: RequestContext,
    sign_in_token: str,
    attempt: Attempt,
    device: Device,
) -> Completed | Refusal:
    """Use up a recovery code and complete the sign-in, or count the failure.

    Raises the same as `submit_passcode`, except `Unavailable`.
    """
    user_id = (await find_open_sign_in(tx, context, sign_in_token)).sign_in.user_id
    await second_factor.lock_state(tx, context.account_id, user_id)
    found = await find_open_sign_in(tx, context, sign_in_token)  # read again, now under the lock
    check_waiting((found, []), context)
    proof = await prove_by_recovery_code(tx, context, user_id, attempt)
    if isinstance(proof, Refusal):
        return proof
    if proof is None:
        raise expired()
    completed = await complete_with_second_factor(
        tx, context, found, found.state, method=proof.method, device=device, replaces=[]
    )
    if completed is None:
        raise expired()
    return completed


async def find_open_sign_in(tx: AsyncConnection, context: RequestContext, sign_in_token: str) -> FoundSignIn:
    """Return the sign-in of this token; raise `Unauthenticated` if unknown, used or expired."""
    if not is_secret(sign_in_token, PREFIX):
        raise expired()
    found = await repository.find_sign_in(tx, context.account_id, digest(sign_in_token))
    if found is None or not found.sign_in.is_open(context.now):
        raise expired()
    return found


def _changed_meanwhile() -> Unavailable:
    return Unavailable("Somebody is changing this user's second factor. Try again.")
