"""more results of deliveries: deferred, misconfigured, expired.

Revision ID: 202611250250
Revises: 202611250125
"""

from alembic import op

revision = "202611250250"
down_revision = "202611250125"
branch_labels = None
depends_on = None

_NAME = "ck_delivery_counts_result"


def upgrade() -> None:
    # The table has a few rows for each account, so the check is quick.
    _allow("'sent', 'refused', 'expired', 'deferred', 'unavailable', 'misconfigured'")


def downgrade() -> None:
    op.execute("DELETE FROM delivery_counts WHERE result IN ('expired', 'deferred', 'misconfigured')")
    _allow("'sent', 'refused', 'unavailable'")


def _allow(results: str) -> None:
    op.execute(f"ALTER TABLE delivery_counts DROP CONSTRAINT IF EXISTS {_NAME}")
    op.execute(f"ALTER TABLE delivery_counts ADD CONSTRAINT {_NAME} CHECK (result IN ({results})) NOT VALID")
    op.execute(f"ALTER TABLE delivery_counts VALIDATE CONSTRAINT {_NAME}")
