"""The claims that an ID token must have (OpenID Connect Core 3.1.3.7)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.crypto.digests import same
from app.sign_in.sso.rules import Identity, text_claim, time_claim

_AHEAD = timedelta(seconds=180)
"""The tolerance for an issuer's clock that is ahead of ours."""


def read_id_claims(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> Identity:
    """Return the identity of an ID token; raises `ValueError` for a claim that is missing or wrong.

    The token must name exactly this issuer, this client and this nonce, and must not have expired.
    """
    if claims.get("iss") != issuer:
        raise ValueError("iss is another issuer")
    _check_audience(claims, client_id)
    if now >= time_claim(claims, "exp"):
        raise ValueError("exp is over")
    if time_claim(claims, "iat") - now > _AHEAD:
        raise ValueError("iat is too far ahead")
    if "nbf" in claims and now < time_claim(claims, "nbf"):
        raise ValueError("nbf is to come")
    if not same(text_claim(claims, "nonce").encode(), nonce.encode()):
        raise ValueError("nonce is another one")
    return Identity(
        text_claim(claims, "email"),
        text_claim(claims, "name") if claims.get("name") else None,
        email_verified=claims.get("email_verified") is True,  # some issuers send a string; only a boolean counts
        subject=text_claim(claims, "sub"),
    )


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if client_id not in audiences or not all(isinstance(audience, str) for audience in audiences):
        raise ValueError("aud is somebody else")
    if len(audiences) > 1 and claims.get("azp") != client_id:
        raise ValueError("azp is somebody else")
