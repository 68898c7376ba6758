"""the answers to requests with an Idempotency-Key, for ten minutes.

Revision ID: 202611250120
Revises: 202611242310
"""

import sqlalchemy as sa
from alembic import op

revision = "202611250120"
down_revision = "202611242310"
branch_labels = None
depends_on = None

_READ_BACK_BY = {"session_id": "sessions", "api_token_id": "api_tokens"}


def upgrade() -> None:
    # Each statement is its own transaction: one that locks two busy tables could deadlock with a sign-in. Each
    # statement can be repeated, in case the migration is interrupted.
    with op.get_context().autocommit_block():
        op.create_table(
            "stored_answers",
            sa.Column("account_id", sa.Uuid(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("user_id", sa.Uuid(), nullable=False),
            sa.Column("session_id", sa.Uuid()),
            sa.Column("api_token_id", sa.Uuid()),
            sa.Column("key_digest", sa.LargeBinary(), nullable=False),
            sa.Column("sealed_answer", sa.LargeBinary(), nullable=False),
            sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
            sa.CheckConstraint(
                "num_nonnulls(session_id, api_token_id) = 1", name=op.f("ck_stored_answers_read_back_by")
            ),
            sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_stored_answers")),
            sa.UniqueConstraint("account_id", "key_digest", name=op.f("uq_stored_answers_account_id_key_digest")),
            if_not_exists=True,
        )
        for column, table in _READ_BACK_BY.items():
            op.create_index(
                op.f(f"ix_stored_answers_account_id_{column}"),
                "stored_answers",
                ["account_id", column],
                if_not_exists=True,
            )
            name = f"fk_stored_answers_account_id_{column}_{table}"
            op.execute(
                f"ALTER TABLE stored_answers DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} "
                f"FOREIGN KEY (account_id, {column}) REFERENCES {table} (account_id, id) ON DELETE CASCADE"
            )


def downgrade() -> None:
    op.drop_table("stored_answers")
