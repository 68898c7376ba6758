"""test accounts with a test passcode, service accounts, and reports without a letter.

Revision ID: 202611250130
Revises: 202611242310
"""

from alembic import op

revision = "202611250130"
down_revision = "202611250125"
branch_labels = None
depends_on = None

_SERVICE = (
    "kind = 'person' OR (kind = 'service' AND role IN ('admin', 'agent') AND password_hash IS NULL "
    "AND external_id IS NULL AND NOT test_passcode)"
)
_FUNCTIONS = (
    """\
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME,
    MESSAGE = 'this column never changes';
END
$$""",
    """\
CREATE OR REPLACE FUNCTION check_test_passcode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM accounts WHERE id = NEW.account_id AND test) THEN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME,
      MESSAGE = 'only users of test accounts have the test passcode';
  END IF;
  RETURN NEW;
END
$$""",
    """\
CREATE OR REPLACE FUNCTION check_owner_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('owner ' || NEW.email_key, 0));
  IF EXISTS (
    SELECT FROM accounts AS this
    JOIN accounts AS other ON other.test <> this.test
    JOIN users AS u ON u.account_id = other.id AND u.role = 'owner'
    WHERE this.id = NEW.account_id AND u.email_key = NEW.email_key
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'unique_violation', CONSTRAINT = TG_NAME,
      MESSAGE = 'an e-mail address owns test accounts or real ones, never both';
  END IF;
  RETURN NEW;
END
$$""",
)
_TRIGGERS = (
    """\
CREATE OR REPLACE TRIGGER test_never_changes BEFORE UPDATE OF test ON accounts
FOR EACH ROW WHEN (OLD.test IS DISTINCT FROM NEW.test) EXECUTE FUNCTION refuse_change()""",
    """\
CREATE OR REPLACE TRIGGER kind_never_changes BEFORE UPDATE OF kind ON users
FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind) EXECUTE FUNCTION refuse_change()""",
    """\
CREATE OR REPLACE TRIGGER test_passcode_in_test_accounts BEFORE INSERT OR UPDATE OF test_passcode ON users
FOR EACH ROW WHEN (NEW.test_passcode) EXECUTE FUNCTION check_test_passcode()""",
    """\
CREATE OR REPLACE TRIGGER owner_of_test_or_real BEFORE INSERT OR UPDATE OF role, email_key ON users
FOR EACH ROW WHEN (NEW.role = 'owner') EXECUTE FUNCTION check_owner_address()""",
)


def upgrade() -> None:
    # Each statement is its own transaction and can be repeated: none holds a lock on two busy tables.
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE accounts ADD COLUMN IF NOT EXISTS test boolean DEFAULT false NOT NULL")
        op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS kind text DEFAULT 'person' NOT NULL")
        op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS test_passcode boolean DEFAULT false NOT NULL")
        op.execute("ALTER TABLE reports ADD COLUMN IF NOT EXISTS notify boolean DEFAULT true NOT NULL")
        op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_kind")
        op.execute(f"ALTER TABLE users ADD CONSTRAINT ck_users_kind CHECK ({_SERVICE}) NOT VALID")
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_kind")
        for statement in (*_FUNCTIONS, *_TRIGGERS):
            op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM users WHERE kind <> 'person'")
    for trigger, table in (
        ("owner_of_test_or_real", "users"),
        ("test_passcode_in_test_accounts", "users"),
        ("kind_never_changes", "users"),
        ("test_never_changes", "accounts"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in ("check_owner_address", "check_test_passcode", "refuse_change"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("ALTER TABLE users DROP CONSTRAINT ck_users_kind")
    op.drop_column("reports", "notify")
    op.drop_column("users", "test_passcode")
    op.drop_column("users", "kind")
    op.drop_column("accounts", "test")
