"""Forged JWTs, each made in a way that has fooled verifiers before (RFC 8725)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from app.crypto.tokens import TokenRefused, read_hs256_token
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.third_parties import SECRET, jwt_sign_in, name_provider, token_of

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encode(value: bytes | dict[str, Any]) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed(header: bytes | dict[str, Any], claims: bytes | dict[str, Any], key: bytes = SECRET.encode()) -> str:
    start = f"{encode(header)}.{encode(claims)}"
    return f"{start}.{encode(hmac.digest(key, start.encode(), hashlib.sha256))}"


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def with_another_last_letter(token: str) -> str:
    start, _, signature = token.rpartition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(signature[-1]) ^ 1]  # decodes to the same bytes
    return f"{start}.{signature[:-1]}{last}"


def by_rs256(token: str) -> str:
    pem = RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return jwt.encode({"alg": "RS256"}, claims_of(token), RSAKey.import_key(pem), algorithms=["RS256"])


def by_public_key(encoding: serialization.Encoding) -> Callable[[str], str]:
    public = RSA.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    return lambda token: signed({"alg": "HS256"}, claims_of(token), public)


def with_header(**header: Any) -> Callable[[str], str]:
    return lambda token: signed({"alg": "HS256"} | header, claims_of(token))


FORGED: dict[str, Callable[[str], str]] = {
    "none": lambda token: f"{encode({'alg': 'none'})}.{token.split('.')[1]}.",
    "None with the old signature": lambda token: ".".join([encode({"alg": "None"}), *token.split(".")[1:]]),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "two parts": lambda token: token.rpartition(".")[0],
    "four parts": lambda token: token + ".e30",
    "another last letter": with_another_last_letter,
    "padded": lambda token: token + "=",
    "another secret": lambda token: signed(
        {"alg": "HS256"}, claims_of(token), b"another secret of thirty-two bytes"
    ),
    "an empty secret": lambda token: signed({"alg": "HS256"}, claims_of(token), b""),
    "HS512": lambda token: jwt.encode(
        {"alg": "HS512"}, claims_of(token), OctKey.import_key(SECRET.encode()), algorithms=["HS512"]
    ),
    "RS256": by_rs256,
    "HS256 with a public key in PEM": by_public_key(serialization.Encoding.PEM),
    "HS256 with a public key in DER": by_public_key(serialization.Encoding.DER),
    "crit": with_header(crit=["exp"]),
    "b64": with_header(b64=False),
    "jku": with_header(jku="https://evil.example/keys"),
    "jwk": with_header(jwk={"kty": "oct", "k": encode(SECRET.encode())}),
    "x5u": with_header(x5u="https://evil.example/cert"),
    "zip": with_header(zip="DEF"),
    "another typ": with_header(typ="at+jwt"),
    "alg twice": lambda token: signed(b'{"alg":"none","alg":"HS256"}', claims_of(token)),
    "a claim twice": lambda token: signed(
        {"alg": "HS256"}, json.dumps(claims_of(token)).replace("{", '{"email":"x@example.com",', 1).encode()
    ),
    "NaN": lambda token: signed({"alg": "HS256"}, json.dumps(claims_of(token) | {"iat": float("nan")}).encode()),
    "claims that are a list": lambda _: signed({"alg": "HS256"}, b"[]"),
    "claims that are no JSON": lambda _: signed({"alg": "HS256"}, b"\xff\xfe{}"),
    "deep claims": lambda _: signed({"alg": "HS256"}, b"[" * 4_000),
    "another claim under the old signature": lambda token: ".".join(
        [token.split(".")[0], encode(claims_of(token) | {"email": "x@example.com"}), token.split(".")[2]]
    ),
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_refused(tenant: Tenant, owner: SimulatedUser, name: str) -> None:
    assert owner.app
    forged = FORGED[name](token_of(tenant))

    response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(forged))

    problem = refused(response, 401, "invalid_credentials")
    assert forged.split(".")[1][:20] not in str(problem)


@pytest.mark.parametrize("kid", ["intranet", "../../../../dev/null", "' OR 1=1 --", "http://evil.example/key"])
async def test_a_kid_header_chooses_no_key(tenant: Tenant, owner: SimulatedUser, kid: str) -> None:
    assert owner.app
    good = with_header(kid=kid)(token_of(tenant))
    ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(good)), 201)

    empty = signed({"alg": "HS256", "kid": kid}, claims_of(token_of(tenant)), b"")
    refused(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(empty)), 401, "invalid_credentials")


async def test_an_oversized_token_is_refused(tenant: Tenant, owner: SimulatedUser) -> None:
    assert owner.app

    for length, status, code in ((1_000_000, 413, "too_large"), (20_000, 422, "invalid_request")):
        response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in("a" * length))
        refused(response, status, code)


async def test_a_provider_of_another_kind_is_no_jwt_provider(tenant: Tenant, owner: SimulatedUser) -> None:
    changes = {"type": "oidc", "issuer": "https://id.example", "client_id": "x", "client_secret": SECRET}
    ok(await owner.browser.put("/sso-providers/intranet", json=changes))

    response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant)))

    refused(response, 404, "not_found")


async def test_a_replaced_secret_is_refused_at_once(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner, secret="another secret of thirty-two bytes")

    response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant)))

    refused(response, 401, "invalid_credentials")


def test_a_short_secret_verifies_nothing() -> None:
    with pytest.raises(TokenRefused):
        read_hs256_token(signed({"alg": "HS256"}, {}, b"short"), b"short")
