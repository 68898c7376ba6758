"""delivery counts.

Revision ID: 202611241305
Revises: 202611241104
"""

import sqlalchemy as sa
from alembic import op

revision = "202611241305"
down_revision = "202611241104"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_counts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("result IN ('sent', 'refused', 'unavailable')", name=op.f("ck_delivery_counts_result")),
        sa.PrimaryKeyConstraint("account_id", "channel", "result", name=op.f("pk_delivery_counts")),
    )


def downgrade() -> None:
    op.drop_table("delivery_counts")
