"""The user, valid e-mail addresses and names, and the comparison of addresses."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import idna
from email_validator import EmailNotValidError, validate_email

from app.core.callers import ADMINS, Role
from app.core.errors import FieldError, InvalidRequest
from app.core.language_tags import is_language_tag
from app.core.one_line import BadTextError, line_or_none, one_line

ACTIVE = "active"
SUSPENDED = "suspended"
LONGEST_NAME = 200
LONGEST_EMAIL = 320
"""Characters of an e-mail address, including spaces around it (RFC 3696, erratum 1690)."""
_LONGEST_DOMAIN = 253  # characters of a DNS name (RFC 1035)


SERVICE_ROLES = (Role.ADMIN, Role.AGENT)
"""The roles that a service account can have."""

SERVICE_CANNOT_SIGN_IN = "A service account cannot sign in."


class UserKind(StrEnum):
    """A person, or a service account: a program that has API tokens and cannot sign in."""

    PERSON = "person"
    SERVICE = "service"


@dataclass(frozen=True)
class User:
    """A user, without any secret. `test_passcode` is set in test accounts only."""

    id: UUID
    email: str
    name: str
    role: Role
    status: str
    external_id: str | None
    locale: str
    created_at: datetime
    last_sign_in_at: datetime | None
    kind: UserKind = UserKind.PERSON
    test_passcode: bool = False

    @property
    def is_service(self) -> bool:
        """Whether this is a service account."""
        return self.kind is UserKind.SERVICE

    @property
    def may_sign_in(self) -> bool:
        """Whether the user is an active person: nobody else has sessions, passwords and links."""
        return self.status == ACTIVE and not self.is_service


def may_administer(actor: User, user: User) -> bool:
    """Whether the actor may change the user.

    The actor must be an active owner or admin. Only the owner may act on the owner.
    """
    if actor.status != ACTIVE or actor.role not in ADMINS:
        return False
    return user.role is not Role.OWNER or actor.id == user.id


def service_address(user_id: UUID) -> str:
    """Return the address by which a service account's API tokens are used.

    It receives no e-mail, and no person can have it: `check_email` refuses the domain (RFC 2606).
    """
    return f"{user_id}@service.invalid"


def email_key(email: str) -> str:
    """Return the key by which addresses are compared: the local part folded, the domain by IDNA.

    See docs/api.md section 2. Raises `InvalidRequest` for more than `LONGEST_EMAIL` characters, because NFC takes
    quadratic time.
    """
    _check_length(email, "/email")
    local, at, domain = email.strip().rpartition("@")
    return folded(local) + at + _domain_key(domain)


def folded(text: str) -> str:
    """Return the text in NFC and case folded, by which local parts of addresses are compared."""
    # Case folding can decompose a character, so NFC comes after it too.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _domain_key(domain: str) -> str:
    """Return the U-labels of a domain, so that a search finds what people read; folded if it is invalid.

    U-labels and A-labels correspond one to one (RFC 5890 2.3.2.1), so comparing either is the same.
    """
    lower = domain.lower()
    if domain.isascii() and "xn--" not in lower:  # the usual domain, which needs no IDNA
        return lower
    labels = a_labels(domain)
    return folded(domain) if labels is None else idna.decode(labels)


def keys_to_search(text: str) -> set[str]:
    """Return what a part of an address may look like in `email_key`: folded, or with U-labels."""
    local, at, domain = text.rpartition("@")
    return {folded(text), folded(local) + at + _domain_key(domain)}


def email_domain(email: str) -> str | None:
    """Return the domain of an address as A-labels; None if it has no valid domain."""
    _, at, domain = email.strip().rpartition("@")
    return a_labels(domain) if at else None


def a_labels(domain: str) -> str | None:
    """Return the A-labels of a domain, by which domains are compared; None for an invalid name.

    Follows RFC 5891, mapped by UTS 46, nontransitional: `straße.example` and `strasse.example` are different
    domains. Case folding would make them equal.
    """
    if len(domain) > _LONGEST_DOMAIN:
        return None
    try:
        labels = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:  # includes `IDNAError`
        return None
    return None if labels.endswith(".") else labels


def same_mailbox(one: str, other: str) -> bool:
    """Whether two addresses are the same mailbox; stricter than `email_key`.

    For addresses that a third party asserts. `email_key` makes `ß` equal to `ss`, so an attacker could register
    another address with the same key.
    """
    return email_domain(one) is not None and _mailbox(one) == _mailbox(other)


def _mailbox(email: str) -> tuple[str, str | None]:
    return unicodedata.normalize("NFC", email.strip().rpartition("@")[0]).lower(), email_domain(email)


def check_email(email: str, pointer: str = "/email") -> str:
    """Return the address, trimmed; raises `InvalidRequest` if it is invalid (RFC 5321, 6531)."""
    _check_length(email, pointer)
    trimmed = email.strip()
    try:
        validate_email(trimmed, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError:
        raise _no_address(pointer) from None
    if email_domain(trimmed) is None:
        raise _no_address(pointer)
    return trimmed


def _no_address(pointer: str) -> InvalidRequest:
    error = FieldError(pointer, "malformed", "An e-mail address is like name@example.com.")
    return InvalidRequest("The e-mail address is not valid.", error)


def _check_length(email: str, pointer: str) -> None:
    if len(email) > LONGEST_EMAIL:
        error = FieldError(pointer, "too_long", f"An e-mail address has at most {LONGEST_EMAIL} characters.")
        raise InvalidRequest("The e-mail address is not valid.", error)


def check_name(name: str, pointer: str = "/name") -> str:
    """Return the name as it is stored (see `one_line`); raises `InvalidRequest` if it is invalid."""
    try:
        return one_line(name, LONGEST_NAME)
    except BadTextError as error:
        raise InvalidRequest("The name is not valid.", FieldError(pointer, error.code, str(error))) from None


def asserted_name(value: object) -> str | None:
    """Return the name that a third party asserts, shortened if too long; None if it cannot be kept."""
    return line_or_none(value, LONGEST_NAME)


def name_from_email(email: str) -> str:
    """Return a name for a user of whom only the valid e-mail address is known: its local part."""
    return asserted_name(email.strip().rpartition("@")[0]) or email.strip()[:LONGEST_NAME]


def check_locale(tag: str, pointer: str = "/locale") -> str:
    """Return the language tag as given; raises `InvalidRequest` if it is not one (BCP 47)."""
    if not is_language_tag(tag):
        error = FieldError(pointer, "malformed", "Use a language tag (BCP 47), such as en, de-AT or zh-Hans.")
        raise InvalidRequest("The locale is not valid.", error)
    return tag


def masked(email: str) -> str:
    """Return an address masked for other people: `a•••@example.com`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"
