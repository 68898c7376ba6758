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

# What procrastinate 3.10 installs, word for word, kept here because a migration never changes: a later release of
# procrastinate brings its own changes, for a revision of their own.
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
    # The driver prepares what it is given, which must be one statement; EXECUTE takes many.
    schema = _SCHEMA.read_text()
    op.get_bind().exec_driver_sql(f"DO $install$ BEGIN EXECUTE $schema${schema}$schema$; END $install$")
    # NOTIFY takes one lock for the whole cluster until its transaction has committed: every sign-in that sends a
    # letter would commit one after another. The worker asks for new jobs once a second instead.
    op.execute("DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs")
    op.execute("DROP FUNCTION procrastinate_notify_queue_job_inserted_v1")


def downgrade() -> None:
    op.get_bind().exec_driver_sql(_DROP_FUNCTIONS)
    for table in _TABLES:
        op.execute(f"DROP TABLE procrastinate_{table}")
    for name in _TYPES:
        op.execute(f"DROP TYPE {name}")
