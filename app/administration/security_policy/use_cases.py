"""Changing the security policy, and seeing beforehand who it would touch."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.rules import SecurityPolicy
from app.administration.security_policy import repository
from app.administration.security_policy.repository import Headcount
from app.administration.security_policy.rules import changed_policy
from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.callers import Caller
from app.core.errors import PreconditionFailed
from app.second_factor.authority import lock_caller


@dataclass(frozen=True)
class Preview:
    """Who a requirement would touch."""

    team_members: Headcount
    end_users: Headcount
    api_password_access_users: int


async def change_policy(
    tx: AsyncConnection,
    caller: Caller,
    changes: dict[str, Any],
    *,
    if_versions: frozenset[int] | None,
    end_sessions: bool,
) -> SecurityPolicy:
    """Change the account's policy and return it as it is then.

    With `end_sessions` the password sessions of users who must now enroll end, those included that sign-ins under
    way are about to open: such a sign-in holds the policy still, so it is over before this begins, or begins
    after. The caller's own session stays. Raises `PreconditionFailed` when the policy's version is none of
    `if_versions`, and what `changed_policy` raises.
    """
    policy = await accounts.lock_policy_exclusive(tx, caller.account_id)
    caller = await lock_caller(tx, caller)
    if if_versions is not None and policy.version not in if_versions:
        raise PreconditionFailed("The policy has changed since you read it.")
    changed = changed_policy(policy, changes, now=caller.now)
    if changed is not policy:
        await accounts.store_policy(tx, caller.account_id, changed)
        details = {"old": _recorded(policy), "new": _recorded(changed)}
        await record_act(tx, caller, Event(EventType.POLICY_CHANGED, details=details))
    if end_sessions:
        ended = await repository.end_sessions_of_those_who_must_enroll(
            tx, caller.account_id, changed, spared=caller.session_id
        )
        because = "two-factor authentication is required now"
        await record_act(
            tx,
            caller,
            *(
                Event(EventType.SESSION_ENDED, "user", user_id, {"sessions": count, "because": because})
                for user_id, count in ended.items()
            ),
        )
    return changed


def _recorded(policy: SecurityPolicy) -> dict[str, Any]:
    values = asdict(policy)
    del values["updated_at"]
    return values


async def preview_requirement(
    tx: AsyncConnection, caller: Caller, policy: SecurityPolicy, *, team_members: bool, end_users: bool
) -> Preview:
    """Return how many users there are, how many must enroll, and how many use their password at the API."""
    team, users = await repository.count_active_users(tx, caller.account_id)
    ends_password_access = policy.api_password_access and (team_members or end_users)
    losing = await repository.count_password_access_users(tx, caller.account_id) if ends_password_access else 0
    return Preview(team, users, losing)
