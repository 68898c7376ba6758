"""The form of an `Idempotency-Key`, how long it is remembered, and the encoding of an answer."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.core.errors import InvalidRequest
from app.crypto.digests import digest

LIFETIME = timedelta(minutes=10)
KEY_PATTERN = '^("[A-Za-z0-9._~:-]{1,128}"|[A-Za-z0-9._~:-]{1,128})$'
_LONGEST = 130
_EXAMPLE = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


@dataclass(frozen=True)
class StoredAnswer:
    """An answer as it was sent: the status, the headers of its own, and the JSON text."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


def parse_key(fields: Sequence[str]) -> str | None:
    """Return the key in the `Idempotency-Key` header fields of a request; None if there is none.

    It is a string in double quotes (RFC 8941); since many clients leave the quotes out, they are optional. Raises
    `InvalidRequest` for anything else, and for more than one field.
    """
    if not fields:
        return None
    if len(fields) > 1 or len(fields[0]) > _LONGEST or not re.fullmatch(KEY_PATTERN, fields[0]):
        raise InvalidRequest(
            "An Idempotency-Key is 1 to 128 of the characters A-Z, a-z, 0-9 and . _ ~ : - in double quotes, "
            f"such as {_EXAMPLE}. Send one."
        )
    return fields[0].strip('"')


def digest_content(method: str, path: str, body: Any) -> bytes:
    """Return the digest that two requests share if they ask for the same; the order of names is free."""
    return digest(f"{method} {path} {json.dumps(body, sort_keys=True)}")


def digest_key(credential: str, key: str) -> bytes:
    """Return the digest of a key of one credential: others may use the same key."""
    return digest(f"{credential} {key}")


def encode(content_digest: bytes, answer: StoredAnswer | None) -> bytes:
    """Return what is sealed; without an `answer` it only says that it was read back."""
    return json.dumps([content_digest.hex(), answer and [answer.status, answer.headers, answer.body]]).encode()


def decode(stored: bytes) -> tuple[bytes, StoredAnswer | None]:
    """Return the content digest and the answer that `encode` was given."""
    content_digest, answer = json.loads(stored)
    if answer is None:
        return bytes.fromhex(content_digest), None
    status, headers, body = answer
    return bytes.fromhex(content_digest), StoredAnswer(
        status, tuple((name, value) for name, value in headers), body
    )
