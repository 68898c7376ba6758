"""The sign-ins in the database, and the two statements that judge a passcode and complete a sign-in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from app.accounts.repository import POLICY_COLUMNS, policy_of
from app.accounts.rules import SecurityPolicy
from app.accounts.users.repository import USER_COLUMNS, note_sign_in_sql, user_of
from app.accounts.users.rules import ACTIVE, User
from app.audit.repository import insert_events_sql
from app.database.base import if_returned, insert_from_params, insert_params, param
from app.database.statements import PrecompiledStatement
from app.database.tables import authenticators, second_factor_state, security_policies, sign_ins, users
from app.delivery.letters import NOTIFY_USER_SQL
from app.second_factor.recovery_codes.repository import LEFT
from app.second_factor.repository import (
    ACCEPT_PASSCODE_SQL,
    AUTHENTICATOR_COLUMNS,
    STATE_COLUMNS,
    count_failure_params,
    count_failure_sql,
)
from app.second_factor.rules import Authenticator, SecondFactorState
from app.second_factor.trusted_devices.repository import insert_trusted_device_sql
from app.sessions.repository import insert_session_sql
from app.sign_in.rules import NextStep, SignIn

_FOUND_COLUMNS = [
    sign_ins.c.id.label("sign_in_id"),
    sign_ins.c.user_id,
    sign_ins.c.next_step,
    sign_ins.c.version.label("sign_in_version"),
    sign_ins.c.expires_at,
    sign_ins.c.used_at,
    sign_ins.c.asserted_by,
    users.c.status,
    security_policies.c.trusted_device_days,
]
_OF_SIGN_IN = (
    sign_ins.c.account_id == param(sign_ins.c.account_id),
    sign_ins.c.token_digest == param(sign_ins.c.token_digest),
    users.c.account_id == sign_ins.c.account_id,
    users.c.id == sign_ins.c.user_id,
    security_policies.c.account_id == sign_ins.c.account_id,
)
_ADD = PrecompiledStatement(insert_from_params(sign_ins))
_FIND = PrecompiledStatement(select(*_FOUND_COLUMNS).where(*_OF_SIGN_IN))


def _attempting(*, with_authenticator: bool) -> PrecompiledStatement:
    counted = (
        count_failure_sql(
            *_OF_SIGN_IN,
            sign_ins.c.next_step == NextStep.PASSCODE.value,
            sign_ins.c.used_at.is_(None),
            sign_ins.c.expires_at > param(sign_ins.c.expires_at, "now"),
            users.c.status == ACTIVE,
            second_factor_state.c.account_id == sign_ins.c.account_id,
            second_factor_state.c.user_id == sign_ins.c.user_id,
            second_factor_state.c.version == sign_ins.c.version,
            with_authenticator=with_authenticator,
        )
        .returning(*STATE_COLUMNS, *_FOUND_COLUMNS)
        .cte("counted")
    )
    known = (authenticators.c.account_id == param(authenticators.c.account_id)) & (
        authenticators.c.user_id == counted.c.user_id
    )
    return PrecompiledStatement(
        select(counted, *AUTHENTICATOR_COLUMNS)
        .join_from(counted, authenticators, known, isouter=True)
        .order_by(authenticators.c.id)
    )


_LOCK = PrecompiledStatement(
    select(*STATE_COLUMNS, *USER_COLUMNS, *POLICY_COLUMNS, *AUTHENTICATOR_COLUMNS)
    .join_from(
        second_factor_state,
        users,
        (users.c.account_id == second_factor_state.c.account_id) & (users.c.id == second_factor_state.c.user_id),
    )
    .join(security_policies, security_policies.c.account_id == users.c.account_id)
    .join(
        authenticators,
        (authenticators.c.account_id == users.c.account_id) & (authenticators.c.user_id == users.c.id),
        isouter=True,
    )
    .where(
        second_factor_state.c.account_id == param(second_factor_state.c.account_id),
        second_factor_state.c.user_id == param(second_factor_state.c.user_id),
    )
    .order_by(authenticators.c.id)
    .with_for_update(of=second_factor_state, key_share=True)
)
_ATTEMPT = _attempting(with_authenticator=False)
_ATTEMPT_WITH_AUTHENTICATOR = _attempting(with_authenticator=True)


def _using(*, after: CTE | None) -> ReturningUpdate[UUID]:
    return (
        update(sign_ins)
        .where(
            sign_ins.c.account_id == param(sign_ins.c.account_id),
            sign_ins.c.id == param(sign_ins.c.id, "sign_in_id"),
            sign_ins.c.used_at.is_(None),
            if_returned(after),
        )
        .values(used_at=param(sign_ins.c.used_at, "now"))
        .returning(sign_ins.c.id)
    )


@cache
def _completing(*, passcode: bool, sign_in: bool, device: bool) -> PrecompiledStatement:
    """Return one statement for all that completes a sign-in: each one more would wait for the database anew.

    First it uses up a `passcode`, then the `sign_in`; where one of them cannot be used, what follows does nothing.
    """
    after = ACCEPT_PASSCODE_SQL.cte("accepted_passcode") if passcode else None
    after = _using(after=after).cte("used") if sign_in else after
    signed_in = note_sign_in_sql(after=after).cte("signed_in")
    query = select(*(signed_in.c[column.name] for column in USER_COLUMNS), LEFT.scalar_subquery().label("left"))
    events = ("signing_in", "trusting") if device else ("signing_in",)
    query = query.add_cte(
        insert_session_sql(after=after).cte("opened"), insert_events_sql(*events, after=after).cte("recorded")
    )
    if device:
        query = query.add_cte(insert_trusted_device_sql(after=after).cte("trusted"))
        query = query.add_columns(NOTIFY_USER_SQL.scalar_subquery())
    return PrecompiledStatement(query)


@dataclass(frozen=True)
class FoundSignIn:
    """A sign-in, with the status of its user and for how many days the account's policy trusts a device."""

    sign_in: SignIn
    status: str
    trusted_device_days: int


@dataclass(frozen=True)
class CountedAttempt:
    """An attempt at a sign-in that is counted as a failure: the state that is locked by it, and what to judge by.

    All but the state is as it was when the statement began, and may be out of date by what it waited for.
    """

    found: FoundSignIn
    state: SecondFactorState
    authenticators: list[Authenticator]


@dataclass(frozen=True)
class LockedUser:
    """A user whose state is locked, and all that decides how their sign-in goes on."""

    state: SecondFactorState
    user: User
    policy: SecurityPolicy
    authenticators: list[Authenticator]


def _found(row: Sequence[Any]) -> FoundSignIn:
    id_, user_id, step, *rest, status, days = row
    return FoundSignIn(SignIn(id_, user_id, NextStep(step), *rest), status, days)


async def count_attempt(
    tx: AsyncConnection, account_id: UUID, token_digest: bytes, *, now: datetime, with_authenticator: bool
) -> CountedAttempt | None:
    """Lock the state of the user of an open sign-in that waits for a passcode, and count one more failure.

    Returns None when nothing was counted: no such sign-in, or what `second_factor.repository.counting` names.
    """
    statement = _ATTEMPT_WITH_AUTHENTICATOR if with_authenticator else _ATTEMPT
    values = {"given_account_id": account_id, "given_token_digest": token_digest} | count_failure_params(now)
    rows = [tuple(row) for row in await statement.rows(tx, values)]
    if not rows:
        return None
    found_at = len(STATE_COLUMNS)
    known_at = found_at + len(_FOUND_COLUMNS)
    return CountedAttempt(
        _found(rows[0][found_at:known_at]),
        SecondFactorState(*rows[0][:found_at]),
        _authenticators(row[known_at:] for row in rows),
    )


async def lock_user(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> LockedUser | None:
    """Lock the state of a user until the transaction ends, and return what a first factor leads to by.

    All but the state is as it was when the statement began: up to date, if the state has the version that was seen
    before.
    """
    rows = [tuple(row) for row in await _LOCK.rows(tx, {"given_account_id": account_id, "given_user_id": user_id})]
    if not rows:
        return None
    user_at = len(STATE_COLUMNS)
    policy_at = user_at + len(USER_COLUMNS)
    known_at = policy_at + len(POLICY_COLUMNS)
    return LockedUser(
        SecondFactorState(*rows[0][:user_at]),
        user_of(rows[0][user_at:policy_at]),
        policy_of(rows[0][policy_at:known_at]),
        _authenticators(row[known_at:] for row in rows),
    )


def _authenticators(rows: Iterable[Sequence[Any]]) -> list[Authenticator]:
    return [Authenticator(*row) for row in rows if row[0] is not None]


async def add_sign_in(
    tx: AsyncConnection, account_id: UUID, sign_in: SignIn, token_digest: bytes, *, now: datetime
) -> None:
    """Store a new sign-in."""
    values = vars(sign_in) | {
        "account_id": account_id,
        "token_digest": token_digest,
        "next_step": sign_in.next_step.value,
        "created_at": now,
    }
    await _ADD.rows(tx, insert_params(sign_ins, values))


async def find_sign_in(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> FoundSignIn | None:
    """Return the sign-in that the token holds, used or not."""
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    row = await _FIND.row(tx, values)
    return _found(tuple(row)) if row else None


async def complete(tx: AsyncConnection, values: Mapping[str, Any]) -> tuple[User, int] | None:
    """Do all that completes a sign-in, of which `values` are the parameters.

    They say what is part of it: a passcode by its `step`, the sign-in by its `sign_in_id`, a device to trust.
    Returns the user and the number of their unused recovery codes; None when the passcode was used before, which
    has changed nothing, or when the sign-in was, and then the transaction must not commit.
    """
    statement = _completing(
        passcode="step" in values, sign_in="sign_in_id" in values, device="trusted_devices_id" in values
    )
    row = await statement.row(tx, values)
    return (user_of(row), row["left"]) if row else None
