"""the job queue.

Revision ID: 202611240730
Revises: 202611240656
"""

from pathlib import Path

from alembic import op

revision = "202611240730"
down_revision = "202611240656"
branch_labels = None
depends_on = None

# The exact schema of procrastinate 3.10, copied here because a migration must never change. Schema changes of a
# later procrastinate release need a revision of their own.
_SCHEMA = Path(__file__).parent.parent / "procrastinate" / "3.10.sql"

_TYPES = ("procrastinate_job_to_defer_v1", "procrastinate_job_event_type", "procrastinate_job_status")
_TABLES = ("events", "periodic_defers", "jobs", "workers")

_DROP_FUNCTIONS = """
    DO $drop$ DECLARE signature text; BEGIN
        FOR signature IN
            SELECT oid::regprocedure FROM pg_proc
            WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
        LOOP EXECUTE 'DROP FUNCTION ' || signature || ' CASCADE'; END LOOP;  -- and its triggers
    END $drop$
"""


def upgrade() -> None:
    # The driver prepares its input, which therefore must be one statement; EXECUTE runs many.
    schema = _SCHEMA.read_text()
    op.get_bind().exec_driver_sql(f"DO $install$ BEGIN EXECUTE $schema${schema}$schema$; END $install$")
    # NOTIFY holds one lock for the whole cluster until its transaction has committed, so sign-ins that enqueue an
    # e-mail would commit one after another. The worker polls for new jobs once a second instead.
    op.execute("DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs")
    op.execute("DROP FUNCTION procrastinate_notify_queue_job_inserted_v1")


def downgrade() -> None:
    op.get_bind().exec_driver_sql(_DROP_FUNCTIONS)
    for table in _TABLES:
        op.execute(f"DROP TABLE procrastinate_{table}")
    for name in _TYPES:
        op.execute(f"DROP TYPE {name}")
