"""more results of deliveries: deferred, misconfigured, expired.

Revision ID: 202611250250
Revises: 202611250125
"""

from alembic import op

revision = "202611250250"
down_revision = "202611250130"
branch_labels = None
depends_on = None

_NAME = "ck_delivery_counts_result"


def upgrade() -> None:
    # A few rows for each account. Each statement is its own transaction, and can be repeated.
    with op.get_context().autocommit_block():
        _replace_check("'sent', 'refused', 'expired', 'deferred', 'unavailable', 'misconfigured'")


def downgrade() -> None:
    op.execute("DELETE FROM delivery_counts WHERE result IN ('expired', 'deferred', 'misconfigured')")
    _replace_check("'sent', 'refused', 'unavailable'")


def _replace_check(results: str) -> None:
    op.execute(
        f"ALTER TABLE delivery_counts DROP CONSTRAINT {_NAME}, "
        f"ADD CONSTRAINT {_NAME} CHECK (result IN ({results})) NOT VALID"
    )
    op.execute(f"ALTER TABLE delivery_counts VALIDATE CONSTRAINT {_NAME}")
