"""The statement that counts a passcode that was wrong or already used.

Equivalent to these steps, in this order:

1. Lock the user's `second_factor_state` and read it under the lock. Continue only if it is the state that the
   passcode was judged with (`version`, `failures`, `blocked_until`) and the sign-in is unused.
2. Store the state after this failure: the number of failures in a row, until when the user is throttled, whether
   the authenticators are disabled. `second_factor.rules.after_failure` computes it.
3. Insert the audit events; enqueue the e-mail about the failures, if there is one.

Why one statement: it is its own transaction. The failure is counted and recorded durably, under the lock, before
the answer is sent, for one round trip and one commit.

Rules of Postgres that it relies on (READ COMMITTED): an UPDATE waits for other transactions that lock the row, and
then evaluates its condition again on the newest row version. Of 200 concurrent attempts that read the same count,
only one stores the next count.

Outcomes: True; or False if the state or the sign-in has changed since it was read; then nothing is written.
"""

from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import INSERT_EVENTS
from app.core.callers import RequestContext
from app.database.queue import DEFER_JOB
from app.database.statements import PrecompiledStatement
from app.delivery.letters import Email, email_job
from app.second_factor.rules import SecondFactorState
from app.sign_in.rules import SignIn

_SQL = f"""\
WITH counted AS (
  UPDATE second_factor_state AS s
  SET failures = :new_failures, blocked_until = :new_blocked_until,
      authenticators_disabled_at = :new_disabled_at
  WHERE s.account_id = :account_id AND s.user_id = :user_id
    AND s.version = :version AND s.failures = :failures
    AND s.blocked_until IS NOT DISTINCT FROM :blocked_until
    AND EXISTS (SELECT FROM sign_ins AS i
                WHERE i.account_id = :account_id AND i.id = :sign_in_id AND i.used_at IS NULL)
  RETURNING s.user_id
),
recorded AS (
  {INSERT_EVENTS}
  CROSS JOIN counted
)
SELECT counted.user_id,
       CASE WHEN CAST(:arguments AS jsonb) IS NOT NULL THEN ({DEFER_JOB}) END
FROM counted
"""  # noqa: S608 -- no input: constants only
_JSON = JSONB(none_as_null=True)
COUNT_ATTEMPT = PrecompiledStatement(
    text(_SQL).bindparams(bindparam("events", type_=_JSON), bindparam("arguments", type_=_JSON))
)


async def count_attempt(
    tx: AsyncConnection,
    context: RequestContext,
    sign_in: SignIn,
    before: SecondFactorState,
    after: SecondFactorState,
    events: list[dict[str, Any]],
    email: Email | None,
) -> bool:
    """Store the state `after` the failure; False if the stored state is no longer `before`."""
    values = {
        "account_id": context.account_id,
        "user_id": sign_in.user_id,
        "sign_in_id": sign_in.id,
        "version": before.version,
        "failures": before.failures,
        "blocked_until": before.blocked_until,
        "new_failures": after.failures,
        "new_blocked_until": after.blocked_until,
        "new_disabled_at": after.authenticators_disabled_at,
        "events": events,
    }
    return await COUNT_ATTEMPT.value(tx, values | email_job(email)) is not None
