"""Signed tokens (JWT) and their keys: the one module that knows python-jose."""

import base64
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jws

ALGORITHM = "ES256"  # and no other: a key serves one algorithm (RFC 8725 3.1)
_COORDINATE_BYTES = 32


def new_private_key() -> bytes:
    """Return a new P-256 key, in PEM (PKCS 8, to be sealed before it is stored anywhere)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_jwk(private_key: bytes, key_id: str) -> dict[str, str]:
    """Return the public half of a P-256 key in PEM, as a JWK that verifies (RFC 7517, RFC 7518 6.2.1)."""
    numbers = _read(private_key).public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _encode(numbers.x),
        "y": _encode(numbers.y),
        "kid": key_id,
        "use": "sig",
        "alg": ALGORITHM,
    }


def sign_token(
    claims: dict[str, Any], private_key: bytes, key_id: str, *, now: datetime, lifetime: timedelta
) -> str:
    """Return a JWT of the claims, good from `now` (in whole seconds, rounded down) for `lifetime`.

    `iat` and `exp` are set here, so that no token is without an end. Raises `ValueError` for a key that is none
    for ES256.
    """
    _read(private_key)
    issued_at = int(now.timestamp())
    timed = {**claims, "iat": issued_at, "exp": issued_at + int(lifetime.total_seconds())}
    token: str = jws.sign(timed, private_key, headers={"kid": key_id}, algorithm=ALGORITHM)
    return token


def _read(private_key: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(private_key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("ES256 needs a key on the curve P-256.")  # noqa: TRY004 -- the bytes have the right type
    return key


def _encode(coordinate: int) -> str:
    return base64.urlsafe_b64encode(coordinate.to_bytes(_COORDINATE_BYTES)).decode().rstrip("=")
