"""Who may call the API with a password (docs/api.md section 3)."""

from app.accounts.rules import SecurityPolicy


def is_open(policy: SecurityPolicy) -> bool:
    """Whether the account allows API access with passwords."""
    return policy.api_password_access and not (policy.require_team_members or policy.require_end_users)
