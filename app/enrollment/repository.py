"""The enrollments in the database; the caller locks the user's state before each change."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.tables import enrollments
from app.enrollment.rules import KEPT, Enrollment

_COLUMNS = [
    enrollments.c.id,
    enrollments.c.user_id,
    enrollments.c.sign_in_id,
    enrollments.c.kind,
    enrollments.c.label,
    enrollments.c.sealed_secret,
    enrollments.c.version,
    enrollments.c.failures,
    enrollments.c.created_at,
    enrollments.c.expires_at,
    enrollments.c.ended_at,
]


async def add_enrollment(tx: AsyncConnection, account_id: UUID, enrollment: Enrollment) -> None:
    """Store a new enrollment; end the user's open one, delete those that expired over a day ago."""
    mine = (enrollments.c.account_id == account_id, enrollments.c.user_id == enrollment.user_id)
    await tx.execute(delete(enrollments).where(*mine, enrollments.c.expires_at < enrollment.created_at - KEPT))
    await tx.execute(
        update(enrollments).where(*mine, enrollments.c.ended_at.is_(None)).values(ended_at=enrollment.created_at)
    )
    await tx.execute(
        insert(enrollments).values(
            account_id=account_id,
            id=enrollment.id,
            user_id=enrollment.user_id,
            sign_in_id=enrollment.sign_in_id,
            kind=enrollment.kind,
            label=enrollment.label,
            sealed_secret=enrollment.sealed_secret,
            version=enrollment.version,
            failures=enrollment.failures,
            created_at=enrollment.created_at,
            expires_at=enrollment.expires_at,
        )
    )


async def find_enrollment(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, enrollment_id: UUID
) -> Enrollment | None:
    """Return the user's enrollment with this id, whether it has ended or not."""
    query = select(*_COLUMNS).where(
        enrollments.c.account_id == account_id,
        enrollments.c.id == enrollment_id,
        enrollments.c.user_id == user_id,
    )
    row = (await tx.execute(query)).one_or_none()
    return Enrollment(*row) if row else None


async def end_enrollment(tx: AsyncConnection, account_id: UUID, enrollment_id: UUID, *, now: datetime) -> None:
    """End an enrollment that was confirmed or voided."""
    await tx.execute(
        update(enrollments)
        .where(enrollments.c.account_id == account_id, enrollments.c.id == enrollment_id)
        .values(ended_at=now)
    )


async def count_failure(tx: AsyncConnection, account_id: UUID, enrollment_id: UUID) -> int:
    """Count a wrong passcode, and return the number of wrong passcodes."""
    query = (
        update(enrollments)
        .where(enrollments.c.account_id == account_id, enrollments.c.id == enrollment_id)
        .values(failures=enrollments.c.failures + 1)
        .returning(enrollments.c.failures)
    )
    failures: int = (await tx.execute(query)).scalar_one()
    return failures
