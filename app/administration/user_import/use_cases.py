"""Importing users from a file: all of them or none, or all but the bad lines."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.rules import email_key
from app.administration.user_import import repository, rules
from app.administration.user_import.lines import DigestedFile, read_lines
from app.administration.user_import.repository import StagedUser
from app.administration.user_import.rules import BadLine, BadLineError, ImportedUser
from app.audit.repository import record
from app.audit.rules import COMMAND_LINE, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import FieldError, InvalidRequest
from app.core.ids import new_id
from app.crypto.sealing import Sealer
from app.second_factor.use_cases import secret_associated_data

MAX_LISTED = 100


@dataclass
class Report:
    """The numbers of imported users and of bad lines, and the first `MAX_LISTED` bad lines."""

    taken: int = 0
    bad: int = 0
    named: list[BadLine] = field(default_factory=list)
    earlier: datetime | None = None
    """When an earlier run of the same file was committed."""

    def add(self, lines: list[BadLine], *, count: int) -> None:
        """Add `count` bad lines; `lines` are the first of them."""
        self.bad += count
        self.named = sorted([*self.named, *lines], key=lambda line: line.number)[:MAX_LISTED]

    def describe(self) -> list[str]:
        """Return what to tell the operator, a sentence each.

        These are an earlier run of the file, each bad line in `named`, and the number of the others.
        """
        said = [f"line {line.number}: {line.reason}" for line in self.named]
        more = [f"and {self.bad - len(said)} more bad lines"] if self.bad > len(said) else []
        before = (
            [f"this file was imported before, at {self.earlier:%Y-%m-%d %H:%M:%S} UTC"] if self.earlier else []
        )
        return before + said + more


async def import_users(
    tx: AsyncConnection, context: RequestContext, sealer: Sealer, file: BinaryIO, *, skip_bad: bool
) -> Report:
    """Import the users in a file of JSON lines; `tx` is a bulk transaction.

    The audit log keeps the file's digest, so that a later run says whether this one was committed. Raises
    `InvalidRequest` with a sentence for each bad line. With `skip_bad`, leaves bad lines out instead.
    """
    report, content = Report(), DigestedFile(file)
    kinds = set(await users.list_password_kinds(tx, context.account_id))
    await repository.stage(tx, _stage(context, sealer, content, kinds, report))
    digest = content.hexdigest()
    report.earlier = await repository.find_earlier_import(tx, context.account_id, digest)
    report.taken = await repository.add_users(tx, context)
    await _leave_out_refused(tx, context.account_id, report)
    if report.bad and not skip_bad:
        raise InvalidRequest(
            "No user was imported.",
            *(FieldError("", "malformed", sentence) for sentence in report.describe()),
            FieldError("", "malformed", "no user was imported"),
        )
    await repository.add_second_factors(tx, context)
    await repository.record_import(tx, context, COMMAND_LINE)
    details = {"sha256": digest, "users": report.taken, "left_out": report.bad}
    await record(tx, context, COMMAND_LINE, Event(EventType.USERS_IMPORTED, details=details))
    await repository.analyze_tables(tx)
    return report


def _stage(
    context: RequestContext, sealer: Sealer, file: DigestedFile, kinds: set[str], report: Report
) -> Iterator[StagedUser]:
    for number, line in read_lines(file, rules.LONGEST_LINE):
        try:
            user = rules.parse_line(line)
            kind = rules.check_kind(user, kinds)
        except BadLineError as error:
            report.add([BadLine(number, str(error))], count=1)
            continue
        if kind:
            kinds.add(kind)
        yield _staged(context, sealer, number, user)


def _staged(context: RequestContext, sealer: Sealer, number: int, user: ImportedUser) -> StagedUser:
    user_id = new_id(context.now)
    authenticator_id = sealed_secret = None
    if user.totp_secret is not None:
        authenticator_id = new_id(context.now)
        place = secret_associated_data(context.account_id, user_id, authenticator_id)
        sealed_secret = sealer.seal(user.totp_secret, place)
    return StagedUser(
        line=number,
        id=user_id,
        email=user.email,
        email_key=email_key(user.email),
        name=user.name,
        role=user.role.value,
        external_id=user.external_id,
        locale=user.locale,
        password_hash=user.password_hash,
        authenticator_id=authenticator_id,
        sealed_secret=sealed_secret,
        created_event_id=new_id(context.now),
        added_event_id=new_id(context.now),
        turned_on_event_id=new_id(context.now),
    )


async def _leave_out_refused(tx: AsyncConnection, account_id: UUID, report: Report) -> None:
    """Add the valid lines whose e-mail address or external id is taken to the report."""
    refused = await repository.list_refused(tx, account_id, limit=MAX_LISTED)
    if refused:
        count = await repository.delete_refused(tx, account_id)
        report.add([BadLine(found.line, rules.conflict_reason(found)) for found in refused], count=count)
