"""Signed tokens (JWT) and their keys; the only module that uses python-jose."""

import base64
import json
from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jws
from jose.exceptions import JOSEError

ALGORITHM = "ES256"  # the only one: a key is used with a single algorithm (RFC 8725 3.1)
LEAST_SECRET_BYTES = 32  # an HMAC key is at least as long as the hash output (RFC 7518 3.2)
_COORDINATE_BYTES = 32
_PARTS = 3
# The header parameters that are accepted: none that embeds or references a key (such as jwk or jku), and no crit.
_HEADER = {"alg", "typ", "kid", "x5t", "x5t#S256"}
_LONGEST_TOKEN = 16_384
_KEY_TYPES = {"RS256": ("RSA", ("n", "e")), "ES256": ("EC", ("x", "y"))}  # by algorithm: type, members
_RSA_BITS = range(2048, 8193)  # shorter keys are weak (NIST SP 800-131A), longer ones cost too much time


def new_private_key() -> bytes:
    """Return a new P-256 private key in PEM (PKCS #8, unencrypted: seal it before storing it)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_jwk(private_key: bytes, key_id: str) -> dict[str, str]:
    """Return the public key of a P-256 private key in PEM, as a JWK (RFC 7517, RFC 7518 6.2.1)."""
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
    """Return a JWT of the claims, valid from `now` for `lifetime`.

    `iat` (`now` rounded down to whole seconds) and `exp` are set here, so that every token expires. Raises
    `ValueError` if the key is not for ES256.
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


class TokenRefused(Exception):  # noqa: N818 -- named for the outcome
    """The token is not valid. The message is for the log and never quotes the token."""


def read_hs256_token(token: str, secret: bytes) -> dict[str, Any]:
    """Return the claims of a JWT that is signed with HS256 and `secret`; raises `TokenRefused`.

    The token cannot choose how it is verified (RFC 8725 3.1): its header must name HS256 and may not carry a key.
    The caller checks the times and the other claims.
    """
    if len(secret) < LEAST_SECRET_BYTES:
        raise TokenRefused("the secret is too short")
    _, claims = _unverified(token, {"HS256"})
    _verify(token, secret, "HS256")
    return claims


def _unverified(token: str, algorithms: Container[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and claims of a well-formed token, without verifying its signature."""
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
    except (JOSEError, ValueError):  # ValueError: an invalid key, raised by cryptography
        raise TokenRefused("the signature is not the provider's") from None


def _is_canonical(part: str) -> bool:
    """Whether the part is canonical base64url, so that equal tokens are equal strings."""
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


def key_id_of(token: str) -> str | None:
    """Return the `kid` of a token without verifying it, None if it has none; raises `TokenRefused`."""
    header, _ = _unverified(token, _KEY_TYPES)
    if "kid" not in header:
        return None
    key_id = header["kid"]
    if not isinstance(key_id, str):
        raise TokenRefused("the header's kid is no text")
    return key_id


def read_signed_token(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the claims of a JWT signed by one of the keys; raises `TokenRefused`.

    The algorithm must be RS256 or ES256. `keys` are JWKs (RFC 7517) of the issuer. The token selects among them by
    `kid` only; without one, the only key of a set of one is tried (OpenID Connect Core 10.1). A key is used for
    the one algorithm of its type, and only if it is for signatures. The caller checks the times and other claims.
    """
    key_id = key_id_of(token)
    header, claims = _unverified(token, _KEY_TYPES)
    algorithm = header["alg"]
    _, parts = _KEY_TYPES[algorithm]
    fit = [key for key in _named(keys, key_id) if _serves(key, algorithm)]
    if not fit:
        raise TokenRefused("the issuer has no such key for this algorithm")
    public = [{name: key[name] for name in ("kty", "crv", *parts) if name in key} for key in fit]
    _verify(token, public, algorithm)
    return claims


def _named(keys: Sequence[Mapping[str, Any]], key_id: str | None) -> list[Mapping[str, Any]]:
    if key_id is not None:
        return [key for key in keys if key.get("kid") == key_id]
    if len(keys) != 1:
        raise TokenRefused("the header names no key, and there is not just one")
    return list(keys)


def _serves(key: Mapping[str, Any], algorithm: str) -> bool:
    type_, parts = _KEY_TYPES[algorithm]
    if key.get("kty") != type_ or not all(isinstance(key.get(part), str) for part in parts):
        return False
    if key.get("alg", algorithm) != algorithm or key.get("use", "sig") != "sig":
        return False
    if type_ == "EC":
        return key.get("crv") == "P-256"
    try:
        return int.from_bytes(_decode(key["n"])).bit_length() in _RSA_BITS
    except ValueError:
        return False
