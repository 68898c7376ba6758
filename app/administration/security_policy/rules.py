"""How an account's security policy may change."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from app.accounts.rules import SecurityPolicy
from app.core.errors import Conflict


def changed_policy(policy: SecurityPolicy, changes: dict[str, Any], *, now: datetime) -> SecurityPolicy:
    """Return `policy` with `changes`; the same object if they change nothing.

    A requirement turns password access to the API off. Raises `Conflict` (`two_factor_required`) if the changes
    turn password access on while 2FA is required of team members or end users.
    """
    changed = replace(policy, **changes)
    if changed.require_team_members or changed.require_end_users:
        if changes.get("api_password_access"):
            raise Conflict(
                "Password access to the API cannot be on while two-factor authentication is required.",
                code="two_factor_required",
            )
        changed = replace(changed, api_password_access=False)
    if changed == policy:
        return policy
    return replace(changed, version=policy.version + 1, updated_at=now)
