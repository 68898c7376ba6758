"""The statement that counts a passcode that was wrong, or used before.

Equivalent to, in this order:

1. Lock the user's `second_factor_state` and look at it as it is behind the lock. Continue only if it is what the
   passcode was judged by (`version`, `failures`, `blocked_until`) and the sign-in is unused.
2. Store what so many failures in a row bring: the count, until when the user is throttled, whether the
   authenticators are disabled. `second_factor.rules.after_failure` says what that is.
3. Insert the audit events; enqueue the e-mail that says that the authenticators are disabled.

Why one statement: it is its own transaction. The failure is counted and recorded durably, under the lock, before
any answer leaves, at the price of one round trip and one commit.

Rules of Postgres that it relies on (READ COMMITTED): an UPDATE waits for whoever holds the row, and evaluates its
condition again on the newest version. Of 200 at once that read the same count one stores the next.

Outcomes: True; or False, and nothing has changed: what was read before is not so any more.
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
    """Store the state `after` one failure more, if it is still what it was `before`."""
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
