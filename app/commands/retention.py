"""Delete expired data in small batches, without making a used secret valid again.

A row is deleted only when the service would answer the same without it. (An enrollment is deleted one day after it
expires.) Data that prevents reuse is never deleted here: `second_factor_state`, and the last accepted step of an
authenticator. A used recovery code is deleted only with its whole set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Column, ColumnElement, Table, delete, literal, select, text, tuple_

from app.core.ids import oldest_id
from app.credentials.links.rules import LIFETIMES as LINK_LIFETIMES
from app.database.base import Moment, is_any_of
from app.database.engine import Database
from app.database.tables import (
    audit_events,
    challenges,
    enrollments,
    exchange_codes,
    links,
    password_limits,
    sessions,
    sign_ins,
    sso_requests,
    sso_used_tokens,
    stored_answers,
    trusted_devices,
)
from app.enrollment import rules as enrollment
from app.idempotency.rules import LIFETIME as ANSWER_LIFETIME
from app.services import Services
from app.sessions.rules import END_USER, TEAM_MEMBER
from app.sign_in.rules import LIFETIME as SIGN_IN_LIFETIME
from app.sign_in.sso.rules import CODE_LIFETIME, REQUEST_LIFETIME

BATCH = 500

MARGIN = timedelta(hours=1)
"""Data is kept this much longer than its lifetime, because the clocks of instances differ."""

LONGEST_TRUST = timedelta(days=30)
"""The maximum that a policy can set."""

FAILED_JOBS_KEPT = timedelta(days=30)

log = structlog.get_logger()


@dataclass(frozen=True)
class _RetentionRule:
    """A table, and when a row of it has expired; with `by_age` this depends only on its id."""

    table: Table
    over: ColumnElement[bool]
    by_age: bool = False

    @property
    def key(self) -> list[Column[Any]]:
        return list(self.table.primary_key.columns)


def _retention_rules(now: datetime, audit_days: int) -> list[_RetentionRule]:
    def older_than(table: Table, age: timedelta) -> _RetentionRule:
        return _RetentionRule(table, table.c.id < oldest_id(now - age - MARGIN), by_age=True)

    def before(age: timedelta) -> ColumnElement[datetime]:
        return literal(now - age - MARGIN, Moment)

    # A user's role may change, and the lifetimes differ between roles: the longer one counts.
    idle = max(TEAM_MEMBER.idle, END_USER.idle)
    overall = max(TEAM_MEMBER.overall, END_USER.overall)
    return [
        older_than(sign_ins, SIGN_IN_LIFETIME),  # used or not
        older_than(sso_requests, REQUEST_LIFETIME),
        older_than(exchange_codes, CODE_LIFETIME),
        older_than(enrollments, enrollment.LIFETIME + enrollment.KEPT),
        older_than(links, max(LINK_LIFETIMES.values())),  # used or not
        older_than(trusted_devices, LONGEST_TRUST),
        older_than(stored_answers, ANSWER_LIFETIME),
        older_than(audit_events, timedelta(days=audit_days)),
        _RetentionRule(
            sessions, (sessions.c.last_seen_at < before(idle)) | (sessions.c.created_at < before(overall))
        ),
        _RetentionRule(challenges, challenges.c.expires_at < before(timedelta())),
        _RetentionRule(sso_used_tokens, sso_used_tokens.c.expires_at < before(timedelta())),
        _RetentionRule(password_limits, password_limits.c.empty_at < before(timedelta())),
    ]


async def purge(services: Services, **_: Any) -> None:
    """Delete expired rows of all tables. Idempotent; the next run continues an interrupted one."""
    now = services.clock.now()
    for walk in _retention_rules(now, services.settings.audit_days):
        gone = await _purge_table(services.database, walk)
        log.debug("purged", table=walk.table.name, rows=gone)
    while await _purge_jobs(services.database, now - FAILED_JOBS_KEPT) == BATCH:
        pass


async def _purge_table(database: Database, walk: _RetentionRule) -> int:
    """Process the table in the order of its primary key; return the number of deleted rows.

    Within an account, ids grow with time. So with `by_age`, if the last row of a batch stays, all later rows of
    its account stay too, and are skipped.
    """
    gone, after = 0, None
    while True:
        async with database.read() as tx:
            query = select(*walk.key, walk.over).order_by(*walk.key).limit(BATCH)
            batch = (await tx.execute(query if after is None else query.where(_beyond(walk.key, after)))).all()
        if not batch:
            return gone
        *after, over = batch[-1]
        if walk.by_age and not over:
            after[-1] = UUID(int=(1 << 128) - 1)
        keys = [tuple(row[:-1]) for row in batch if row[-1]]
        if keys:
            gone += await _delete(database, walk, keys)


def _beyond(key: Sequence[Column[Any]], after: Sequence[Any]) -> ColumnElement[bool]:
    return tuple_(*key) > tuple_(*(literal(value, column.type) for column, value in zip(key, after, strict=True)))


async def _delete(database: Database, walk: _RetentionRule, keys: Sequence[Any]) -> int:
    """Delete the rows that are still expired and not locked; this never waits for a sign-in."""
    free = (
        select(*walk.key).where(is_any_of(walk.key, keys), walk.over).with_for_update(skip_locked=True).cte("free")
    )
    query = delete(walk.table).where(tuple_(*walk.key).in_(select(*free.c)))
    async with database.begin() as tx:
        return (await tx.execute(query)).rowcount


async def _purge_jobs(database: Database, before: datetime) -> int:
    """Delete a batch of jobs that failed before `before`; successful ones are deleted at once.

    The first failure counts: `passgate letters retry` does not let an e-mail be kept longer.
    """
    statement = """
        DELETE FROM procrastinate_jobs WHERE id IN (
            SELECT id FROM procrastinate_jobs AS job
            WHERE status IN ('succeeded', 'failed', 'cancelled', 'aborted')
              AND (NOT EXISTS (SELECT FROM procrastinate_events WHERE job_id = job.id AND at >= :before)
                OR EXISTS (
                    SELECT FROM procrastinate_events WHERE job_id = job.id AND type = 'failed' AND at < :before))
            LIMIT :batch FOR UPDATE SKIP LOCKED
        )
    """
    async with database.begin() as tx:
        return (await tx.execute(text(statement), {"before": before, "batch": BATCH})).rowcount
