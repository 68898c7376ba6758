"""Functions and triggers for the rules that no constraint can express.

They are listed here for `metadata.create_all`; the migrations have their own copies, and a test compares the two.
"""

from sqlalchemy import DDL, event

from app.database.base import metadata

# Whether an account is a test account, and whether a user is a service account, is decided once.
_REFUSE_CHANGE = """\
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME,
    MESSAGE = 'this column never changes';
END
$$"""
_TEST_NEVER_CHANGES = """\
CREATE TRIGGER test_never_changes BEFORE UPDATE OF test ON accounts
FOR EACH ROW WHEN (OLD.test IS DISTINCT FROM NEW.test) EXECUTE FUNCTION refuse_change()"""
_KIND_NEVER_CHANGES = """\
CREATE TRIGGER kind_never_changes BEFORE UPDATE OF kind ON users
FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind) EXECUTE FUNCTION refuse_change()"""

# Only users of test accounts have the test passcode.
_CHECK_TEST_PASSCODE = """\
CREATE FUNCTION check_test_passcode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM accounts WHERE id = NEW.account_id AND test) THEN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME,
      MESSAGE = 'only users of test accounts have the test passcode';
  END IF;
  RETURN NEW;
END
$$"""
_TEST_PASSCODE_IN_TEST_ACCOUNTS = """\
CREATE TRIGGER test_passcode_in_test_accounts BEFORE INSERT OR UPDATE OF test_passcode ON users
FOR EACH ROW WHEN (NEW.test_passcode) EXECUTE FUNCTION check_test_passcode()"""

# An e-mail address owns test accounts or real ones, never both. The advisory lock makes concurrent transactions
# with one address wait for each other; the query after it sees what the other one committed.
_CHECK_OWNER_ADDRESS = """\
CREATE FUNCTION check_owner_address() RETURNS trigger LANGUAGE plpgsql AS $$
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
$$"""
_OWNER_OF_TEST_OR_REAL = """\
CREATE TRIGGER owner_of_test_or_real BEFORE INSERT OR UPDATE OF role, email_key ON users
FOR EACH ROW WHEN (NEW.role = 'owner') EXECUTE FUNCTION check_owner_address()"""

for _statement in (
    _REFUSE_CHANGE,
    _TEST_NEVER_CHANGES,
    _KIND_NEVER_CHANGES,
    _CHECK_TEST_PASSCODE,
    _TEST_PASSCODE_IN_TEST_ACCOUNTS,
    _CHECK_OWNER_ADDRESS,
    _OWNER_OF_TEST_OR_REAL,
):
    event.listen(metadata, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
