"""SQL for the state of a user's second factor and for authenticators."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import Caller, Credential
from app.database.base import param
from app.database.statements import PrecompiledStatement, Row
from app.database.tables import accounts, api_tokens, authenticators, second_factor_state, sessions, users
from app.second_factor.kinds.kind import Accepted
from app.second_factor.rules import Authenticator, SecondFactorState

STATE_COLUMNS = [
    second_factor_state.c.version,
    second_factor_state.c.failures,
    second_factor_state.c.blocked_until,
    second_factor_state.c.authenticators_disabled_at,
    second_factor_state.c.turned_on_by_user,
    second_factor_state.c.passcode_frequency,
    second_factor_state.c.last_passcode_at,
]

_OF_USER = (
    second_factor_state.c.account_id == param(second_factor_state.c.account_id),
    second_factor_state.c.user_id == param(second_factor_state.c.user_id),
)
_GET = select(*STATE_COLUMNS).where(*_OF_USER)
_LOCK = PrecompiledStatement(_GET.with_for_update(key_share=True))
_READ = PrecompiledStatement(_GET)


def _of(account_id: UUID, user_id: UUID) -> tuple[Any, Any]:
    return second_factor_state.c.account_id == account_id, second_factor_state.c.user_id == user_id


def _state(row: Row | None) -> SecondFactorState | None:
    return SecondFactorState(*row) if row else None


async def get_state(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> SecondFactorState | None:
    """Return the state without locking it; None if there is no such user."""
    return _state(await _READ.row(tx, {"given_account_id": account_id, "given_user_id": user_id}))


async def lock_state(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> SecondFactorState | None:
    """Lock the user's state until the transaction ends, and return it; None without such a user.

    Every change of a user's second factor, password, e-mail address or status takes this lock first. So of two
    concurrent changes the second sees everything that the first one wrote, and they do not deadlock.
    """
    values = {"given_account_id": account_id, "given_user_id": user_id}
    return _state(await _LOCK.row(tx, values))


async def has_credential(tx: AsyncConnection, caller: Caller) -> bool:
    """Whether the session or API token of this request still exists; always true for a password.

    Call it while holding the lock of the user's state: whoever ends another user's session or token holds that
    lock too.
    """
    id_, table = caller.token_id, api_tokens
    if caller.credential is Credential.SESSION:
        id_, table = caller.session_id, sessions
    query = select(table.c.id).where(table.c.account_id == caller.account_id, table.c.id == id_)
    return caller.credential is Credential.PASSWORD or await tx.scalar(query) is not None


async def has_test_passcode(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> bool:
    """Whether this is a user of a test account who has the test passcode."""
    query = (
        select(users.c.id)
        .join_from(users, accounts, accounts.c.id == users.c.account_id)
        .where(users.c.account_id == account_id, users.c.id == user_id, users.c.test_passcode, accounts.c.test)
    )
    return await tx.scalar(query) is not None


async def change_state(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, *, new_version: bool = False, **values: Any
) -> None:
    """Update columns of a state that this transaction has locked.

    `new_version` increments `version`, which ends pending sign-ins and enrollments.
    """
    if new_version:
        values["version"] = second_factor_state.c.version + 1
    await tx.execute(update(second_factor_state).where(*_of(account_id, user_id)).values(**values))


AUTHENTICATOR_COLUMNS = [
    authenticators.c.id,
    authenticators.c.kind,
    authenticators.c.label,
    authenticators.c.sealed_secret,
    authenticators.c.counter,
    authenticators.c.created_at,
    authenticators.c.last_used_at,
]


_LIST = PrecompiledStatement(
    select(*AUTHENTICATOR_COLUMNS)
    .where(
        authenticators.c.account_id == param(authenticators.c.account_id),
        authenticators.c.user_id == param(authenticators.c.user_id),
    )
    .order_by(authenticators.c.id)
)
_NOTE_USE = (
    update(authenticators)
    .where(
        authenticators.c.account_id == param(authenticators.c.account_id),
        authenticators.c.id == param(authenticators.c.id),
    )
    .values(last_used_at=param(authenticators.c.last_used_at, "now"))
    .returning(authenticators.c.id)
)
_USE = PrecompiledStatement(_NOTE_USE)
_COUNTER = param(authenticators.c.counter, "counter")
_ACCEPT = PrecompiledStatement(_NOTE_USE.where(authenticators.c.counter < _COUNTER).values(counter=_COUNTER))


async def list_authenticators(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> list[Authenticator]:
    """Return the user's confirmed authenticators, oldest first."""
    values = {"given_account_id": account_id, "given_user_id": user_id}
    return [Authenticator(*row) for row in await _LIST.rows(tx, values)]


async def add_authenticator(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, authenticator: Authenticator
) -> None:
    """Store a confirmed authenticator."""
    await tx.execute(
        insert(authenticators).values(
            account_id=account_id,
            id=authenticator.id,
            user_id=user_id,
            kind=authenticator.kind,
            label=authenticator.label,
            sealed_secret=authenticator.sealed_secret,
            counter=authenticator.counter,
            created_at=authenticator.created_at,
            last_used_at=authenticator.last_used_at,
        )
    )


async def store_accepted(tx: AsyncConnection, account_id: UUID, accepted: Accepted, *, now: datetime) -> bool:
    """Store the time of use and the new counter of an authenticator.

    Returns False, and stores nothing, if the stored counter is not lower or the authenticator no longer exists.
    For a kind without a counter (`accepted.counter` is None), the counter stays unchanged.
    """
    values = {"given_account_id": account_id, "given_id": accepted.authenticator_id, "now": now}
    if accepted.counter is None:
        return await _USE.value(tx, values) is not None
    return await _ACCEPT.value(tx, values | {"counter": accepted.counter}) is not None


async def reset_failures(tx: AsyncConnection, account_id: UUID, user_id: UUID, *, now: datetime) -> None:
    """Reset the failures after a second factor was proven at sign-in.

    This also ends a block of step-ups. The count of failed step-ups stays, so a guesser gains one attempt at most.
    """
    await change_state(
        tx,
        account_id,
        user_id,
        failures=0,
        blocked_until=None,
        step_up_blocked_until=None,
        last_passcode_at=now,
    )
