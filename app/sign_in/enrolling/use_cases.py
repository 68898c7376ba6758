"""Enrollment during a sign-in, because the account requires it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.users import repository as users
from app.accounts.users.rules import User
from app.core.callers import RequestContext
from app.core.errors import Conflict, Refusal
from app.crypto.digests import digest, is_secret
from app.crypto.sealing import Sealer
from app.enrollment import use_cases as enrollment
from app.enrollment.outcomes import BegunEnrollment
from app.enrollment.use_cases import EnrollingUser
from app.idempotency.rules import StoredAnswer
from app.idempotency.use_cases import KeyedRequest, lock_key, take_answer
from app.second_factor import repository as second_factor
from app.second_factor.recovery_codes.use_cases import NewCodes
from app.second_factor.rules import SecondFactorState
from app.sign_in import repository
from app.sign_in.completing import complete_with_second_factor, expired
from app.sign_in.outcomes import CompletedByEnrollment, Device
from app.sign_in.repository import FoundSignIn
from app.sign_in.rules import PREFIX, NextStep, SignIn
from app.sign_in.use_cases import find_open_sign_in


async def begin_enrollment(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    sign_in_token: str,
    *,
    kind: str,
    label: str | None,
) -> BegunEnrollment:
    """Begin the enrollment that the sign-in requires; raises as `open_enrolling_sign_in`."""
    found, user, state = await open_enrolling_sign_in(tx, context, sign_in_token)
    enrollee = await _enrollee(tx, context, found.sign_in, user)
    return await enrollment.begin_enrollment(tx, context, sealer, enrollee, state, kind=kind, label=label)


async def confirm_enrollment(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    enrollment_id: UUID,
    sign_in_token: str,
    *,
    digits: str,
    codes: NewCodes | None,
    device: Device,
    request: KeyedRequest | None,
) -> CompletedByEnrollment | StoredAnswer | Refusal:
    """Bind the authenticator and complete the sign-in; return it with the recovery codes.

    An authenticator enrolled here counts as required by the account, not as turned on by the user. If the same
    request was done before, and the session that it opened has not ended, this returns its answer. Raises what
    `open_enrolling_sign_in`, `lock_key` and `take_answer` raise.
    """
    if request:
        await lock_key(tx, request)
        # Whoever ends the session holds this lock. An answer is deleted with its session.
        await second_factor.lock_state(tx, context.account_id, request.user_id)
        if answer := await take_answer(tx, request):
            return answer
    found, user, state = await open_enrolling_sign_in(tx, context, sign_in_token)
    bound = await enrollment.confirm_enrollment(
        tx,
        context,
        sealer,
        enrollment_id,
        await _enrollee(tx, context, found.sign_in, user),
        state,
        digits=digits,
        codes=codes,
        turns_on=False,
        spared_session=None,
    )
    if isinstance(bound, Refusal):
        return bound
    completed = await complete_with_second_factor(
        tx, context, found, state, method=bound.method, device=device, replaces=[]
    )
    if completed is None:
        raise expired()
    return CompletedByEnrollment(completed, bound.recovery_codes or [])


async def find_enrolling_sign_in(
    tx: AsyncConnection, context: RequestContext, sign_in_token: str, *, keyed: bool
) -> SignIn:
    """Return the open sign-in of this token; raises `Unauthenticated` (`sign_in_expired`).

    With an `Idempotency-Key`, a used one too: its answer may be stored.
    """
    if not is_secret(sign_in_token, PREFIX):
        raise expired()
    found = await repository.find_sign_in(tx, context.account_id, digest(sign_in_token))
    if found is None or not (found.sign_in.is_open(context.now) or (keyed and found.sign_in.used_at)):
        raise expired()
    return found.sign_in


async def _enrollee(tx: AsyncConnection, context: RequestContext, sign_in: SignIn, user: User) -> EnrollingUser:
    policy = await accounts.get_policy(tx, context.account_id)
    return EnrollingUser(user.id, user.email, policy.kinds_for(user.role), sign_in_id=sign_in.id)


async def open_enrolling_sign_in(
    tx: AsyncConnection, context: RequestContext, sign_in_token: str
) -> tuple[FoundSignIn, User, SecondFactorState]:
    """Lock the state of a user who must enroll; return the sign-in, the user and the state.

    Raises `Unauthenticated` (`sign_in_expired`), or `Conflict` (`already_enrolled`) if the sign-in waits for a
    passcode or its user has enrolled an authenticator meanwhile.
    """
    account_id = context.account_id
    found = await find_open_sign_in(tx, context, sign_in_token)
    user_id = found.sign_in.user_id
    await second_factor.lock_state(tx, account_id, user_id)
    found = await find_open_sign_in(tx, context, sign_in_token)  # read again, now under the lock
    if found.sign_in.next_step is not NextStep.ENROLLMENT or await second_factor.list_authenticators(
        tx, account_id, user_id
    ):
        raise Conflict("An authenticator is enrolled already. Begin a new sign-in.", code="already_enrolled")
    if not found.is_alive:
        raise expired()
    current = await users.find_by_id(tx, account_id, user_id)
    if current is None:
        raise expired()
    return found, current.user, found.state
