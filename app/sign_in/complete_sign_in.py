"""The three statements that complete a sign-in, each with its own condition.

`BY_PASSCODE` is equivalent to these steps, in this order:

1. Lock the user's `second_factor_state`, then the sign-in, then the authenticator, and read each under its lock.
   Continue only if the state is the one that the passcode was judged with (`version`, `failures`,
   `passcode_frequency`, `blocked_until`) and does not disable the authenticators, the sign-in is unused, and the
   accepted counter is greater than the stored one (`last_accepted_step`: for TOTP the time step, RFC 6238 5.2).
2. Store the counter, reset the failures (`second_factor.repository.reset_failures`), mark the sign-in as used.
3. Insert the session; insert the newly trusted device and delete the one that it replaces.
4. Insert the audit events; enqueue the e-mail about the new device.
5. Set the user's `last_sign_in_at`; return the user and the number of unused recovery codes.

Why one statement: it is its own transaction, so a passcode costs one durable commit and one round trip, and either
all writes happen or none. `BY_SIGN_IN` and `BY_FIRST_FACTOR` run in a transaction that already holds the
lock of the state and has judged the attempt. `BY_SIGN_IN` follows an enrollment, a recovery code, or the answer to
a challenge (deleting the challenge makes the answer usable only once); `BY_FIRST_FACTOR` follows a password or a
third party.

Rules of Postgres that it relies on (READ COMMITTED):

- `FOR NO KEY UPDATE OF s, i, a` locks row by row in this order, waits for other transactions that lock a row, and
  then evaluates the whole condition again on the newest row versions (EvalPlanQual). So of two concurrent attempts
  at most one is admitted.
- All CTEs of a statement see the same snapshot. Data-modifying CTEs always run to completion; only references
  between them determine their order. Each refers to `admitted`: if that returns no row, none changes anything.
- An UPDATE of a row that was changed after the snapshot works on its newest version; the lock prevents further
  changes.

Outcomes: `SignedIn`; or None if the state, the sign-in or the authenticator has changed since it was read; then
nothing is written.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.repository import user_of
from app.accounts.users.rules import User
from app.audit.repository import INSERT_EVENTS
from app.core.callers import RequestContext
from app.database.queue import DEFER_JOB
from app.database.statements import PrecompiledStatement
from app.delivery.letters import Email, email_job
from app.second_factor.kinds.kind import Accepted
from app.second_factor.rules import SecondFactorState
from app.second_factor.trusted_devices.rules import TrustedDevice
from app.sessions.rules import Session
from app.sign_in.rules import SignIn

_BY_PASSCODE = """\
WITH admitted AS MATERIALIZED (
  SELECT s.user_id
  FROM second_factor_state AS s, sign_ins AS i, authenticators AS a
  WHERE s.account_id = :account_id AND s.user_id = :user_id
    AND s.version = :version AND s.failures = :failures AND s.passcode_frequency = :passcode_frequency
    AND s.blocked_until IS NOT DISTINCT FROM :blocked_until AND s.authenticators_disabled_at IS NULL
    AND i.account_id = :account_id AND i.id = :sign_in_id AND i.used_at IS NULL
    AND a.account_id = :account_id AND a.user_id = :user_id AND a.id = :authenticator_id
    AND a.last_accepted_step < :counter
  FOR NO KEY UPDATE OF s, i, a
),
accepted AS (
  UPDATE authenticators AS a SET last_accepted_step = :counter, last_used_at = :now
  FROM admitted
  WHERE a.account_id = :account_id AND a.id = :authenticator_id
),
reset AS (
  UPDATE second_factor_state AS s
  SET failures = 0, blocked_until = NULL, step_up_blocked_until = NULL, last_passcode_at = :now
  FROM admitted
  WHERE s.account_id = :account_id AND s.user_id = :user_id
),
"""
_BY_SIGN_IN = """\
WITH admitted AS MATERIALIZED (
  SELECT i.user_id
  FROM sign_ins AS i
  WHERE i.account_id = :account_id AND i.id = :sign_in_id AND i.used_at IS NULL
  FOR NO KEY UPDATE OF i
),
"""
_USED = """\
used AS (
  UPDATE sign_ins AS i SET used_at = :now
  FROM admitted
  WHERE i.account_id = :account_id AND i.id = :sign_in_id
),
trusted AS (
  INSERT INTO trusted_devices (account_id, id, user_id, secret_digest, trusted_at, days, ip, user_agent)
  SELECT :account_id, :device_id, :user_id, :device_digest, :now, :device_days, :ip, :user_agent
  FROM admitted
  WHERE CAST(:device_id AS uuid) IS NOT NULL
),
replaced AS (
  DELETE FROM trusted_devices AS d
  USING admitted
  WHERE d.account_id = :account_id AND d.user_id = :user_id AND d.id = ANY (:replaced_devices)
),
"""
_BY_FIRST_FACTOR = """\
WITH admitted AS MATERIALIZED (
  SELECT u.id AS user_id
  FROM users AS u
  WHERE u.account_id = :account_id AND u.id = :user_id
),
"""
_INSERT_SESSION = f"""\
opened AS (
  INSERT INTO sessions (account_id, id, user_id, token_digest, amr, first_factor_at, second_factor_at,
                        created_at, last_seen_at, ip, user_agent)
  SELECT :account_id, :session_id, :user_id, :token_digest, :amr, :first_factor_at, :second_factor_at,
         :now, :now, :ip, :user_agent
  FROM admitted
),
recorded AS (
  {INSERT_EVENTS}
  CROSS JOIN admitted
),
signed_in AS (
  UPDATE users AS u SET last_sign_in_at = :now
  FROM admitted
  WHERE u.account_id = :account_id AND u.id = :user_id
  RETURNING u.id, u.email, u.name, u.role, u.status, u.external_id, u.locale, u.created_at, u.last_sign_in_at,
            u.kind, u.test_passcode
)
SELECT signed_in.*,
       (SELECT count(*)
        FROM recovery_code_sets AS cs
        JOIN recovery_codes AS c ON c.account_id = cs.account_id AND c.set_id = cs.id
        WHERE cs.account_id = :account_id AND cs.user_id = :user_id AND c.used_at IS NULL) AS codes_left"""  # noqa: S608 -- no input: constants only
_EMAILED = f""",
       CASE WHEN CAST(:arguments AS jsonb) IS NOT NULL THEN ({DEFER_JOB}) END"""
_FROM = """
FROM signed_in
"""


_JSON = JSONB(none_as_null=True)
_EVENTS, _ARGUMENTS = bindparam("events", type_=_JSON), bindparam("arguments", type_=_JSON)
BY_PASSCODE = PrecompiledStatement(
    text(_BY_PASSCODE + _USED + _INSERT_SESSION + _EMAILED + _FROM).bindparams(_EVENTS, _ARGUMENTS)
)
BY_SIGN_IN = PrecompiledStatement(
    text(_BY_SIGN_IN + _USED + _INSERT_SESSION + _EMAILED + _FROM).bindparams(_EVENTS, _ARGUMENTS)
)
BY_FIRST_FACTOR = PrecompiledStatement(text(_BY_FIRST_FACTOR + _INSERT_SESSION + _FROM).bindparams(_EVENTS))


@dataclass(frozen=True)
class NewTrust:
    """The newly trusted device, the e-mail about it, and the devices that it replaces."""

    device: TrustedDevice
    email: Email
    replaces: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class NewRows:
    """What a completed sign-in writes; `events` come from `audit.repository.event_rows`."""

    session: Session
    token_digest: bytes
    events: list[dict[str, Any]]
    trusted: NewTrust | None = None


@dataclass(frozen=True)
class SignedIn:
    """The result of a completed sign-in."""

    user: User
    recovery_codes_left: int


async def complete_by_passcode(
    tx: AsyncConnection,
    context: RequestContext,
    sign_in: SignIn,
    state: SecondFactorState,
    accepted: Accepted,
    opening: NewRows,
) -> SignedIn | None:
    """Use up the passcode and the sign-in and open the session.

    Returns None if the state, the sign-in or the authenticator has changed since it was read.
    """
    expected_state_params = {
        "version": state.version,
        "failures": state.failures,
        "passcode_frequency": state.passcode_frequency,
        "blocked_until": state.blocked_until,
        "authenticator_id": accepted.authenticator_id,
        "counter": accepted.counter,
    }
    values = (
        _opening_params(context, opening)
        | _device_params(opening)
        | {"sign_in_id": sign_in.id}
        | expected_state_params
    )
    return await _run(tx, BY_PASSCODE, values)


async def complete_by_sign_in(
    tx: AsyncConnection, context: RequestContext, sign_in: SignIn, opening: NewRows
) -> SignedIn | None:
    """Use up the sign-in and open the session; the caller holds the lock of the user's state."""
    values = _opening_params(context, opening) | _device_params(opening) | {"sign_in_id": sign_in.id}
    return await _run(tx, BY_SIGN_IN, values)


async def complete_by_first_factor(
    tx: AsyncConnection, context: RequestContext, opening: NewRows
) -> SignedIn | None:
    """Open the session of a user who needs no second factor; the caller holds the state's lock."""
    return await _run(tx, BY_FIRST_FACTOR, _opening_params(context, opening))


def _opening_params(context: RequestContext, opening: NewRows) -> dict[str, Any]:
    session = opening.session
    return {
        "account_id": context.account_id,
        "user_id": session.user_id,
        "now": context.now,
        "session_id": session.id,
        "token_digest": opening.token_digest,
        "amr": list(session.amr),
        "first_factor_at": session.first_factor_at,
        "second_factor_at": session.second_factor_at,
        "ip": session.ip,
        "user_agent": session.user_agent,
        "events": opening.events,
    }


def _device_params(opening: NewRows) -> dict[str, Any]:
    trusted = opening.trusted
    device = trusted and trusted.device
    return email_job(trusted.email if trusted else None) | {
        "device_id": device and device.id,
        "device_digest": device and device.secret_digest,
        "device_days": device and device.days,
        "replaced_devices": trusted.replaces if trusted else [],
    }


async def _run(tx: AsyncConnection, statement: PrecompiledStatement, values: dict[str, Any]) -> SignedIn | None:
    row = await statement.row(tx, values)
    return SignedIn(user_of(row), row["codes_left"]) if row else None
