"""E-mails: enqueued in the transaction of the reported change, sent by a job after commit."""

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
    """What an e-mail is about; each language has a template of this name."""

    TWO_FACTOR_TURNED_ON = "two_factor_turned_on"
    TWO_FACTOR_TURNED_OFF = "two_factor_turned_off"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    AUTHENTICATORS_DISABLED = "authenticators_disabled"
    PASSCODES_FAILED = "passcodes_failed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_REGENERATED = "recovery_codes_regenerated"
    TRUSTED_DEVICE_ADDED = "trusted_device_added"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- the name of a template
    SSO_LINKED = "sso_linked"
    REPORT_READY = "report_ready"
    REPORT_FAILED = "report_failed"
    INVITATION = "invitation"
    PASSWORD_LINK = "password_link"  # noqa: S105 -- the name of a template
    EMAIL_CONFIRMATION = "email_confirmation"
    EMAIL_CHANGED = "email_changed"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    OWNERSHIP_HANDED_OVER = "ownership_handed_over"


@dataclass(frozen=True)
class Email:
    """One e-mail to one user. The queue stores it in plain text, so it contains no secrets."""

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
        """Return the arguments of the job that sends the e-mail."""
        return vars(self) | {
            "id": str(self.id),
            "account_id": str(self.account_id),
            "kind": self.kind.value,
            "at": self.at.isoformat(),
        }

    @classmethod
    def from_json(cls, carried: dict[str, Any]) -> Self:
        """Return the e-mail from the arguments of its job."""
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
    """The recipient of an e-mail, and the name of their account."""

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
    """Return the e-mail that notifies a user of what this request changed."""
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
    """Return the parameters of `DEFER_JOB` for an e-mail; without one, `arguments` is None."""
    return job("send_letter", email.to_json() if email else None, queue="letters")


async def enqueue_email(tx: AsyncConnection, email: Email) -> None:
    """Enqueue the e-mail; it is sent only if the transaction commits."""
    await enqueue(tx, "send_letter", email.to_json(), queue="letters")


async def notify_user(
    tx: AsyncConnection, context: RequestContext, user_id: UUID, kind: Kind, **details: Any
) -> None:
    """Notify the user by e-mail of what this request changed, after the transaction commits.

    The address and the language are those that the user has in this transaction.
    """
    found = await get_recipient(tx, context.account_id, user_id)
    await enqueue_email(tx, email_to(found, context, kind, **details))


async def get_recipient(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> Recipient:
    """Return the recipient of e-mails to this user, who must exist."""
    found = await tx.execute(_RECIPIENT, {"given_account_id": account_id, "user_id": user_id})
    return Recipient(*found.one())
