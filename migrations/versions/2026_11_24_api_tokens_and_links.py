"""api tokens and links.

Revision ID: 202611241020
Revises: 202611241011
"""

import sqlalchemy as sa
from alembic import op

revision = "202611241020"
down_revision = "202611241011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.id"],
            name=op.f("fk_api_tokens_account_id_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("account_id", "token_digest", name=op.f("uq_api_tokens_account_id_token_digest")),
    )
    op.create_index(
        op.f("ix_api_tokens_account_id_user_id"), "api_tokens", ["account_id", "user_id"], unique=False
    )
    op.create_table(
        "links",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("token_digest", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('invitation', 'password', 'email')", name=op.f("ck_links_purpose")),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.id"],
            name=op.f("fk_links_account_id_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_links")),
        sa.UniqueConstraint("account_id", "token_digest", name=op.f("uq_links_account_id_token_digest")),
    )
    op.create_index(op.f("ix_links_account_id_user_id"), "links", ["account_id", "user_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_links_account_id_user_id"), table_name="links")
    op.drop_table("links")
    op.drop_index(op.f("ix_api_tokens_account_id_user_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
