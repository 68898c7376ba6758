"""Settings of a JWT provider: none but the shared secret."""

from app.core.errors import invalid_field
from app.crypto.tokens import LEAST_SECRET_BYTES
from app.sign_in.sso.rules import ProtocolSettings

_PUBLIC_KEYS = ("-----BEGIN", "ssh-")


def _check_secret(secret: str) -> None:
    if len(secret.encode()) < LEAST_SECRET_BYTES or secret.lstrip().startswith(_PUBLIC_KEYS):
        detail = f"A secret has {LEAST_SECRET_BYTES} bytes or more, and is no public key."
        raise invalid_field("/secret", "too_short", detail)


SETTINGS = ProtocolSettings(
    known={},
    secret="secret",  # noqa: S106 -- the name of a field
    secret_required=True,
    secret_signs=True,
    check_secret=_check_secret,
)
