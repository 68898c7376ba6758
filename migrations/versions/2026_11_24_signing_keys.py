"""the keys that sign identity tokens.

Revision ID: 202611241010
Revises: 202611241000
"""

import sqlalchemy as sa
from alembic import op

revision = "202611241010"
down_revision = "202611241000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("account_id", "generation", name=op.f("uq_signing_keys_account_id_generation")),
    )


def downgrade() -> None:
    op.drop_table("signing_keys")
