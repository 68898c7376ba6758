"""Signed tokens (JWT) and their keys: the one module that knows python-jose."""

import base64
import json
from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jws
from jose.exceptions import JOSEError

ALGORITHM = "ES256"  # and no other: a key serves one algorithm (RFC 8725 3.1)
LEAST_SECRET_BYTES = 32  # of an HMAC: as many as the hash gives (RFC 7518 3.2)
_COORDINATE_BYTES = 32
_PARTS = 3
# What a header may say: nothing that brings or fetches a key, or asks for more than we know.
_HEADER = {"alg", "typ", "kid", "x5t", "x5t#S256"}
_LONGEST_TOKEN = 16_384
_KEY_TYPES = {"RS256": ("RSA", ("n", "e")), "ES256": ("EC", ("x", "y"))}  # by algorithm, with what makes the key
_RSA_BITS = range(2048, 8193)  # fewer are weak (NIST SP 800-131A), more cost too much


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


class TokenRefused(Exception):  # noqa: N818 -- says what was found
    """A token that is not what it should be; the message says why, for the log, and never repeats the token."""


def read_hs256_token(token: str, secret: bytes) -> dict[str, Any]:
    """Return the claims of a JWT that is signed by HS256 with `secret`; raises `TokenRefused`.

    Nothing in the token chooses how it is verified (RFC 8725 3.1): its header names HS256, and no key of its own.
    Times and the other claims are the caller's to check.
    """
    if len(secret) < LEAST_SECRET_BYTES:
        raise TokenRefused("the secret is too short")
    _, claims = _unverified(token, {"HS256"})
    _verify(token, secret, "HS256")
    return claims


def _unverified(token: str, algorithms: Container[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, not verified, of a token whose form and header are as they must be."""
    parts = token.split(".")
    if len(token) > _LONGEST_TOKEN or len(parts) != _PARTS or not all(_is_canonical(part) for part in parts):
        raise TokenRefused("too long, or not three parts in base64url")
    header, claims = (_parse(_decode(part)) for part in parts[:2])
    if not isinstance(header.get("alg"), str) or header["alg"] not in algorithms:
        raise TokenRefused("signed by another algorithm")
    if set(header) - _HEADER or str(header.get("typ", "JWT")).upper() != "JWT":
        raise TokenRefused("the header says more than it may")
    return header, claims


def _verify(token: str, key: bytes | list[dict[str, str]], algorithm: str) -> None:
    try:
        jws.verify(token, key, algorithms=[algorithm])
    except (JOSEError, ValueError):  # ValueError: a key that is none, from the library below
        raise TokenRefused("the signature is not the provider's") from None


def _is_canonical(part: str) -> bool:
    """Whether the part is the one way of writing its bytes: another would be another token to whoever compares."""
    try:
        return base64.urlsafe_b64encode(_decode(part)).decode().rstrip("=") == part
    except ValueError:
        return False


def _decode(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise TokenRefused("not well-formed JSON") from None
    if not isinstance(value, dict):
        raise TokenRefused("no JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate names")
    return found


def _refuse_constant(_: str) -> Any:
    raise ValueError("NaN or Infinity")


def key_id_of(token: str) -> str:
    """Return which of the issuer's keys a token names (`kid`), unproven; raises `TokenRefused`."""
    header, _ = _unverified(token, _KEY_TYPES)
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise TokenRefused("the header names no key")
    return key_id


def read_signed_token(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the claims of a JWT that is signed by RS256 or ES256 with one of the keys; raises `TokenRefused`.

    `keys` are JWKs (RFC 7517) of the issuer. The token chooses among them by `kid` only; a key serves the one
    algorithm of its type, and only if it is for signatures. Times and the other claims are the caller's to check.
    """
    key_id = key_id_of(token)
    header, claims = _unverified(token, _KEY_TYPES)
    algorithm = header["alg"]
    _, parts = _KEY_TYPES[algorithm]
    fit = [key for key in keys if _serves(key, key_id, algorithm)]
    if not fit:
        raise TokenRefused("the issuer has no such key for this algorithm")
    public = [{name: key[name] for name in ("kty", "crv", *parts) if name in key} for key in fit]
    _verify(token, public, algorithm)
    return claims


def _serves(key: Mapping[str, Any], key_id: str, algorithm: str) -> bool:
    type_, parts = _KEY_TYPES[algorithm]
    if (key.get("kid"), key.get("kty")) != (key_id, type_) or not all(isinstance(key.get(p), str) for p in parts):
        return False
    if key.get("alg", algorithm) != algorithm or key.get("use", "sig") != "sig":
        return False
    if type_ == "EC":
        return key.get("crv") == "P-256"
    try:
        return int.from_bytes(_decode(key["n"])).bit_length() in _RSA_BITS
    except ValueError:
        return False
