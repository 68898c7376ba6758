"""Imported users in the database: copied to a temporary table, then inserted from there."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from app.accounts.users.repository import INITIAL_SECOND_FACTOR
from app.accounts.users.rules import ACTIVE
from app.administration.user_import.rules import ConflictingLine
from app.audit.repository import SelectedEvents, record_selected
from app.audit.rules import Actor, EventType
from app.core.callers import RequestContext
from app.database.base import Moment
from app.database.bulk import copy_rows
from app.database.tables import audit_events, authenticators, second_factor_state, users
from app.second_factor.kinds.kind import BEFORE_ANY_COUNTER
from app.second_factor.kinds.totp.kind import TOTP


class StagedUser(NamedTuple):
    """One row of the import, with new ids for its user, its authenticator and its audit events."""

    line: int
    id: UUID
    email: str
    email_key: str
    name: str
    role: str
    external_id: str | None
    locale: str
    password_hash: str | None
    authenticator_id: UUID | None
    sealed_secret: bytes | None
    created_event_id: UUID
    added_event_id: UUID
    turned_on_event_id: UUID


staged = Table(
    "staged_users",
    MetaData(),  # not the schema's metadata: a temporary table, dropped at commit
    Column("line", Integer, primary_key=True),
    Column("id", Uuid, nullable=False),
    *(Column(name, Text) for name in ("email", "email_key", "name", "role", "external_id", "locale")),
    Column("password_hash", Text),
    Column("authenticator_id", Uuid),
    Column("sealed_secret", LargeBinary),
    *(Column(f"{name}_event_id", Uuid, nullable=False) for name in ("created", "added", "turned_on")),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


_BRINGS_SECRET = staged.c.sealed_secret.is_not(None)


async def stage(tx: AsyncConnection, rows: Iterable[Sequence[Any]]) -> None:
    """Create the temporary table and copy the rows into it."""
    await tx.execute(CreateTable(staged))
    await copy_rows(tx, staged, rows)
    await tx.execute(text("ANALYZE staged_users"))


async def add_users(tx: AsyncConnection, context: RequestContext) -> int:
    """Insert the staged users whose e-mail address and external id are free; return how many.

    Earlier lines come first. The unique constraints decide (`ON CONFLICT DO NOTHING`), so a user who is created
    concurrently causes no error.
    """
    taken_over = ("id", "email", "email_key", "name", "role", "external_id", "locale", "password_hash")
    values: dict[str, Any] = {name: staged.c[name] for name in taken_over} | {
        "account_id": literal(context.account_id),
        "status": literal(ACTIVE),
        "created_at": literal(context.now, Moment),
    }
    return (await tx.execute(_insert_staged(users, values).on_conflict_do_nothing())).rowcount


async def list_refused(tx: AsyncConnection, account_id: UUID, *, limit: int) -> list[ConflictingLine]:
    """Return the first `limit` staged users that were not inserted, ordered by line."""
    refused = select(staged).where(~_is_stored(account_id)).order_by(staged.c.line).limit(limit).cte("refused")
    by_email, by_external_id = users.alias("by_email"), users.alias("by_external_id")
    of_email, of_external_id = staged.alias("of_email"), staged.alias("of_external_id")
    query = (
        select(refused.c.line, by_email.c.id.is_not(None), of_email.c.line, of_external_id.c.line)
        .outerjoin(by_email, (by_email.c.account_id == account_id) & (by_email.c.email_key == refused.c.email_key))
        .outerjoin(of_email, of_email.c.id == by_email.c.id)
        .outerjoin(
            by_external_id,
            (by_external_id.c.account_id == account_id) & (by_external_id.c.external_id == refused.c.external_id),
        )
        .outerjoin(of_external_id, of_external_id.c.id == by_external_id.c.id)
        .order_by(refused.c.line)
    )
    return [ConflictingLine(*row) for row in await tx.execute(query)]


async def delete_refused(tx: AsyncConnection, account_id: UUID) -> int:
    """Delete the staged users that were not inserted; return how many."""
    return (await tx.execute(delete(staged).where(~_is_stored(account_id)))).rowcount


async def add_second_factors(tx: AsyncConnection, context: RequestContext) -> None:
    """Insert the second-factor state of every staged user, and their authenticator.

    A user with a TOTP secret gets a confirmed authenticator and has turned on 2FA themself.
    """
    state: dict[str, Any] = {name: literal(value) for name, value in INITIAL_SECOND_FACTOR.items()} | {
        "account_id": literal(context.account_id),
        "user_id": staged.c.id,
        "turned_on_by_user": _BRINGS_SECRET,
    }
    await tx.execute(_insert_staged(second_factor_state, state))
    confirmed: dict[str, Any] = {
        "account_id": literal(context.account_id),
        "id": staged.c.authenticator_id,
        "user_id": staged.c.id,
        "kind": literal(TOTP.name),
        "label": literal(TOTP.default_label),
        "sealed_secret": staged.c.sealed_secret,
        "counter": literal(BEFORE_ANY_COUNTER),
        "created_at": literal(context.now, Moment),
    }
    await tx.execute(_insert_staged(authenticators, confirmed, _BRINGS_SECRET))


async def find_earlier_import(tx: AsyncConnection, account_id: UUID, digest: str) -> datetime | None:
    """Return when a file with this digest was last imported into the account, while the audit log keeps it."""
    of_file = (audit_events.c.type == EventType.USERS_IMPORTED.value) & (
        audit_events.c.details["sha256"].astext == digest
    )
    query = select(audit_events.c.at).where(audit_events.c.account_id == account_id, of_file)
    found: datetime | None = await tx.scalar(query.order_by(audit_events.c.id.desc()).limit(1))
    return found


async def record_import(tx: AsyncConnection, context: RequestContext, actor: Actor) -> None:
    """Record the audit events of every stored user."""
    in_order = select(staged).order_by(staged.c.line)
    everyone, with_secret = in_order.subquery(), in_order.where(_BRINGS_SECRET).subquery()
    created = SelectedEvents(
        everyone,
        EventType.USER_CREATED,
        id=everyone.c.created_event_id,
        target=("user", everyone.c.id),
        details=func.jsonb_build_object("role", everyone.c.role, "imported", true()),
    )
    added = SelectedEvents(
        with_secret,
        EventType.AUTHENTICATOR_ADDED,
        id=with_secret.c.added_event_id,
        target=("authenticator", with_secret.c.authenticator_id),
        details=func.jsonb_build_object("kind", TOTP.name, "imported", true()),
    )
    turned_on = SelectedEvents(
        with_secret,
        EventType.TWO_FACTOR_TURNED_ON,
        id=with_secret.c.turned_on_event_id,
        target=("user", with_secret.c.id),
        details=func.jsonb_build_object("imported", true()),
    )
    for events in (created, added, turned_on):
        await record_selected(tx, context, actor, events)


def _insert_staged(table: Table, values: dict[str, Any], *conditions: ColumnElement[bool]) -> Insert:
    rows = select(*values.values()).select_from(staged).where(*conditions).order_by(staged.c.line)
    return insert(table).from_select(list(values), rows)


def _is_stored(account_id: UUID) -> Any:
    return exists().where(users.c.account_id == account_id, users.c.id == staged.c.id)


async def analyze_tables(tx: AsyncConnection) -> None:
    """Update the statistics of the tables, which have grown.

    With the old ones Postgres plans as if the tables were almost empty.
    """
    await tx.execute(text("ANALYZE users, second_factor_state, authenticators"))
