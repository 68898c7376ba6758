"""Users as the directory and their own profile show them: with what they have yet to do by a link."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import User
from app.accounts.users.schemas import UserDetails
from app.core.callers import RequestContext
from app.core.errors import NotFound
from app.credentials.links.repository import list_pending


async def describe_users(tx: AsyncConnection, context: RequestContext, users: Sequence[User]) -> list[UserDetails]:
    """Return the answers for users of the account, in the same order.

    A user who was deleted since they were read is left out.
    """
    pending = await list_pending(tx, context.account_id, [user.id for user in users], now=context.now)
    return [
        UserDetails.model_validate(vars(user) | vars(pending[user.id])) for user in users if user.id in pending
    ]


async def describe_user(tx: AsyncConnection, context: RequestContext, user: User) -> UserDetails:
    """Return the answer for one user of the account; raises `NotFound` if they were deleted since."""
    described = await describe_users(tx, context, [user])
    if not described:
        raise NotFound
    return described[0]
