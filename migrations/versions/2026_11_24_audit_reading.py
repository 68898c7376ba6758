"""indexes for reading the audit log by type, actor and target.

Revision ID: 202611241000
Revises: 202611240730
"""

from alembic import op

revision = "202611241000"
down_revision = "202611240730"
branch_labels = None
depends_on = None

_FILTERS = ("type", "actor_id", "target_id")


def upgrade() -> None:
    for column in _FILTERS:
        op.create_index(
            op.f(f"ix_audit_events_account_id_{column}_id"),
            "audit_events",
            ["account_id", column, "id"],
            unique=False,
        )


def downgrade() -> None:
    for column in _FILTERS:
        op.drop_index(op.f(f"ix_audit_events_account_id_{column}_id"), table_name="audit_events")
