"""The security policies: one row per account, separate from `accounts` because it changes.

A policy change can end the sessions of all users who must enroll, of any number. The last three columns mark these
sessions as ended at once; a job then deletes them and clears the `..._ended_through` columns. These have the id of
the newest ended session: ids grow with time, and the exclusive policy lock ensures that no sign-in by password
alone is in progress when the id is chosen.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from app.database.base import Moment, account_id, metadata

security_policies = Table(
    "security_policies",
    metadata,
    account_id(),
    Column("require_team_members", Boolean, nullable=False),
    Column("require_end_users", Boolean, nullable=False),
    Column("api_password_access", Boolean, nullable=False),
    Column("trusted_device_days", SmallInteger, nullable=False),
    Column("team_member_kinds", ARRAY(Text), nullable=False),
    Column("end_user_kinds", ARRAY(Text), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("team_sessions_ended_through", Uuid),
    Column("team_session_kept", Uuid),  # the session that made the change; it does not end
    Column("end_user_sessions_ended_through", Uuid),
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    CheckConstraint("trusted_device_days BETWEEN 0 AND 30", name="trusted_device_days"),
    CheckConstraint(
        "NOT (api_password_access AND (require_team_members OR require_end_users))", name="no_password_access"
    ),
)
