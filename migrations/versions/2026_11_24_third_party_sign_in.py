"""third party sign in.

Revision ID: 202611241104
Revises: 202611241030
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "202611241104"
down_revision = "202611241030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sso_used_tokens",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "token_digest", name=op.f("pk_sso_used_tokens")),
    )
    op.create_table(
        "sso_providers",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("create_users", sa.Boolean(), nullable=False),
        sa.Column("default_role", sa.Text(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("trusted_domains", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("type IN ('jwt', 'oidc', 'saml')", name=op.f("ck_sso_providers_type")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sso_providers_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_sso_providers")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_sso_providers_account_id_name")),
    )
    op.create_table(
        "exchange_codes",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "provider_id"],
            ["sso_providers.account_id", "sso_providers.id"],
            name=op.f("fk_exchange_codes_account_id_provider_id_sso_providers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.id"],
            name=op.f("fk_exchange_codes_account_id_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_exchange_codes")),
        sa.UniqueConstraint("account_id", "code_digest", name=op.f("uq_exchange_codes_account_id_code_digest")),
    )
    op.create_index(
        op.f("ix_exchange_codes_account_id_provider_id"),
        "exchange_codes",
        ["account_id", "provider_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_exchange_codes_account_id_user_id"), "exchange_codes", ["account_id", "user_id"], unique=False
    )
    op.create_table(
        "sso_identities",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "provider_id"],
            ["sso_providers.account_id", "sso_providers.id"],
            name=op.f("fk_sso_identities_account_id_provider_id_sso_providers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["users.account_id", "users.id"],
            name=op.f("fk_sso_identities_account_id_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_sso_identities")),
        sa.UniqueConstraint(
            "account_id", "provider_id", "subject", name=op.f("uq_sso_identities_account_id_provider_id_subject")
        ),
        sa.UniqueConstraint(
            "account_id", "provider_id", "user_id", name=op.f("uq_sso_identities_account_id_provider_id_user_id")
        ),
    )
    op.create_index(
        op.f("ix_sso_identities_account_id_user_id"), "sso_identities", ["account_id", "user_id"], unique=False
    )
    op.create_table(
        "sso_requests",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=True),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "provider_id"],
            ["sso_providers.account_id", "sso_providers.id"],
            name=op.f("fk_sso_requests_account_id_provider_id_sso_providers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_sso_requests")),
        sa.UniqueConstraint("account_id", "secret_digest", name=op.f("uq_sso_requests_account_id_secret_digest")),
    )
    op.create_index(
        op.f("ix_sso_requests_account_id_provider_id"), "sso_requests", ["account_id", "provider_id"], unique=False
    )
    op.add_column("sign_ins", sa.Column("asserted_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("sign_ins", "asserted_by")
    op.drop_index(op.f("ix_sso_requests_account_id_provider_id"), table_name="sso_requests")
    op.drop_table("sso_requests")
    op.drop_index(op.f("ix_sso_identities_account_id_user_id"), table_name="sso_identities")
    op.drop_table("sso_identities")
    op.drop_index(op.f("ix_exchange_codes_account_id_user_id"), table_name="exchange_codes")
    op.drop_index(op.f("ix_exchange_codes_account_id_provider_id"), table_name="exchange_codes")
    op.drop_table("exchange_codes")
    op.drop_table("sso_providers")
    op.drop_table("sso_used_tokens")
