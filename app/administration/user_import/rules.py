"""Parsing a line of an import, and the reasons to reject it."""

import base64
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from app.accounts.users.rules import LONGEST_NAME, check_email, check_locale, check_name
from app.core.callers import Role
from app.core.errors import InvalidRequest
from app.core.one_line import is_one_line
from app.crypto.password_hashes import UnusableHashError, kind_of, read_imported

LONGEST_LINE = 64 * 1024  # bytes
MOST_KINDS = 5
"""Maximum of password hash kinds in an account: each password check spends the cost of every kind."""

_FIELDS = frozenset({"email", "name", "role", "external_id", "locale", "password_hash", "totp_secret"})
_ROLES = {role.value: role for role in Role if role is not Role.OWNER}
_LONGEST_EXTERNAL_ID = 255
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL, which Postgres rejects, and lone surrogates
_SECRET_BYTES = range(16, 65)  # RFC 4226 4, R6: at least 128 bits


class BadLineError(ValueError):
    """A line is rejected; the message gives the reason, and never repeats the content."""


@dataclass(frozen=True)
class BadLine:
    """The number of a rejected line, from 1, and the reason."""

    number: int
    reason: str


@dataclass(frozen=True)
class ImportedUser:
    """The content of a valid line."""

    email: str
    name: str
    role: Role
    external_id: str | None
    locale: str
    password_hash: str | None
    totp_secret: bytes | None


@dataclass(frozen=True)
class ConflictingLine:
    """A valid line whose e-mail address or external id is taken.

    `email_of_line` and `external_id_of_line` are the lines that took them; None if it was an existing user.
    """

    line: int
    email_taken: bool
    email_of_line: int | None
    external_id_of_line: int | None


def conflict_reason(refused: ConflictingLine) -> str:
    """Return the reason for the report."""
    what = "email" if refused.email_taken else "external_id"
    other = refused.email_of_line if refused.email_taken else refused.external_id_of_line
    return f"{what}: is already used in line {other}" if other else f"{what}: is already used by an existing user"


def parse_line(line: bytes) -> ImportedUser:
    """Return the user in one line of JSON; raises `BadLineError`."""
    fields = _object(line)
    if fields.keys() - _FIELDS:
        raise BadLineError("there is an unknown field")
    texts = {name: _text(fields, name) for name in _FIELDS}
    return ImportedUser(
        email=_email(_needed(texts, "email")),
        name=_name(_needed(texts, "name")),
        role=_role(_needed(texts, "role")),
        external_id=_external_id(texts["external_id"]),
        locale=_locale(texts["locale"]),
        password_hash=_password_hash(texts["password_hash"]),
        totp_secret=_totp_secret(texts["totp_secret"]),
    )


def check_kind(user: ImportedUser, kinds: Collection[str]) -> str | None:
    """Return the kind of the user's password hash.

    Raises `BadLineError` if it is not in `kinds` and these are already `MOST_KINDS`.
    """
    kind = kind_of(user.password_hash) if user.password_hash else None
    if kind and kind not in kinds and len(kinds) >= MOST_KINDS:
        raise BadLineError(
            f"password_hash: with this one the account would have more than {MOST_KINDS} kinds (costs) of hashes"
        )
    return kind


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise BadLineError(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        found = json.loads(line.decode(), object_pairs_hook=_unique)
    except BadLineError:
        raise
    except UnicodeDecodeError:
        raise BadLineError("the line is not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLineError("the line is not JSON") from None
    if not isinstance(found, dict):
        raise BadLineError("the line is not a JSON object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadLineError("a field appears twice")
    return found


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadLineError(f"{name}: is not a string")
    if _NO_TEXT.search(value):
        raise BadLineError(f"{name}: contains NUL or a lone surrogate")
    return value


def _needed(texts: dict[str, str | None], name: str) -> str:
    value = texts[name]
    if not value:
        raise BadLineError(f"{name}: is missing")
    return value


def _email(text: str) -> str:
    try:
        return check_email(text)
    except InvalidRequest:
        raise BadLineError("email: is not an e-mail address") from None


def _name(text: str) -> str:
    try:
        return check_name(text)
    except InvalidRequest:
        raise BadLineError(f"name: is not 1 to {LONGEST_NAME} characters without control characters") from None


def _role(text: str) -> Role:
    role = _ROLES.get(text)
    if role is None:
        owner = text == Role.OWNER
        raise BadLineError(
            "role: an import cannot create an owner" if owner else f"role: is not one of {', '.join(_ROLES)}"
        )
    return role


def _external_id(text: str | None) -> str | None:
    if text is not None and not (1 <= len(text) <= _LONGEST_EXTERNAL_ID and is_one_line(text)):
        raise BadLineError(
            f"external_id: is not 1 to {_LONGEST_EXTERNAL_ID} characters without control characters"
        )
    return text


def _locale(text: str | None) -> str:
    if text is None:
        return "en"
    try:
        return check_locale(text)
    except InvalidRequest:
        raise BadLineError("locale: is not a language tag such as en, de-AT or zh-Hans") from None


def _password_hash(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return read_imported(text)
    except UnusableHashError as error:
        raise BadLineError(f"password_hash: is {error}") from None


def _totp_secret(text: str | None) -> bytes | None:
    if text is None:
        return None
    plain = text.replace(" ", "").upper().rstrip("=")
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except ValueError:
        raise BadLineError("totp_secret: is not base32") from None
    if len(secret) not in _SECRET_BYTES:
        raise BadLineError(f"totp_secret: is not {_SECRET_BYTES[0]} to {_SECRET_BYTES[-1]} bytes long")
    return secret
