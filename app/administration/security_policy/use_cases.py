"""Changing the security policy, and previewing whom a change would affect."""

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
from app.core.callers import Caller, Role
from app.core.errors import PreconditionFailed
from app.database.queue import enqueue
from app.second_factor.authority import lock_caller


@dataclass(frozen=True)
class Preview:
    """How many users a requirement would affect."""

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
    """Change the account's policy and return the changed policy.

    With `end_sessions` the commit ends the password sessions of all users who must now enroll, except the caller's
    own session. This includes sessions of concurrent sign-ins: they take the shared lock on the policy, so each
    either finishes before this change or starts after it. A job deletes the sessions and records whose they were.

    Raises `PreconditionFailed` if the policy's version is not in `if_versions`, and what `changed_policy` raises.
    """
    policy = await accounts.lock_policy_exclusive(tx, caller.account_id)
    caller = await lock_caller(tx, caller)
    if if_versions is not None and policy.version not in if_versions:
        raise PreconditionFailed("The policy has changed since you read it.")
    changed = changed_policy(policy, changes, now=caller.now)
    if changed is not policy:
        await accounts.store_policy(tx, caller.account_id, changed)
    ends_sessions = end_sessions and await _end_sessions(tx, caller, changed)
    if changed is not policy or ends_sessions:
        details: dict[str, Any] = {"old": _recorded(policy), "new": _recorded(changed)}
        if ends_sessions:
            details["end_sessions"] = True
        await record_act(tx, caller, Event(EventType.POLICY_CHANGED, details=details))
    return changed


async def _end_sessions(tx: AsyncConnection, caller: Caller, policy: SecurityPolicy) -> bool:
    """End the sessions of users who must enroll; return False if there is nothing to end."""
    through = await repository.mark_sessions_ended(tx, caller.account_id, policy, kept=caller.session_id)
    if through is None:
        return False
    arguments = {
        "account_id": str(caller.account_id),
        "roles": [role.value for role in Role if policy.requires_two_factor_of(role)],
        "through": str(through),
        "kept": str(caller.session_id),
        "actor_id": str(caller.user_id),
        "credential": caller.credential.value,
        "ip": caller.context.ip,
        "user_agent": caller.context.user_agent,
        "request_id": caller.context.request_id,
    }
    await enqueue(tx, "delete_ended_sessions", arguments, lock=f"ended sessions of {caller.account_id}")
    return True


def _recorded(policy: SecurityPolicy) -> dict[str, Any]:
    values = asdict(policy)
    del values["updated_at"]
    return values


async def preview_requirement(
    tx: AsyncConnection, caller: Caller, policy: SecurityPolicy, *, team_members: bool, end_users: bool
) -> Preview:
    """Return how many users a requirement would affect.

    `api_password_access_users` counts the users who would lose password access to the API. It is 0 if that is off
    already, or if 2FA would be required of nobody.
    """
    team, users = await repository.count_active_users(tx, caller.account_id)
    ends_password_access = policy.api_password_access and (team_members or end_users)
    losing = await repository.count_password_access_users(tx, caller.account_id) if ends_password_access else 0
    return Preview(team, users, losing)
