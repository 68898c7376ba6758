"""Encrypt stored secrets: AES-256-GCM with rotatable keys, bound to where they are stored."""

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


class SealBroken(Exception):  # noqa: N818 -- named for the outcome
    """Sealed data cannot be decrypted: unknown key, or changed, moved or truncated data.

    The message never quotes the data.
    """


@dataclass(frozen=True)
class AssociatedData:
    """AES-GCM associated data: where a sealed value is stored, and its user (ASVS 11.3.3).

    A value decrypts only with the associated data that it was sealed with. `user_id` is the user that the row
    belongs to, or None if the row belongs to the account or the service.
    """

    table: str
    column: str
    account_id: UUID
    row_id: UUID
    user_id: UUID | None

    @property
    def version(self) -> int:
        """The format version that new values are sealed in."""
        return _BOUND_TO_ROW if self.user_id is None else _BOUND_TO_USER

    def encode(self, version: int) -> bytes:
        """Return the associated data as unambiguous bytes: each part is prefixed with its length.

        Version 1 contains the row but not the user. Early releases used it for every value.
        """
        parts = [self.table.encode(), self.column.encode(), self.account_id.bytes, self.row_id.bytes]
        if version == _BOUND_TO_USER:
            parts.append(self.user_id.bytes if self.user_id else b"")
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Sealer:
    """Encrypts with the first of its keys and decrypts with any, so that keys can be rotated.

    `keys` maps key ids to 32 bytes each; `current_key_id` is the id of the first key. Sealed data is 1 byte
    version (1: bound to its row; 2: bound to its row and user), 1 byte length of the key id, the key id, a 12-byte
    nonce, and the ciphertext with its 16-byte tag. Nonces are random, so one key may seal at most 2^32 values
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
        """Return `plain` encrypted with the current key and bound to the associated data `place`."""
        key_id = self.current_key_id.encode()
        head = bytes([place.version, len(key_id)]) + key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        bound_to = head + place.encode(place.version)
        return head + nonce + self._ciphers[self.current_key_id].encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, place: AssociatedData) -> bytes:
        """Return the plaintext of a value that was sealed with the associated data `place`.

        Raise `SealBroken` if it was not, or if its key is unknown. A value of version 1 is not bound to a user
        until `passgate rotate-keys` re-encrypts it.
        """
        key_id = self.key_id_of(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealBroken("The data was sealed by a key that is not configured.")
        head_ends = _HEAD_BYTES + len(key_id)
        head, nonce = sealed[:head_ends], sealed[head_ends : head_ends + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[head_ends + _NONCE_BYTES :], head + place.encode(sealed[0]))
        except (InvalidTag, ValueError):  # ValueError: the nonce is truncated
            raise SealBroken("The sealed data was changed, moved or cut short.") from None

    def is_current(self, sealed: bytes, place: AssociatedData) -> bool:
        """Whether `seal` would use the same key and version; raises `SealBroken` without a key id."""
        return self.key_id_of(sealed) == self.current_key_id and sealed[0] == place.version

    @staticmethod
    def key_id_of(sealed: bytes) -> str:
        """Return the key id in the data, not authenticated; raise `SealBroken` if there is none."""
        if len(sealed) < _HEAD_BYTES or sealed[0] not in {_BOUND_TO_ROW, _BOUND_TO_USER}:
            raise SealBroken("The data is not sealed in a version that is known here.")
        head_ends = _HEAD_BYTES + sealed[1]
        key_id = sealed[_HEAD_BYTES:head_ends].decode("ascii", errors="replace")
        if len(key_id) != sealed[1] or not KEY_ID.fullmatch(key_id):
            raise SealBroken("The sealed data names no key.")
        return key_id
