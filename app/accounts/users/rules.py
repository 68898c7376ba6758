"""Who a user is, what an e-mail address and a name may be, and when two addresses are the same."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import idna
from email_validator import EmailNotValidError, validate_email

from app.core.callers import ADMINS, Role
from app.core.errors import FieldError, InvalidRequest

ACTIVE = "active"
SUSPENDED = "suspended"
LONGEST_NAME = 200
LONGEST_EMAIL = 320
"""Characters of an e-mail address, spaces around it included (RFC 3696, erratum 1690)."""
_LONGEST_DOMAIN = 253  # characters of a name in the DNS (RFC 1035)


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


def may_administer(actor: User, user: User) -> bool:
    """Whether the actor may act on the user: an active owner or admin; on the owner nobody but themself."""
    if actor.status != ACTIVE or actor.role not in ADMINS:
        return False
    return user.role is not Role.OWNER or actor.id == user.id


def email_key(email: str) -> str:
    """Return what is equal for equal addresses: trimmed, NFC, case folded (docs/api.md section 2).

    Raises `InvalidRequest` for more than `LONGEST_EMAIL` characters: NFC takes time in the square of their number.
    """
    _check_length(email, "/email")
    folded = unicodedata.normalize("NFC", email.strip()).casefold()
    return unicodedata.normalize("NFC", folded)  # folding can take a character apart again


def email_domain(email: str) -> str | None:
    """Return the domain of an address as `a_labels`; None where it has none that can exist."""
    _, at, domain = email.strip().rpartition("@")
    return a_labels(domain) if at else None


def a_labels(domain: str) -> str | None:
    """Return what is equal for equal domains: its A-labels (RFC 5891, mapped by UTS 46, nontransitional).

    `straße.example` is another domain than `strasse.example`, which case folding would make equal. None for what
    is no domain name.
    """
    if len(domain) > _LONGEST_DOMAIN:
        return None
    try:
        labels = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:  # `IDNAError` is one
        return None
    return None if labels.endswith(".") else labels


def same_mailbox(one: str, other: str) -> bool:
    """Whether two addresses reach one person. Stricter than `email_key`, whose folding makes `ß` equal to `ss`.

    For a third party's word about an address: people choose an address that looks like yours, or folds to it.
    """
    return email_domain(one) is not None and _mailbox(one) == _mailbox(other)


def _mailbox(email: str) -> tuple[str, str | None]:
    return unicodedata.normalize("NFC", email.strip().rpartition("@")[0]).lower(), email_domain(email)


def check_email(email: str, pointer: str = "/email") -> str:
    """Return the address trimmed; raises `InvalidRequest` for what is none (RFC 5321, RFC 6531)."""
    _check_length(email, pointer)
    trimmed = email.strip()
    try:
        validate_email(trimmed, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError:
        error = FieldError(pointer, "malformed", "This is no e-mail address.")
        raise InvalidRequest("The e-mail address is not valid.", error) from None
    return trimmed


def _check_length(email: str, pointer: str) -> None:
    if len(email) > LONGEST_EMAIL:
        error = FieldError(pointer, "too_long", f"An e-mail address has at most {LONGEST_EMAIL} characters.")
        raise InvalidRequest("The e-mail address is not valid.", error)


def check_name(name: str, pointer: str = "/name") -> str:
    """Return the name; raises `InvalidRequest` for what can be none."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        error = FieldError(pointer, "malformed", f"A name has 1 to {LONGEST_NAME} printable characters.")
        raise InvalidRequest("The name is not valid.", error)
    return name


def masked(email: str) -> str:
    """Return an address as others may see it: `a•••@example.com`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"
