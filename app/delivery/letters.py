"""Letters: written down in the transaction of what they tell about, and sent by a job once it has committed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.ids import new_id
from app.database.base import param
from app.database.queue import enqueue, job
from app.database.tables import accounts, users


class Kind(StrEnum):
    """What a letter tells; there are templates of this name in each locale."""

    TWO_FACTOR_TURNED_ON = "two_factor_turned_on"
    TWO_FACTOR_TURNED_OFF = "two_factor_turned_off"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    AUTHENTICATORS_DISABLED = "authenticators_disabled"
    PASSCODES_FAILED = "passcodes_failed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_REGENERATED = "recovery_codes_regenerated"
    TRUSTED_DEVICE_ADDED = "trusted_device_added"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- what a letter tells
    SSO_LINKED = "sso_linked"
    REPORT_READY = "report_ready"
    INVITATION = "invitation"
    PASSWORD_LINK = "password_link"  # noqa: S105 -- what a letter tells
    EMAIL_CONFIRMATION = "email_confirmation"
    EMAIL_CHANGED = "email_changed"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    OWNERSHIP_HANDED_OVER = "ownership_handed_over"


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


@dataclass(frozen=True)
class Recipient:
    """Whom an e-mail is for, and in the name of which account."""

    account_name: str
    to: str
    name: str
    locale: str


_RECIPIENT = (
    select(accounts.c.name.label("account_name"), users.c.email.label("to"), users.c.name, users.c.locale)
    .join_from(users, accounts, accounts.c.id == users.c.account_id)
    .where(users.c.account_id == param(users.c.account_id), users.c.id == param(users.c.id, "user_id"))
)


def email_to(recipient: Recipient, context: RequestContext, kind: Kind, **details: Any) -> Email:
    """Return the e-mail that tells the user what this request did to what is theirs."""
    return Email(
        id=new_id(context.now),
        account_id=context.account_id,
        kind=kind,
        at=context.now,
        ip=context.ip,
        user_agent=context.user_agent,
        details=details,
        **vars(recipient),
    )


def email_job(email: Email | None) -> dict[str, Any]:
    """Return the parameters of `DEFER_JOB` that send an e-mail; without one its `arguments` are None."""
    return job("send_letter", email.to_json() if email else None, queue="letters")


async def enqueue_email(tx: AsyncConnection, email: Email) -> None:
    """Let the e-mail be sent once the transaction commits, or never."""
    await enqueue(tx, "send_letter", email.to_json(), queue="letters")


async def notify_user(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, kind: Kind, **details: Any
) -> None:
    """Tell the user by e-mail what this request did to what is theirs, once the transaction commits.

    It goes to the address, and in the language, that are the user's in this transaction.
    """
    found = await get_recipient(tx, context.account_id, user_id)
    await enqueue_email(tx, email_to(found, context, kind, **details))


async def get_recipient(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> Recipient:
    """Return whom an e-mail to this user, who exists, is for."""
    found = await tx.execute(_RECIPIENT, {"given_account_id": account_id, "user_id": user_id})
    return Recipient(*found.one())
