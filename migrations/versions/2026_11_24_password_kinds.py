"""index for finding the kinds of password hashes in an account.

Revision ID: 202611241011
Revises: 202611241010
"""

import sqlalchemy as sa
from alembic import op

revision = "202611241011"
down_revision = "202611241010"
branch_labels = None
depends_on = None

_KIND = "regexp_substr(password_hash, '^[$](2b[$][0-9]{2}|argon2id?[$]v=19[$][^$]{1,60})')"


def upgrade() -> None:
    op.create_index("ix_users_account_id_password_kind", "users", ["account_id", sa.text(_KIND)], unique=False)


def downgrade() -> None:
    op.drop_index("ix_users_account_id_password_kind", table_name="users")
