"""authenticator kinds: their names are checked only for form; and the table of challenges.

Revision ID: 202611242230
Revises: 202611242216
"""

import sqlalchemy as sa
from alembic import op

revision = "202611242230"
down_revision = "202611242216"
branch_labels = None
depends_on = None

_OLD = "kind IN ('totp')"
_NEW = "kind ~ '^[a-z][a-z0-9_]{0,31}$'"
_ASKED_OF = {"sign_in_id": "sign_ins", "session_id": "sessions", "authenticator_id": "authenticators"}


def upgrade() -> None:
    # Each statement is its own transaction: one that locks two busy tables could deadlock with a sign-in. Each
    # statement can be repeated, in case the migration is interrupted.
    with op.get_context().autocommit_block():
        for table in ("authenticators", "enrollments"):
            name = f"ck_{table}_kind"
            op.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({_NEW}) NOT VALID"
            )
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        op.create_table(
            "challenges",
            sa.Column("account_id", sa.Uuid(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("sign_in_id", sa.Uuid()),
            sa.Column("session_id", sa.Uuid()),
            sa.Column("authenticator_id", sa.Uuid(), nullable=False),
            sa.Column("data", sa.LargeBinary(), nullable=False),
            sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
            sa.CheckConstraint("num_nonnulls(sign_in_id, session_id) = 1", name=op.f("ck_challenges_asked_in")),
            sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_challenges")),
            sa.UniqueConstraint("account_id", "sign_in_id", name=op.f("uq_challenges_account_id_sign_in_id")),
            sa.UniqueConstraint("account_id", "session_id", name=op.f("uq_challenges_account_id_session_id")),
            if_not_exists=True,
        )
        op.create_index(
            op.f("ix_challenges_account_id_authenticator_id"),
            "challenges",
            ["account_id", "authenticator_id"],
            if_not_exists=True,
        )
        for column, table in _ASKED_OF.items():
            name = f"fk_challenges_account_id_{column}_{table}"
            op.execute(
                f"ALTER TABLE challenges DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} "
                f"FOREIGN KEY (account_id, {column}) REFERENCES {table} (account_id, id) ON DELETE CASCADE"
            )


def downgrade() -> None:
    op.drop_table("challenges")
    for table in ("authenticators", "enrollments"):
        op.execute(f"DELETE FROM {table} WHERE NOT {_OLD}")  # noqa: S608 -- no input: constants only
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_kind")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_kind CHECK ({_OLD})")
