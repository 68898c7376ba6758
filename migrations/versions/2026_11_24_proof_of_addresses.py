"""proof of addresses.

Add when an address was proven, the external id that a provider gave, and who may exchange a code.

Revision ID: 202611242310
Revises: 202611242240
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "202611242310"
down_revision = "202611242240"
branch_labels = None
depends_on = None

_COLUMNS: list[tuple[str, str, sa.types.TypeEngine[Any]]] = [
    ("second_factor_state", "address_proven_at", sa.DateTime(timezone=True)),
    ("second_factor_state", "provider_external_id", sa.Text()),
    ("sso_requests", "code_challenge", sa.Text()),
    ("exchange_codes", "code_challenge", sa.Text()),
    ("exchange_codes", "browser_digest", sa.LargeBinary()),
]


def upgrade() -> None:
    # Each statement is its own transaction: one that locks two busy tables could deadlock with a sign-in. Each
    # statement can be repeated, in case the migration is interrupted.
    with op.get_context().autocommit_block():
        for table, name, type_ in _COLUMNS:
            op.add_column(table, sa.Column(name, type_), if_not_exists=True)


def downgrade() -> None:
    for table, name, _ in reversed(_COLUMNS):
        op.drop_column(table, name)
