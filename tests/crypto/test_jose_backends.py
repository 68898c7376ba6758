"""python-jose brings the packages `ecdsa` and `rsa`; Passgate never loads them (docs/security-model.md)."""

import json
import subprocess
import sys
from typing import Any

from jose import backends

from tests.crypto.test_issuer_tokens import CLAIMS, FORGED, GOOD, GOOD_EC, KEYS, hmac_signed
from tests.support.account.third_parties import SECRET
from tests.test_architecture import ROOT, importing

# Refuses to import the packages and python-jose's modules on them, and notes that somebody tried; then signs and
# verifies with every algorithm, key and forgery there is.
PROGRAM = """
import json
import sys

TRIED = []


class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"ecdsa", "rsa", "pyasn1"} or name.endswith((".ecdsa_backend", ".rsa_backend")):
            TRIED.append(name)
            raise ImportError(name)


sys.meta_path.insert(0, Refusing())

import app.cli
import app.main
import app.worker
from datetime import UTC, datetime, timedelta
from app.crypto import tokens

given = json.loads(sys.stdin.read())
outcomes = {}
for name, token in given["tokens"].items():
    try:
        claims = tokens.read_signed_token(token, given["keys"])
    except tokens.TokenRefused:
        claims = None
    outcomes[name] = claims
try:
    outcomes["HS256"] = tokens.read_hs256_token(given["hs256"], given["secret"].encode())
except tokens.TokenRefused:
    outcomes["HS256"] = None
key = tokens.new_private_key()
signed = tokens.sign_token({"sub": "us"}, key, "k", now=datetime.now(UTC), lifetime=timedelta(minutes=1))
outcomes["own"] = tokens.read_signed_token(signed, [tokens.public_jwk(key, "k")])["sub"]
loaded = sorted(name for name in sys.modules if name.split(".")[0] in {"ecdsa", "rsa", "pyasn1"})
print(json.dumps({"tried": TRIED, "loaded": loaded, "outcomes": outcomes}))
"""


def run(given: dict[str, Any]) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_no_token_reaches_the_packages_ecdsa_and_rsa() -> None:
    given = {
        "keys": KEYS,
        "tokens": {"RS256": GOOD, "ES256": GOOD_EC} | FORGED,
        "hs256": hmac_signed({"alg": "HS256"}, SECRET.encode()),
        "secret": SECRET,
    }

    found = run(given)

    outcomes = found["outcomes"]
    assert (found["tried"], found["loaded"]) == ([], [])
    assert [name for name, claims in outcomes.items() if claims] == ["RS256", "ES256", "HS256", "own"]
    assert outcomes["RS256"] == outcomes["ES256"] == outcomes["HS256"] == CLAIMS


def test_python_jose_uses_cryptography_for_every_kind_of_key() -> None:
    for key in (backends.RSAKey, backends.ECKey, backends.HMACKey, backends.AESKey):
        assert key.__module__ == "jose.backends.cryptography_backend"


def test_one_module_uses_python_jose_and_none_the_two_packages() -> None:
    assert importing("jose") == ["app/crypto/tokens.py"]
    assert importing("ecdsa") == importing("rsa") == importing("pyasn1") == []
