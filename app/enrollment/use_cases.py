"""Bind an authenticator in two steps: begin with a new secret, confirm with a passcode."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.assurance import TEST_PASSCODE
from app.core.callers import RequestContext
from app.core.errors import Conflict, Gone, NotFound, Refusal, Unauthenticated, invalid_field
from app.core.ids import new_id
from app.crypto.passwords import Hasher
from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.database.engine import Database
from app.delivery.letters import Kind as Letter
from app.delivery.letters import notify_user
from app.enrollment import repository
from app.enrollment.outcomes import BegunEnrollment, ConfirmedEnrollment
from app.enrollment.rules import LIFETIME, MOST_FAILURES, Enrollment
from app.second_factor import repository as second_factor
from app.second_factor.fixed_passcode import is_test_passcode
from app.second_factor.kinds.kind import BEFORE_ANY_COUNTER, Confirmed, DisplayNames, Kind
from app.second_factor.kinds.registry import find_kind
from app.second_factor.recovery_codes.use_cases import NewCodes, make_codes, store_codes
from app.second_factor.rules import Authenticator, SecondFactorState, guessable
from app.second_factor.settings.repository import remove_authenticators
from app.second_factor.settings.rules import MOST_AUTHENTICATORS
from app.second_factor.trusted_devices.use_cases import revoke_all
from app.second_factor.use_cases import secret_associated_data
from app.sessions.use_cases import end_sessions

log = structlog.get_logger()


@dataclass(frozen=True)
class EnrollingUser:
    """The user, the kinds that the policy allows, and a session's credential or a sign-in's id."""

    user_id: UUID
    email: str
    kinds: tuple[str, ...]
    credential: str | None = None
    sign_in_id: UUID | None = None

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        return Actor(self.user_id, self.credential)


def _place(account_id: UUID, user_id: UUID, enrollment_id: UUID) -> AssociatedData:
    return AssociatedData("enrollments", "sealed_secret", account_id, enrollment_id, user_id)


async def begin_enrollment(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    enrollee: EnrollingUser,
    state: SecondFactorState,
    *,
    kind: str,
    label: str | None,
) -> BegunEnrollment:
    """Begin an enrollment, and void the user's open one; the caller has locked `state`.

    Raises `InvalidRequest` for a kind that the policy does not allow, and `Conflict` if the user has five working
    authenticators. Disabled ones do not count, because the new one replaces them.
    """
    account_id, user_id = context.account_id, enrollee.user_id
    known_kind = find_kind(kind)
    if known_kind is None or kind not in enrollee.kinds:
        raise invalid_field("/kind", "not_allowed", "The account does not allow this kind of authenticator.")
    _refuse_too_many(state, await second_factor.list_authenticators(tx, account_id, user_id))
    account = await accounts.get_account(tx, account_id)
    new = known_kind.begin(DisplayNames(account.name, enrollee.email))
    enrollment_id = new_id(context.now)
    enrollment = Enrollment(
        id=enrollment_id,
        user_id=user_id,
        sign_in_id=enrollee.sign_in_id,
        kind=kind,
        label=label or known_kind.default_label,
        sealed_secret=sealer.seal(new.secret, _place(account_id, user_id, enrollment_id)),
        version=state.version,
        failures=0,
        created_at=context.now,
        expires_at=context.now + LIFETIME,
        ended_at=None,
    )
    await repository.add_enrollment(tx, account_id, enrollment)
    begun = Event(EventType.ENROLLMENT_BEGUN, "enrollment", enrollment.id, {"kind": kind})
    await record(tx, context, enrollee.actor, begun)
    return BegunEnrollment(enrollment.id, kind, enrollment.expires_at, new.shown)


def _refuse_too_many(state: SecondFactorState, authenticators: list[Authenticator]) -> None:
    disabled = guessable(authenticators) if state.authenticators_disabled_at else []
    if len(authenticators) - len(disabled) >= MOST_AUTHENTICATORS:
        raise Conflict(f"A user has at most {MOST_AUTHENTICATORS} authenticators.")


async def prepare_codes(
    database: Database,
    hasher: Hasher,
    sealer: Sealer,
    context: RequestContext,
    user_id: UUID,
    enrollment_id: UUID,
    digits: str,
) -> NewCodes | None:
    """Create recovery codes if the confirmation will need them, hashed before its transaction.

    The result of these checks is not binding: `confirm_enrollment` repeats them. With a wrong passcode nothing is
    hashed.
    """
    async with database.read() as tx:
        enrollment = await repository.find_enrollment(tx, context.account_id, user_id, enrollment_id)
        first = not await second_factor.list_authenticators(tx, context.account_id, user_id)
        test = await is_test_passcode(tx, context, user_id, digits)
    if not first or enrollment is None or enrollment.ended_at is not None:
        return None
    if _confirm(context, sealer, enrollment, _kind_of(enrollment), digits, test=test) is None:
        return None
    return await make_codes(hasher, context.now)


def _kind_of(enrollment: Enrollment) -> Kind:
    kind = find_kind(enrollment.kind)
    if kind is None:  # begun by a newer release
        raise _gone()
    return kind


def _confirm(
    context: RequestContext, sealer: Sealer, enrollment: Enrollment, kind: Kind, given: str, *, test: bool
) -> Confirmed | None:
    answer = kind.parse(given)
    if answer is None:
        return None
    secret = _open(sealer, context.account_id, enrollment)
    return Confirmed(secret, BEFORE_ANY_COUNTER) if test else kind.confirm(secret, answer, now=context.now)


def _open(sealer: Sealer, account_id: UUID, enrollment: Enrollment) -> bytes:
    try:
        return sealer.open(enrollment.sealed_secret, _place(account_id, enrollment.user_id, enrollment.id))
    except SealBroken as error:
        log.exception("sealed secret does not open", enrollment_id=str(enrollment.id), reason=str(error))
        raise _gone() from error


async def confirm_enrollment(
    tx: AsyncConnection,
    context: RequestContext,
    sealer: Sealer,
    enrollment_id: UUID,
    enrollee: EnrollingUser,
    state: SecondFactorState,
    *,
    digits: str,
    codes: NewCodes | None,
    turns_on: bool,
    spared_session: UUID | None,
) -> ConfirmedEnrollment | Refusal:
    """Check the passcode and bind the authenticator; the caller has locked `state`.

    This invalidates earlier sign-ins and enrollments, and revokes trusted devices. With the first authenticator,
    it also stores the recovery `codes` and ends the other sessions. The passcode counts as used. Raises
    `NotFound`, `Gone` or `Conflict`. A wrong passcode is a returned refusal, and the fifth one voids the
    enrollment.
    """
    account_id, user_id = context.account_id, enrollee.user_id
    enrollment = await repository.find_enrollment(tx, account_id, user_id, enrollment_id)
    if enrollment is None or enrollment.sign_in_id != enrollee.sign_in_id:
        raise NotFound("There is no such enrollment.")
    if not enrollment.is_open(version=state.version, now=context.now):
        raise _gone()
    kind = _kind_of(enrollment)
    test = await is_test_passcode(tx, context, user_id, digits)
    confirmed = _confirm(context, sealer, enrollment, kind, digits, test=test)
    if confirmed is None:
        return await _count_wrong_passcode(tx, context, enrollee, enrollment)
    known = await second_factor.list_authenticators(tx, account_id, user_id)
    _refuse_too_many(state, known)
    if not known and codes is None:
        raise Conflict("The authenticators changed meanwhile. Send the passcode again.")
    authenticator = _authenticator(context, sealer, enrollment, confirmed)
    await repository.end_enrollment(tx, account_id, enrollment.id, now=context.now)
    await second_factor.add_authenticator(tx, account_id, user_id, authenticator)
    events = [Event(EventType.AUTHENTICATOR_ADDED, "authenticator", authenticator.id, {"kind": enrollment.kind})]
    failures, blocked_until = state.failures, state.blocked_until
    disabled = guessable(known) if state.authenticators_disabled_at else []
    if state.authenticators_disabled_at is not None:
        failures, blocked_until = 0, None  # these belong to the disabled authenticators, which are removed
        await remove_authenticators(tx, account_id, user_id, [gone.id for gone in disabled])
        events += [Event(EventType.AUTHENTICATOR_REMOVED, "authenticator", gone.id) for gone in disabled]
    if turns_on and not state.turned_on_by_user:
        events.append(Event(EventType.TWO_FACTOR_TURNED_ON, "user", user_id))
    await second_factor.change_state(
        tx,
        account_id,
        user_id,
        new_version=True,
        turned_on_by_user=state.turned_on_by_user or turns_on,
        failures=failures,
        blocked_until=blocked_until,
        authenticators_disabled_at=None,
        last_passcode_at=context.now,
    )
    events += await revoke_all(tx, account_id, user_id, because="an authenticator was added")
    first_codes = codes if not known else None
    if first_codes:
        await store_codes(tx, account_id, user_id, first_codes, now=context.now)
        because = "the first authenticator was added"
        events += await end_sessions(tx, account_id, user_id, because=because, except_session_id=spared_session)
    await record(tx, context, enrollee.actor, *events)
    # Send one e-mail only: the one about 2FA also names the authenticator.
    on_now = first_codes is not None or (turns_on and not state.turned_on_by_user)
    letter = Letter.TWO_FACTOR_TURNED_ON if on_now else Letter.AUTHENTICATOR_ADDED
    await notify_user(tx, context, user_id, letter, label=authenticator.label, replaced=len(disabled))
    method = TEST_PASSCODE if test else kind.amr
    return ConfirmedEnrollment(authenticator, first_codes.shown if first_codes else None, method)


async def _count_wrong_passcode(
    tx: AsyncConnection, context: RequestContext, enrollee: EnrollingUser, enrollment: Enrollment
) -> Refusal:
    failures = await repository.count_failure(tx, context.account_id, enrollment.id)
    if failures >= MOST_FAILURES:
        await repository.end_enrollment(tx, context.account_id, enrollment.id, now=context.now)
    details = {"at": "enrollment", "failures": failures, "void": failures >= MOST_FAILURES}
    failed = Event(EventType.PASSCODE_FAILED, "enrollment", enrollment.id, details)
    await record(tx, context, enrollee.actor, failed)
    return Unauthenticated("The passcode is not correct.", code="passcode_incorrect")


def _authenticator(
    context: RequestContext, sealer: Sealer, enrollment: Enrollment, confirmed: Confirmed
) -> Authenticator:
    authenticator_id = new_id(context.now)
    place = secret_associated_data(context.account_id, enrollment.user_id, authenticator_id)
    return Authenticator(
        id=authenticator_id,
        kind=enrollment.kind,
        label=enrollment.label,
        sealed_secret=sealer.seal(confirmed.secret, place),
        counter=confirmed.counter,
        created_at=context.now,
        last_used_at=context.now,
    )


def _gone() -> Gone:
    return Gone("The enrollment has ended. Begin a new one.")
