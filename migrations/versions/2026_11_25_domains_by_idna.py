"""domains by IDNA.

Compare the domains of e-mail addresses by IDNA, and store names in NFC, as the search expects them. Only keys of
addresses whose domain is internationalized change.

Revision ID: 202611250125
Revises: 202611242310
"""

import unicodedata
from collections.abc import Callable

import idna
import sqlalchemy as sa
from alembic import op

from app.core.errors import Conflict

revision = "202611250125"
down_revision = "202611250120"
branch_labels = None
depends_on = None

_AFFECTED = r"""
    SELECT account_id, id, email FROM users
    WHERE email ~ '@[^@]*[^\x01-\x7f][^@]*$' OR email ~* '@[^@]*xn--[^@]*$'
"""
_STORE = """
    UPDATE users SET email_key = :key
    WHERE account_id = :account_id AND id = :id AND NOT EXISTS (
        SELECT FROM users AS other
        WHERE other.account_id = :account_id AND other.email_key = :key AND other.id <> :id
    )
"""


def upgrade() -> None:
    _store_keys(_key_by_idna)
    op.execute("UPDATE users SET name = normalize(name, NFC) WHERE name IS NOT NFC NORMALIZED")


def downgrade() -> None:
    _store_keys(lambda email: _folded(email.strip()))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _key_by_idna(email: str) -> str:
    local, at, domain = email.strip().rpartition("@")
    try:
        return _folded(local) + at + idna.decode(idna.encode(domain, uts46=True, std3_rules=True))
    except UnicodeError:  # not a valid domain
        return _folded(email.strip())


def _store_keys(key_of: Callable[[str], str]) -> None:
    connection = op.get_bind()
    rows = [
        {"account_id": account_id, "id": id_, "key": key_of(email)}
        for account_id, id_, email in connection.execute(sa.text(_AFFECTED))
    ]
    # A key may be in use by a row whose own key changes too, so what is left is tried again.
    while rows:
        left = [row for row in rows if connection.execute(sa.text(_STORE), row).rowcount == 0]
        if len(left) == len(rows):
            ids = ", ".join(str(row["id"]) for row in left)
            raise Conflict(
                "Other users of their account have the same e-mail addresses, with the domain written in another "
                f"way. Change the addresses of these users, or delete them, and migrate again: {ids}"
            )
        rows = left
