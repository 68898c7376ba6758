"""A change of the caller's own name and locale."""

from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users import repository as users
from app.accounts.users.rules import User
from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.callers import Caller
from app.core.errors import Unauthenticated
from app.second_factor.authority import lock_users, refuse_ended


async def change_profile(tx: AsyncConnection, caller: Caller, changes: dict[str, Any]) -> User:
    """Change the caller's `name` and `locale`, and return the changed user.

    Raises `Unauthenticated` if the session has ended.
    """
    user = (await lock_users(tx, caller.account_id, caller.user_id)).get(caller.user_id)
    if user is None:
        raise Unauthenticated("The session has ended.")
    await refuse_ended(tx, caller)
    changed = replace(user, **changes)
    if changed != user:
        await users.store_profile(tx, caller.account_id, user.id, name=changed.name, locale=changed.locale)
        fields = [name for name in ("name", "locale") if getattr(changed, name) != getattr(user, name)]
        await record_act(tx, caller, Event(EventType.USER_CHANGED, "user", user.id, {"fields": fields}))
    return changed
