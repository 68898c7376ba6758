"""The test passcode: a fixed passcode of the users that an admin marks in a test account.

It lets app reviewers and end-to-end tests pass the second factor without an authenticator app. It never counts as
used. A real account has no user with it: the context says no, and the database refuses the mark.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.second_factor import repository

FIXED_PASSCODE = "000000"


async def is_test_passcode(tx: AsyncConnection, context: RequestContext, user_id: UUID, digits: str) -> bool:
    """Whether these digits are the test passcode and the user has it now.

    The caller holds the lock of the user's state: whoever takes the test passcode away holds it too.
    """
    if digits != FIXED_PASSCODE or not context.in_test_account:
        return False
    return await repository.has_test_passcode(tx, context.account_id, user_id)
