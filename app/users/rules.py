"""Who a user is, and when two e-mail addresses are the same."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.callers import Role

ACTIVE = "active"
SUSPENDED = "suspended"


@dataclass(frozen=True)
class User:
    """A user as the directory knows them; never with a secret."""

    id: UUID
    email: str
    name: str
    role: Role
    status: str
    external_id: str | None
    locale: str
    created_at: datetime
    last_sign_in_at: datetime | None


def email_key(email: str) -> str:
    """Return what is equal for equal addresses: trimmed, NFC, case folded (contract section 2)."""
    folded = unicodedata.normalize("NFC", email.strip()).casefold()
    return unicodedata.normalize("NFC", folded)  # folding can take a character apart again
