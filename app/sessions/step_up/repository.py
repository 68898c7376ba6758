"""SQL for step-up limits: per user in `second_factor_state`, per session in `sessions`."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import second_factor_state, sessions
from app.second_factor.repository import change_state
from app.sessions.step_up.rules import StepUpState

_QUERY = select(
    second_factor_state.c.step_up_failures,
    second_factor_state.c.step_up_blocked_until,
    second_factor_state.c.authenticators_disabled_at,
    sessions.c.step_up_failures,
    sessions.c.amr,
).join_from(
    second_factor_state,
    sessions,
    (sessions.c.account_id == second_factor_state.c.account_id)
    & (sessions.c.user_id == second_factor_state.c.user_id),
)


async def get_step_up(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, session_id: UUID, *, lock: bool = False
) -> StepUpState | None:
    """Return the step-up state of a session and its user; None if the session has ended.

    With `lock`, the user's `second_factor_state` is locked first and then the session, until the transaction ends.
    """
    query = _QUERY.where(
        second_factor_state.c.account_id == account_id,
        second_factor_state.c.user_id == user_id,
        sessions.c.id == session_id,
    )
    if lock:
        query = query.with_for_update(of=[second_factor_state, sessions], key_share=True)
    row = (await tx.execute(query)).one_or_none()
    return StepUpState(*row[:-1], amr=tuple(row[-1])) if row else None


async def store_failure(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, session_id: UUID, after: StepUpState
) -> None:
    """Store the counts after a failure; this transaction holds both locks of `get_step_up`."""
    await change_state(
        tx,
        account_id,
        user_id,
        step_up_failures=after.failures,
        step_up_blocked_until=after.blocked_until,
    )
    await tx.execute(
        update(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.id == session_id)
        .values(step_up_failures=after.session_failures)
    )
