"""sessions that a policy change ends: all up to an id, except one of the team's.

Revision ID: 202611242240
Revises: 202611242230
"""

import sqlalchemy as sa
from alembic import op

revision = "202611242240"
down_revision = "202611242230"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("security_policies", sa.Column("team_sessions_ended_through", sa.Uuid(), nullable=True))
    op.add_column("security_policies", sa.Column("team_session_kept", sa.Uuid(), nullable=True))
    op.add_column("security_policies", sa.Column("end_user_sessions_ended_through", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("security_policies", "end_user_sessions_ended_through")
    op.drop_column("security_policies", "team_session_kept")
    op.drop_column("security_policies", "team_sessions_ended_through")
