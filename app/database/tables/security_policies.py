"""What an account requires: one row an account, apart from it because it changes.

A change may end the sessions of all who must enroll, however many: three columns say at once which have ended, and
a job deletes those and empties the columns. `..._ended_through` is the newest that has ended: ids grow with time,
and no sign-in of the account by password alone is under way when it is chosen.
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
    Column("team_session_kept", Uuid),  # the session of whoever made the change
    Column("end_user_sessions_ended_through", Uuid),
    ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    CheckConstraint("trusted_device_days BETWEEN 0 AND 30", name="trusted_device_days"),
    CheckConstraint(
        "NOT (api_password_access AND (require_team_members OR require_end_users))", name="no_password_access"
    ),
)
