"""Signing in: what follows a password, a passcode, and an enrollment that the account demands."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.rules import SecurityPolicy
from app.accounts.users import repository as users
from app.accounts.users.repository import PasswordUser
from app.accounts.users.rules import ACTIVE, User
from app.core.assurance import PASSWORD
from app.core.callers import RequestContext
from app.core.errors import Refusal, Unauthenticated, Unavailable
from app.credentials.passwords.use_cases import refuse_password
from app.crypto.digests import digest, is_secret, new_secret
from app.crypto.sealing import Sealer
from app.database.ids import new_id
from app.second_factor import repository as second_factor
from app.second_factor.passcode import RecoveryCode, TotpPasscode
from app.second_factor.rules import EVERY_SIGN_IN, Accepted, SecondFactorState
from app.second_factor.settings.use_cases import no_authenticator
from app.second_factor.trusted_devices import repository as trusted_devices
from app.second_factor.trusted_devices.rules import TrustedDevice
from app.second_factor.trusted_devices.use_cases import find_trusted
from app.second_factor.use_cases import (
    Attempt,
    judge_attempt,
    judge_passcode,
    record_failure,
    refusal_of,
    used_meanwhile,
)
from app.sign_in import repository
from app.sign_in.complete_sign_in import complete, complete_with_second_factor, expired
from app.sign_in.outcomes import Completed, Device, Waiting
from app.sign_in.repository import CountedAttempt, FoundSignIn, LockedUser
from app.sign_in.rules import LIFETIME, PREFIX, NextStep, SignIn, next_step
from app.throttling.rules import Bucket
from app.throttling.use_cases import take_password_attempt_back

_NO_ID = UUID(int=0)


async def is_known_device(
    tx: AsyncConnection, context: RequestContext, found: PasswordUser | None, device: Device
) -> bool:
    """Whether the client is one in which this user passed a passcode and which is still trusted.

    For an address that nobody has it is asked just the same, of nobody, so that the time taken does not tell.
    """
    user_id = found.user.id if found else _NO_ID
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
    """Go on after a right password: complete, or wait for a passcode or an enrollment.

    `checked` is the user whose hash it was checked against; when that is not the user's any more, or they may not
    sign in, the password counts as wrong.
    """
    account_id, user_id = context.account_id, checked.user.id
    if checked.user.status != ACTIVE:
        return await refuse_password(tx, context, checked)  # with the work of a wrong password, and no more
    # A policy that ends sessions must find this one, or be found by it.
    await accounts.lock_policy_shared(tx, account_id)
    locked = await repository.lock_user(tx, account_id, user_id)
    if locked is None or locked.state.version != checked.version or locked.user.status != ACTIVE:
        return await refuse_password(tx, context, checked)
    await take_password_attempt_back(tx, context, buckets)
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
    """Go on after the first factor of a locked user, as the truth table says."""
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
            await trusted_devices.note_use(tx, context.account_id, trusted.id, now=context.now)
        return await complete(tx, context, user.id, amr=(PASSWORD,), by_device=trusted, asserted_by=asserted_by)
    token = new_secret(PREFIX)
    expires_at = context.now + LIFETIME
    sign_in = SignIn(new_id(context.now), user.id, step, state.version, expires_at, None, asserted_by)
    await repository.add_sign_in(tx, context.account_id, sign_in, digest(token), now=context.now)
    usable = [] if state.authenticators_disabled_at else authenticators
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
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    sign_in_token: str,
    attempt: Attempt,
    device: Device,
) -> Completed | Refusal:
    """Judge the passcode of a sign-in, and complete it if it is right.

    The attempt is counted before anything is judged. Raises `Unauthenticated` (`sign_in_expired`) for a dead
    sign-in and `Conflict` for one that waits for an enrollment: neither costs an attempt.
    """
    if not is_secret(sign_in_token, PREFIX):
        raise expired()
    by_authenticator = isinstance(attempt.passcode, TotpPasscode)
    counted = await repository.count_attempt(
        tx, context.account_id, digest(sign_in_token), now=context.now, with_authenticator=by_authenticator
    )
    if counted is None:
        return await _refuse_attempt(tx, context, sign_in_token, attempt)
    outcome = await _judge(tx, context, sealer, counted, attempt, device)
    if isinstance(outcome, Refusal) and outcome.code == "passcode_already_used":
        # Sent twice at once, it may have completed this very sign-in: that costs no attempt.
        await find_open_sign_in(tx, context, sign_in_token)
    return outcome


async def _judge(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    counted: CountedAttempt,
    attempt: Attempt,
    device: Device,
) -> Completed | Refusal:
    found, state, user_id = counted.found, counted.state, counted.found.sign_in.user_id
    if isinstance(attempt.passcode, RecoveryCode):
        proof = await judge_attempt(tx, context, sealer, user_id, state, attempt)
        if isinstance(proof, Refusal):
            return proof
        return await complete_with_second_factor(tx, context, found, state, method=proof.method, device=device)
    verdict = judge_passcode(context, sealer, counted.authenticators, attempt)
    if isinstance(verdict, Accepted):
        try:
            return await complete_with_second_factor(tx, context, found, state, passcode=verdict, device=device)
        except Unauthenticated:  # somebody was faster, with the sign-in or with the passcode
            verdict = used_meanwhile(context, verdict)
    await record_failure(tx, context, user_id, state, verdict)
    return verdict


async def _refuse_attempt(
    tx: AsyncConnection, context: RequestContext, sign_in_token: str, attempt: Attempt
) -> Refusal:
    """Say why an attempt was not counted: return the refusal, or raise it."""
    found = await find_open_sign_in(tx, context, sign_in_token)
    state = await second_factor.get_state(tx, context.account_id, found.sign_in.user_id)
    refusal = state and refusal_of(state, context, attempt)
    if refusal:
        return refusal
    still_alive(found, state)
    if found.sign_in.next_step is not NextStep.PASSCODE:
        raise no_authenticator()
    raise Unavailable("Somebody has just changed this user's second factor. Try again.")


def still_alive(found: FoundSignIn, state: SecondFactorState | None) -> SecondFactorState:
    """Return the state; raises `Unauthenticated` when something has ended the sign-in."""
    if state is None or found.sign_in.version != state.version or found.status != ACTIVE:
        raise expired()
    return state


async def find_open_sign_in(tx: AsyncConnection, context: RequestContext, sign_in_token: str) -> FoundSignIn:
    """Return the sign-in that the token holds; raises `Unauthenticated` when it is unknown, used or too old."""
    if not is_secret(sign_in_token, PREFIX):
        raise expired()
    found = await repository.find_sign_in(tx, context.account_id, digest(sign_in_token))
    if found is None or not found.sign_in.is_open(context.now):
        raise expired()
    return found
