"""The claims that a JWT must have (docs/api.md section 9.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.accounts.users.rules import asserted_name
from app.sign_in.sso.rules import Identity, IdentityIncomplete, id_claim, text_claim, time_claim

_NO_SUBJECT = "The token lacks the claim that identifies a user, which the provider's `subject_attribute` names."
_MAX_AGE = timedelta(seconds=180)
"""The largest distance of `iat` from now, in the past or in the future."""


@dataclass(frozen=True)
class JwtClaims:
    """The checked claims of a JWT. Its `token_id` (`jti`) is stored as used until `remembered_until`."""

    token_id: str
    identity: Identity
    remembered_until: datetime


def read_claims(claims: Mapping[str, Any], subject_attribute: str | None, now: datetime) -> JwtClaims:
    """Return the claims of a JWT; raises `ValueError` for a claim that is missing or wrong.

    `iat` is required and at most 180 seconds from now. `exp` and `nbf` are optional and checked where present;
    `nbf` may be as far ahead as `iat`, because issuers take both from the same clock.
    `jti` is required: it makes the token usable once. The claim that `subject_attribute` names identifies the user
    in place of `external_id`; raises `IdentityIncomplete` if the token lacks it.
    """
    issued_at = time_claim(claims, "iat")
    if abs(now - issued_at) > _MAX_AGE:
        raise ValueError("iat is too far from now")
    if "exp" in claims and now >= time_claim(claims, "exp"):
        raise ValueError("exp is over")
    if "nbf" in claims and time_claim(claims, "nbf") - now > _MAX_AGE:
        raise ValueError("nbf is to come")
    email, name = text_claim(claims, "email"), asserted_name(claims.get("name"))
    if subject_attribute is not None:
        if subject_attribute not in claims:
            raise IdentityIncomplete(_NO_SUBJECT)
        subject = text_claim(claims, subject_attribute)
        identity = Identity(email, name, email_verified=None, subject=subject)
    else:
        external_id = id_claim(claims, "external_id") if "external_id" in claims else None
        identity = Identity(email, name, email_verified=None, external_id=external_id)
    return JwtClaims(text_claim(claims, "jti"), identity, issued_at + 2 * _MAX_AGE)
