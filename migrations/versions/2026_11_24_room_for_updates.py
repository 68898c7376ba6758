"""free space for updates.

Every sign-in updates a row of each of these tables, but no indexed column. Such an update is cheap (HOT) if the
page has free space.

Revision ID: 202611241335
Revises: 202611241305
"""

from alembic import op

revision = "202611241335"
down_revision = "202611241305"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE users SET (fillfactor = 85)")
    op.execute("ALTER TABLE sign_ins SET (fillfactor = 80)")


def downgrade() -> None:
    op.execute("ALTER TABLE sign_ins RESET (fillfactor)")
    op.execute("ALTER TABLE users RESET (fillfactor)")
