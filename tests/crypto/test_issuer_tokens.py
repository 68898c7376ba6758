"""Tokens of an issuer, signed by joserfc, and forgeries that have fooled other verifiers."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.crypto.tokens import TokenRefused, key_id_of, read_signed_token

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig", "alg": "RS256"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
KEYS: list[dict[str, Any]] = [key.as_dict(private=False) for key in (RSA, EC)]
CLAIMS = {"sub": "somebody", "iat": 1}
HEADER = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}


def encode(value: bytes | dict[str, Any]) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed(header: bytes | dict[str, Any], claims: bytes | dict[str, Any] = CLAIMS, key: Any = RSA) -> str:
    """Sign any header and claims with RS256, also those that a library refuses to sign."""
    start = f"{encode(header)}.{encode(claims)}"
    signature = key.private_key.sign(start.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{start}.{encode(signature)}"


def hmac_signed(header: dict[str, Any], key: bytes) -> str:
    start = f"{encode(header)}.{encode(CLAIMS)}"
    return f"{start}.{encode(hmac.digest(key, start.encode(), hashlib.sha256))}"


def public(encoding: Encoding) -> bytes:
    return RSA.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


GOOD = jwt.encode(HEADER, CLAIMS, RSA)
GOOD_EC = jwt.encode({"alg": "ES256", "kid": "ec"}, CLAIMS, EC)
START, _, SIGNATURE = GOOD.rpartition(".")
HS = {"alg": "HS256", "kid": "rsa"}


def test_a_token_of_either_algorithm_is_read() -> None:
    for token, key_id in ((GOOD, "rsa"), (GOOD_EC, "ec"), (signed(HEADER | {"x5t": "abc"}), "rsa")):
        assert key_id_of(token) == key_id
        assert read_signed_token(token, KEYS) == CLAIMS


FORGED: dict[str, str] = {
    "nothing": "",
    "dots": "..",
    "none": f"{encode({'alg': 'none', 'kid': 'rsa'})}.{encode(CLAIMS)}.",
    "nOnE with a signature": f"{encode({'alg': 'nOnE', 'kid': 'rsa'})}.{encode(CLAIMS)}.{SIGNATURE}",
    "no alg": signed({"kid": "rsa"}),
    "alg as a list": signed(HEADER | {"alg": ["RS256"]}),
    "alg as an object": signed(HEADER | {"alg": {}}),
    "HS256 with the key in PEM": hmac_signed(HS, public(Encoding.PEM)),
    "HS256 with the key in DER": hmac_signed(HS, public(Encoding.DER)),
    "HS256 with the modulus": hmac_signed(HS, KEYS[0]["n"].encode()),
    "HS256 with the JWK": hmac_signed(HS, json.dumps(KEYS[0]).encode()),
    "HS256 with nothing": hmac_signed(HS, b""),
    "RS256 by HMAC": hmac_signed(HEADER, public(Encoding.PEM)),
    "RS512": jwt.encode({"alg": "RS512", "kid": "rsa"}, CLAIMS, STRANGER, algorithms=["RS512"]),
    "PS256": jwt.encode({"alg": "PS256", "kid": "rsa"}, CLAIMS, STRANGER, algorithms=["PS256"]),
    "a stranger's key of the same name": jwt.encode(HEADER, CLAIMS, STRANGER),
    "no kid": signed({"alg": "RS256"}),
    "an unknown kid": signed(HEADER | {"kid": "unknown"}),
    "an empty kid": signed(HEADER | {"kid": ""}),
    "kid as a list": signed(HEADER | {"kid": ["rsa"]}),
    "kid as a number": signed(HEADER | {"kid": 0}),
    "kid as null": signed(HEADER | {"kid": None}),
    "kid as a path": signed(HEADER | {"kid": "../../../../dev/null"}),
    "kid as SQL": signed(HEADER | {"kid": "' UNION SELECT 'rsa' --"}),
    "the kid of the key of another type": signed(HEADER | {"kid": "ec"}),
    "ES256 by the name of the RSA key": jwt.encode({"alg": "ES256", "kid": "rsa"}, CLAIMS, EC),
    "crit": signed(HEADER | {"crit": ["exp"]}),
    "an empty crit": signed(HEADER | {"crit": []}),
    "b64": signed(HEADER | {"b64": False, "crit": ["b64"]}),
    "jku": signed(HEADER | {"jku": "https://evil.example/keys"}, key=STRANGER),
    "jwk": signed(HEADER | {"jwk": STRANGER.as_dict(private=False)}, key=STRANGER),
    "x5u": signed(HEADER | {"x5u": "https://evil.example/cert"}, key=STRANGER),
    "x5c": signed(HEADER | {"x5c": ["abc"]}, key=STRANGER),
    "zip": signed(HEADER | {"zip": "DEF"}),
    "an access token": signed(HEADER | {"typ": "at+jwt"}),
    "typ as a list": signed(HEADER | {"typ": ["JWT"]}),
    "alg twice": signed(b'{"kid":"rsa","alg":"none","alg":"RS256"}'),
    "kid twice": signed(b'{"kid":"evil","alg":"RS256","kid":"rsa"}'),
    "a claim twice": signed(HEADER, b'{"sub":"evil","sub":"somebody"}'),
    "a claim twice, escaped": signed(HEADER, b'{"sub":"evil","\\u0073ub":"somebody"}'),
    "a claim twice, deep down": signed(HEADER, b'{"sub":"a","x":{"y":1,"y":2}}'),
    "NaN": signed(HEADER, b'{"exp":NaN}'),
    "a list": signed(HEADER, b"[]"),
    "no JSON": signed(HEADER, b"\xff\xfe"),
    "deep": signed(HEADER, b"[" * 5_000),
    "a number of many digits": signed(HEADER, b'{"exp":' + b"9" * 5_000 + b"}"),
    "no signature": START + ".",
    "a zero signature": f"{START}.{encode(bytes(256))}",
    "a cut signature": GOOD[:-4],
    "a long signature": GOOD + "AAAA",
    "a padded signature": GOOD + "==",
    "a space": GOOD + " ",
    "a line break": GOOD + "\n",
    "standard base64": GOOD.replace("-", "+").replace("_", "/") + "+/+/",
    "letters of elsewhere": GOOD[:-1] + "\uff21",
    "another claim": f"{encode(HEADER)}.{encode(CLAIMS | {'sub': 'evil'})}.{SIGNATURE}",
    "four parts": GOOD + ".e30",
    "five parts": GOOD + "..",
    "JSON serialization": json.dumps({"payload": encode(CLAIMS), "signatures": []}),
    "a megabyte": signed(HEADER, b'{"x":"' + b"a" * 1_000_000 + b'"}'),
    "an EC signature of zeros": f"{GOOD_EC.rpartition('.')[0]}.{encode(bytes(64))}",
    "an EC signature in DER": f"{GOOD_EC.rpartition('.')[0]}.{encode(b'0' * 71)}",
}


def test_without_a_kid_the_only_key_of_a_set_of_one_judges() -> None:
    by_ec = jwt.encode({"alg": "ES256"}, CLAIMS, EC)
    for good, set_of_one in ((signed({"alg": "RS256"}), KEYS[:1]), (by_ec, KEYS[1:])):
        assert key_id_of(good) is None
        assert read_signed_token(good, set_of_one) == CLAIMS
        assert read_signed_token(good, [{**set_of_one[0], "kid": "another"}]) == CLAIMS
        nameless = {name: value for name, value in set_of_one[0].items() if name != "kid"}
        assert read_signed_token(good, [nameless]) == CLAIMS


NO_KID: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "two keys": (signed({"alg": "RS256"}), KEYS),
    "the same key twice": (signed({"alg": "RS256"}), KEYS[:1] * 2),
    "one to sign and one to encrypt": (signed({"alg": "RS256"}), [KEYS[0], KEYS[0] | {"use": "enc"}]),
    "no key": (signed({"alg": "RS256"}), []),
    "a stranger's signature": (signed({"alg": "RS256"}, key=STRANGER), KEYS[:1]),
    "a key of another type": (signed({"alg": "RS256"}), KEYS[1:]),
    "a key to encrypt": (signed({"alg": "RS256"}), [KEYS[0] | {"use": "enc"}]),
    "a key of another algorithm": (signed({"alg": "RS256"}), [KEYS[0] | {"alg": "PS256"}]),
    "HS256 with the only key": (hmac_signed({"alg": "HS256"}, public(Encoding.PEM)), KEYS[:1]),
    "a kid of null": (signed({"alg": "RS256", "kid": None}), KEYS[:1]),
    "an empty kid": (signed({"alg": "RS256", "kid": ""}), KEYS[:1]),
    "another kid": (signed({"alg": "RS256", "kid": "unknown"}), KEYS[:1]),
    "none": (f"{encode({'alg': 'none'})}.{encode(CLAIMS)}.", KEYS[:1]),
}


@pytest.mark.parametrize("name", NO_KID)
def test_without_a_kid_nothing_else_is_accepted(name: str) -> None:
    with pytest.raises(TokenRefused):
        read_signed_token(*NO_KID[name])


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(name: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        read_signed_token(FORGED[name], KEYS)
    assert len(str(refused.value)) < 60


def test_a_token_with_one_changed_letter_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for token in (GOOD, GOOD_EC):
        for position in (*range(0, len(token), 7), len(token) - 1):
            if token[position] != ".":
                changed = token[:position] + alphabet[alphabet.index(token[position]) ^ 1] + token[position + 1 :]
                with pytest.raises(TokenRefused):
                    read_signed_token(changed, KEYS)


def small_rsa() -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 -- to be refused
    return KEYS[0] | {"n": encode(key.public_key().public_numbers().n.to_bytes(128))}


BAD_KEYS: dict[str, Callable[[], list[Any]]] = {
    "none": list,
    "for encryption": lambda: [KEYS[0] | {"use": "enc"}],
    "for another algorithm": lambda: [KEYS[0] | {"alg": "RS512"}],
    "of another type": lambda: [KEYS[0] | {"kty": "EC"}],
    "a secret": lambda: [OctKey.import_key(b"x" * 32, {"kid": "rsa"}).as_dict()],
    "too small": lambda: [small_rsa()],
    "of numbers": lambda: [KEYS[0] | {"n": 7, "e": 3}],
    "of bad base64": lambda: [KEYS[0] | {"n": "!" * 400}],
    "with an exponent of one": lambda: [KEYS[0] | {"e": "AQ"}],
    "without a part": lambda: [{name: KEYS[0][name] for name in ("kty", "kid", "n")}],
    "without a name": lambda: [{name: KEYS[0][name] for name in ("kty", "n", "e")}],
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_an_unusable_key_verifies_nothing(name: str) -> None:
    with pytest.raises(TokenRefused):
        read_signed_token(GOOD, BAD_KEYS[name]())


def test_a_point_off_the_curve_and_another_curve_verify_nothing() -> None:
    p384 = ECKey.generate_key("P-384", {"kid": "ec"}, private=True).as_dict(private=False)
    for key in (KEYS[1] | {"x": KEYS[1]["y"]}, p384, p384 | {"crv": "P-256"}):
        with pytest.raises(TokenRefused):
            read_signed_token(GOOD_EC, [key])
