"""end of authority.

Add who requested a change of address, links that stop such a change, whether an API token may sign in admins, and
whether a report's link is void because its requester lost the authority.

Revision ID: 202611242200
Revises: 202611241335
"""

import sqlalchemy as sa
from alembic import op

revision = "202611242200"
down_revision = "202611241335"
branch_labels = None
depends_on = None

_OLD = "purpose IN ('invitation', 'password', 'email')"
_NEW = "purpose IN ('invitation', 'password', 'email', 'email_stop')"


def upgrade() -> None:
    op.add_column("links", sa.Column("requested_by", sa.Uuid(), nullable=True))
    op.execute("ALTER TABLE links DROP CONSTRAINT ck_links_purpose")
    op.execute(f"ALTER TABLE links ADD CONSTRAINT ck_links_purpose CHECK ({_NEW}) NOT VALID")
    op.execute("ALTER TABLE links VALIDATE CONSTRAINT ck_links_purpose")
    op.add_column("api_tokens", sa.Column("signs_in_admins", sa.Boolean(), nullable=True))
    op.execute(
        "UPDATE api_tokens SET signs_in_admins = true FROM users AS u "
        "WHERE u.account_id = api_tokens.account_id AND u.id = api_tokens.user_id AND u.role = 'owner'"
    )
    op.add_column("reports", sa.Column("link_voided", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("reports", "link_voided")
    op.drop_column("api_tokens", "signs_in_admins")
    op.execute("DELETE FROM links WHERE purpose = 'email_stop'")
    op.execute("ALTER TABLE links DROP CONSTRAINT ck_links_purpose")
    op.execute(f"ALTER TABLE links ADD CONSTRAINT ck_links_purpose CHECK ({_OLD})")
    op.drop_column("links", "requested_by")
