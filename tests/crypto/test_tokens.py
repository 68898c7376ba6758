"""Signing, cross-checked with joserfc."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey

from app.crypto.tokens import new_private_key, public_jwk, sign_token

NOW = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_another_library_verifies_with_the_public_key() -> None:
    key = new_private_key()

    token = sign_token({"sub": "somebody", "name": "Söhne"}, key, "k1", now=NOW, lifetime=MINUTE)

    decoded = jwt.decode(token, ECKey.import_key(dict(public_jwk(key, "k1"))), algorithms=["ES256"])
    issued_at = int(NOW.timestamp())
    assert decoded.claims == {"sub": "somebody", "name": "Söhne", "iat": issued_at, "exp": issued_at + 60}
    assert decoded.header == {"alg": "ES256", "kid": "k1", "typ": "JWT"}


def test_a_signature_is_64_bytes_as_the_standard_requires() -> None:
    key = new_private_key()
    for _ in range(50):  # some of them have coordinates that begin with zeros
        signature = sign_token({}, key, "k1", now=NOW, lifetime=MINUTE).split(".")[2]
        assert len(base64.urlsafe_b64decode(signature + "==")) == 64


def test_coordinates_have_their_full_length() -> None:
    for _ in range(300):  # one or two of them begin with a zero byte
        jwk = public_jwk(new_private_key(), "k1")
        assert {len(jwk["x"]), len(jwk["y"])} == {43}


def test_iat_and_exp_replace_those_of_the_claims() -> None:
    token = sign_token({"exp": 2**40, "iat": 0}, new_private_key(), "k1", now=NOW, lifetime=MINUTE)

    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims == {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}


@pytest.mark.parametrize("make", ["P-384", "secp256k1", "RSA"])
def test_no_other_kind_of_key_signs_or_is_published(make: str) -> None:
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if make == "RSA":
        private = rsa.generate_private_key(65537, 2048)
    else:
        private = ec.generate_private_key(ec.SECP384R1() if make == "P-384" else ec.SECP256K1())
    key = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(ValueError, match="P-256"):
        sign_token({}, key, "k1", now=NOW, lifetime=MINUTE)
    with pytest.raises(ValueError, match="P-256"):
        public_jwk(key, "k1")


def test_a_shared_secret_is_no_private_key() -> None:
    with pytest.raises(ValueError, match="PEM"):
        sign_token({}, b"a shared secret of more than 32 bytes", "k1", now=NOW, lifetime=MINUTE)
