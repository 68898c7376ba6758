"""SQL for sign-ins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.repository import POLICY_COLUMNS, policy_of
from app.accounts.rules import SecurityPolicy
from app.accounts.users.repository import USER_COLUMNS, user_of
from app.accounts.users.rules import ACTIVE, User
from app.audit.repository import INSERT_EVENTS, event_rows
from app.audit.rules import Actor, Event
from app.core.callers import RequestContext
from app.database.base import param
from app.database.statements import PrecompiledStatement, Row, columns_for, instance_of
from app.database.tables import accounts, authenticators, second_factor_state, security_policies, sign_ins, users
from app.delivery.letters import Recipient
from app.second_factor.repository import AUTHENTICATOR_COLUMNS, STATE_COLUMNS
from app.second_factor.rules import Authenticator, SecondFactorState
from app.sign_in.rules import NextStep, SignIn

# The columns of a sign-in, its user and account, and the user's second-factor state.
_FOUND_COLUMNS = [
    *columns_for(SignIn, sign_ins, "sign_in"),
    *columns_for(SecondFactorState, second_factor_state, "state"),
    users.c.status,
    users.c.email,
    users.c.name,
    users.c.locale,
    accounts.c.name.label("account_name"),
    security_policies.c.trusted_device_days,
]
_FIND_QUERY = (
    select(*_FOUND_COLUMNS)
    .join_from(sign_ins, users, (users.c.account_id == sign_ins.c.account_id) & (users.c.id == sign_ins.c.user_id))
    .join(
        second_factor_state,
        (second_factor_state.c.account_id == users.c.account_id) & (second_factor_state.c.user_id == users.c.id),
    )
    .join(accounts, accounts.c.id == sign_ins.c.account_id)
    .join(security_policies, security_policies.c.account_id == sign_ins.c.account_id)
    .where(
        sign_ins.c.account_id == param(sign_ins.c.account_id),
        sign_ins.c.token_digest == param(sign_ins.c.token_digest),
    )
)
_OF_USER = (authenticators.c.account_id == users.c.account_id) & (authenticators.c.user_id == users.c.id)
_ADD = PrecompiledStatement(
    text(f"""\
WITH added AS (
  INSERT INTO sign_ins (account_id, id, user_id, token_digest, next_step, version,
                        created_at, expires_at, asserted_by)
  VALUES (:account_id, :id, :user_id, :token_digest, :next_step, :version,
          :created_at, :expires_at, :asserted_by)
)
{INSERT_EVENTS}""").bindparams(bindparam("events", type_=JSONB))  # noqa: S608 -- no input: constants only
)
_FIND = PrecompiledStatement(_FIND_QUERY)
_FIND_WITH_AUTHENTICATORS = PrecompiledStatement(
    _FIND_QUERY.add_columns(*columns_for(Authenticator, authenticators, "authenticator"))
    .join(authenticators, _OF_USER, isouter=True)
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


@dataclass(frozen=True)
class FoundSignIn:
    """A sign-in, its user's state and status, the e-mail recipient, and the days of trust."""

    sign_in: SignIn
    state: SecondFactorState
    status: str
    recipient: Recipient
    trusted_device_days: int

    @property
    def is_alive(self) -> bool:
        """Whether the user may still complete it.

        A change of the user's password, address, authenticators or status ends it.
        """
        return self.sign_in.version == self.state.version and self.status == ACTIVE


@dataclass(frozen=True)
class LockedUser:
    """A user whose state is locked, with everything that decides the next step of the sign-in."""

    state: SecondFactorState
    user: User
    policy: SecurityPolicy
    authenticators: list[Authenticator]


def _found(row: Row) -> FoundSignIn:
    sign_in = instance_of(SignIn, row, "sign_in")
    return FoundSignIn(
        sign_in=replace(sign_in, next_step=NextStep(sign_in.next_step)),
        state=instance_of(SecondFactorState, row, "state"),
        status=row["status"],
        recipient=Recipient(row["account_name"], row["email"], row["name"], row["locale"]),
        trusted_device_days=row["trusted_device_days"],
    )


async def lock_user(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> LockedUser | None:
    """Lock the user's state until the transaction ends; return it with user and policy.

    Only the state is read under the lock. The other rows are from the statement's snapshot; they are up to date if
    the state still has the version that the caller read before.
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
    tx: AsyncConnection, context: RequestContext, sign_in: SignIn, token_digest: bytes, event: Event
) -> None:
    """Store a new sign-in and record the user's `event`, in one statement to save a round trip."""
    values = vars(sign_in) | {
        "account_id": context.account_id,
        "token_digest": token_digest,
        "next_step": sign_in.next_step.value,
        "created_at": context.now,
        "events": event_rows(context, Actor(sign_in.user_id, None), event),
    }
    await _ADD.rows(tx, values)


async def find_sign_in(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> FoundSignIn | None:
    """Return the sign-in with this token digest, used or not."""
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    row = await _FIND.row(tx, values)
    return _found(row) if row else None


async def find_with_authenticators(
    tx: AsyncConnection, account_id: UUID, token_digest: bytes
) -> tuple[FoundSignIn, list[Authenticator]] | None:
    """Return the sign-in with this token digest, used or not, and its user's authenticators.

    The authenticators come oldest first.
    """
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    rows = await _FIND_WITH_AUTHENTICATORS.rows(tx, values)
    if not rows:
        return None
    known = [instance_of(Authenticator, row, "authenticator") for row in rows if row["authenticator_id"]]
    return _found(rows[0]), known
