"""Secrets that are opened again: AES-256-GCM under one of several keys, bound to where they are stored."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.secret_keys import KEY_BYTES, KEY_ID

_BOUND_TO_ROW, _BOUND_TO_USER = 1, 2  # the versions of the format
_HEAD_BYTES = 2
_NONCE_BYTES = 12


class SealBroken(Exception):  # noqa: N818 -- says what was found; never carries the data
    """Sealed data does not open here: its key is unknown, or it was changed, moved or cut short."""


@dataclass(frozen=True)
class AssociatedData:
    """Where a sealed value is stored, and whose it is; it opens nowhere else (ASVS 11.3.3).

    `user_id` is the user whom the row belongs to, or None for what is the account's or the service's own.
    """

    table: str
    column: str
    account_id: UUID
    row_id: UUID
    user_id: UUID | None

    @property
    def version(self) -> int:
        """The version of the format in which a value is sealed here."""
        return _BOUND_TO_ROW if self.user_id is None else _BOUND_TO_USER

    def encode(self, version: int) -> bytes:
        """Return bytes that no other place has in this version: every part is led by its length.

        Version 1 names the row alone. Releases before users were bound sealed everything so.
        """
        parts = [self.table.encode(), self.column.encode(), self.account_id.bytes, self.row_id.bytes]
        if version == _BOUND_TO_USER:
            parts.append(self.user_id.bytes if self.user_id else b"")
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Sealer:
    """Seals with the first of its keys and opens with any of them, so that keys can be rotated.

    `keys` maps key ids to 32 bytes each; `current_key_id` is the id of the one that seals. Sealed data is 1 byte
    version (1: bound to its row; 2: to its row and its user), 1 byte length of the key id, the key id, a 12 byte
    nonce, and the ciphertext with its 16 byte tag. Nonces are random, so one key may seal 2^32 values and no more
    (NIST SP 800-38D 8.3).
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("Sealing needs at least one key.")
        if not all(KEY_ID.fullmatch(key_id) for key_id in keys):
            raise ValueError("A key id is 1 to 32 of the characters A-Z, a-z, 0-9, _ and -.")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("A sealing key is exactly 32 bytes.")
        self.current_key_id = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    def seal(self, plain: bytes, place: AssociatedData) -> bytes:
        """Return `plain` sealed by the current key, to be opened at `place` only."""
        key_id = self.current_key_id.encode()
        head = bytes([place.version, len(key_id)]) + key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        bound_to = head + place.encode(place.version)
        return head + nonce + self._ciphers[self.current_key_id].encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, place: AssociatedData) -> bytes:
        """Return what was sealed at `place`; raise `SealBroken` for anything else, an unknown key included.

        A value of version 1 opens for any user of its row until `passgate rotate-keys` has sealed it again.
        """
        key_id = self.key_id_of(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealBroken("The data was sealed by a key that is not configured.")
        head_ends = _HEAD_BYTES + len(key_id)
        head, nonce = sealed[:head_ends], sealed[head_ends : head_ends + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[head_ends + _NONCE_BYTES :], head + place.encode(sealed[0]))
        except (InvalidTag, ValueError):  # ValueError: so short that the nonce is cut
            raise SealBroken("The sealed data was changed, moved or cut short.") from None

    def is_current(self, sealed: bytes, place: AssociatedData) -> bool:
        """Whether `seal` would use the same key and version; raise `SealBroken` when the data names no key."""
        return self.key_id_of(sealed) == self.current_key_id and sealed[0] == place.version

    @staticmethod
    def key_id_of(sealed: bytes) -> str:
        """Return the id of the key that sealed the data, unproven; raise `SealBroken` when it names none."""
        if len(sealed) < _HEAD_BYTES or sealed[0] not in {_BOUND_TO_ROW, _BOUND_TO_USER}:
            raise SealBroken("The data is not sealed in a version that is known here.")
        head_ends = _HEAD_BYTES + sealed[1]
        key_id = sealed[_HEAD_BYTES:head_ends].decode("ascii", errors="replace")
        if len(key_id) != sealed[1] or not KEY_ID.fullmatch(key_id):
            raise SealBroken("The sealed data names no key.")
        return key_id
