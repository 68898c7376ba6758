"""Settings of a JWT provider: the shared secret, and the claim that identifies a user."""

from collections.abc import Mapping
from typing import Any

from app.core.addresses import FetchPolicy
from app.core.errors import invalid_field
from app.crypto.tokens import LEAST_SECRET_BYTES
from app.sign_in.sso.rules import ProtocolSettings

_OF_THE_TOKEN = {"exp", "iat", "jti", "nbf"}
"""Claims about the token itself, which no user keeps."""
_PUBLIC_KEYS = ("-----BEGIN", "ssh-")


def _check_secret(secret: str) -> None:
    if len(secret.encode()) < LEAST_SECRET_BYTES or secret.lstrip().startswith(_PUBLIC_KEYS):
        detail = f"A secret has {LEAST_SECRET_BYTES} bytes or more, and is no public key."
        raise invalid_field("/secret", "too_short", detail)


def _check(given: Mapping[str, Any], _fetched: FetchPolicy) -> None:
    if given.get("subject_attribute") in _OF_THE_TOKEN:
        raise invalid_field("/subject_attribute", "not_allowed", "This claim identifies a token, not a user.")


SETTINGS = ProtocolSettings(
    known={"subject_attribute": False},
    secret="secret",  # noqa: S106 -- the name of a field
    secret_required=True,
    secret_signs=True,
    check=_check,
    check_secret=_check_secret,
)
