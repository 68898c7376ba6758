"""Tokens that a job sends by e-mail, sealed until the mail server has accepted the letter."""

from typing import NamedTuple

from app.crypto.digests import digest, new_secret
from app.crypto.sealing import AssociatedData, Sealer


class MailedToken(NamedTuple):
    """A token and its two stored forms. `is_new`: they are not stored yet."""

    token: str
    digest: bytes
    sealed: bytes
    is_new: bool


def mailed_token(sealer: Sealer, data: AssociatedData, sealed: bytes | None, prefix: str) -> MailedToken:
    """Return the token that an interrupted run has sealed, or a new one.

    So a retry sends the same letter again. Raises `SealBroken`.
    """
    if sealed is None:
        token = new_secret(prefix)
        return MailedToken(token, digest(token), sealer.seal(token.encode(), data), is_new=True)
    token = sealer.open(sealed, data).decode()
    return MailedToken(token, digest(token), sealed, is_new=False)
