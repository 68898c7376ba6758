"""Letters: written down in the transaction of what they tell about, and sent by a job once it has committed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Select, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.database.base import param
from app.database.ids import new_id
from app.database.queue import defer_job_sql, enqueue, job
from app.database.statements import PrecompiledStatement
from app.database.tables import accounts, users


class Kind(StrEnum):
    """What a letter tells; there are templates of this name in each locale."""

    TWO_FACTOR_TURNED_ON = "two_factor_turned_on"
    TWO_FACTOR_TURNED_OFF = "two_factor_turned_off"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_REGENERATED = "recovery_codes_regenerated"
    TRUSTED_DEVICE_ADDED = "trusted_device_added"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- what a letter tells
    REPORT_READY = "report_ready"
    INVITATION = "invitation"
    PASSWORD_LINK = "password_link"  # noqa: S105 -- what a letter tells
    EMAIL_CONFIRMATION = "email_confirmation"
    EMAIL_CHANGED = "email_changed"


@dataclass(frozen=True)
class Email:
    """One letter to one person. It waits in the queue for anyone to read who reads the database: no secrets."""

    id: UUID
    account_id: UUID
    account_name: str
    kind: Kind
    to: str
    name: str
    locale: str
    at: datetime
    ip: str
    user_agent: str
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the letter as the queue carries it."""
        return vars(self) | {
            "id": str(self.id),
            "account_id": str(self.account_id),
            "kind": self.kind.value,
            "at": self.at.isoformat(),
        }

    @classmethod
    def from_json(cls, carried: dict[str, Any]) -> Self:
        """Return the letter that the queue carried."""
        return cls(
            **carried
            | {
                "id": UUID(carried["id"]),
                "account_id": UUID(carried["account_id"]),
                "kind": Kind(carried["kind"]),
                "at": datetime.fromisoformat(carried["at"]),
            }
        )


_RECIPIENT = (
    select(accounts.c.name.label("account_name"), users.c.email.label("to"), users.c.name, users.c.locale)
    .join_from(users, accounts, accounts.c.id == users.c.account_id)
    .where(users.c.account_id == param(users.c.account_id), users.c.id == param(users.c.id, "user_id"))
)


def _telling() -> Select[tuple[Any]]:
    fields = (part for column in _RECIPIENT.selected_columns for part in (literal(str(column.name)), column))
    addressed = _RECIPIENT.with_only_columns(func.jsonb_build_object(*fields)).scalar_subquery()
    return defer_job_sql(bindparam("letter", type_=JSONB).concat(addressed))


NOTIFY_USER_SQL = _telling()
"""Enqueues an e-mail to a user, as part of a larger statement; parameters: `notify_user_params`."""
_TELL = PrecompiledStatement(NOTIFY_USER_SQL)


async def enqueue_email(tx: AsyncConnection, letter: Email) -> None:
    """Let the letter be sent once the transaction commits, or never."""
    await enqueue(tx, "send_letter", letter.to_json(), queue="letters")


async def notify_user(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, kind: Kind, **details: Any
) -> None:
    """Tell the user by e-mail what this request did to what is theirs, once the transaction commits.

    It goes to the address, and in the language, that are the user's in this transaction.
    """
    await _TELL.rows(tx, notify_user_params(context, user_id, kind, **details))


def notify_user_params(context: RequestContext, user_id: UUID, kind: Kind, **details: Any) -> dict[str, Any]:
    """Return the parameters of `NOTIFY_USER_SQL`."""
    letter = Email(
        id=new_id(context.now),
        account_id=context.account_id,
        account_name="",
        kind=kind,
        to="",
        name="",
        locale="",
        at=context.now,
        ip=context.ip,
        user_agent=context.user_agent,
        details=details,
    )
    values = {"given_account_id": context.account_id, "user_id": user_id, "letter": letter.to_json()}
    return job("send_letter", queue="letters") | values


async def recipient(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> dict[str, str]:
    """Return the fields of a `Email` that say who it is for: `account_name`, `to`, `name` and `locale`."""
    found = await tx.execute(_RECIPIENT, {"given_account_id": account_id, "user_id": user_id})
    return dict(found.one()._mapping)  # noqa: SLF001 -- public, by SQLAlchemy's documentation
