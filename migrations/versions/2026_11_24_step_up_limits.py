"""limits of step-up, and when a reached password limit was last recorded.

Revision ID: 202611242216
Revises: 202611242200
"""

import sqlalchemy as sa
from alembic import op

revision = "202611242216"
down_revision = "202611242200"
branch_labels = None
depends_on = None


def _failures() -> "sa.Column[int]":
    return sa.Column("step_up_failures", sa.Integer(), server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.add_column("second_factor_state", _failures())
    op.add_column("second_factor_state", sa.Column("step_up_blocked_until", sa.DateTime(timezone=True)))
    op.add_column("sessions", _failures())
    op.add_column("password_limits", sa.Column("recorded_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("password_limits", "recorded_at")
    op.drop_column("sessions", "step_up_failures")
    op.drop_column("second_factor_state", "step_up_blocked_until")
    op.drop_column("second_factor_state", "step_up_failures")
