"""Another service that verifies identity tokens with joserfc, not with the code under test."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.account.arrange import SimulatedUser
from tests.support.account.client import ok
from tests.support.account.clock import TurnableClock

AUDIENCE = "https://api.example.com"


async def fetch_keys(http: httpx.AsyncClient, base_url: str = "") -> dict[str, Any]:
    """Return the JWKS as it is published."""
    keys: dict[str, Any] = ok(await http.get(f"{base_url}/.well-known/jwks.json"))
    return keys


async def ask_token(person: SimulatedUser, audience: str = AUDIENCE) -> str:
    """Return a new identity token of the person's session."""
    answer = ok(await person.browser.post("/session/identity-token", json={"audience": audience}))
    assert set(answer) == {"token", "expires_in"}
    assert answer["expires_in"] == 300
    token: str = answer["token"]
    return token


def verify(token: str, keys: dict[str, Any], clock: TurnableClock, *, audience: str = AUDIENCE) -> dict[str, Any]:
    """Return the claims of a valid token at the time of the clock; raise the errors of joserfc."""
    decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"])  # type: ignore[arg-type]  # a JWKS
    demanded: dict[str, Any] = {
        "iss": {"essential": True, "value": "http://127.0.0.1:8000"},
        "aud": {"essential": True, "value": audience},
        "exp": {"essential": True},
    }
    jwt.JWTClaimsRegistry(now=lambda: int(clock.now().timestamp()), leeway=0, **demanded).validate(decoded.claims)
    return decoded.claims


def header_of(token: str) -> dict[str, Any]:
    """Return the token's header."""
    part = token.split(".", maxsplit=1)[0]
    header: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header
