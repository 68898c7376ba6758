"""The claims of an ID token (OpenID Connect Core 3.1.3.7) and of UserInfo (5.3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.accounts.users.rules import asserted_name
from app.crypto.digests import same
from app.sign_in.sso.rules import Identity, IdentityIncomplete, text_claim, time_claim

_AHEAD = timedelta(seconds=180)
"""The tolerance for an issuer's clock that is ahead of ours."""


_NO_EMAIL = (
    "The identity provider gives no e-mail address of the user, neither in the ID token nor by UserInfo. Let it "
    "release the claim `email` to this client."
)


@dataclass(frozen=True)
class PersonClaims:
    """What an issuer says about a person. None where it says nothing."""

    subject: str
    email: str | None
    email_verified: bool | None
    name: str | None

    @property
    def is_complete(self) -> bool:
        """Whether UserInfo has nothing to add that is needed. A name is not needed."""
        return self.email is not None and self.email_verified is not None

    def completed_by(self, userinfo: "PersonClaims") -> "PersonClaims":
        """Return these claims of the ID token, completed by UserInfo's; raises `ValueError` for another `sub`.

        An address is verified only by whoever says it: `email_verified` of one address never verifies another one.
        """
        if userinfo.subject != self.subject:
            raise ValueError("sub of UserInfo is somebody else")
        name = self.name or userinfo.name
        if self.email is None:
            return replace(userinfo, name=name)
        verified = self.email_verified
        if verified is None and userinfo.email == self.email:
            verified = userinfo.email_verified
        return replace(self, email_verified=verified, name=name)

    def identity(self) -> Identity:
        """Return the identity; raises `IdentityIncomplete` without an e-mail address."""
        if self.email is None:
            raise IdentityIncomplete(_NO_EMAIL)
        verified = self.email_verified is True
        return Identity(self.email, self.name, email_verified=verified, subject=self.subject)


def read_person(claims: Mapping[str, Any]) -> PersonClaims:
    """Return what the claims say about a person; raises `ValueError` for a claim that is wrong."""
    verified = claims.get("email_verified")
    return PersonClaims(
        text_claim(claims, "sub"),
        _optional_text(claims, "email"),
        None if verified is None else verified is True,  # some issuers send a string; only a boolean counts
        asserted_name(claims.get("name")),
    )


def read_id_claims(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> PersonClaims:
    """Return the person that an ID token names; raises `ValueError` for a claim that is missing or wrong.

    The token must name exactly this issuer, this client and this nonce, and must not have expired.
    """
    if claims.get("iss") != issuer:
        raise ValueError("iss is another issuer")
    _check_audience(claims, client_id)
    if now >= time_claim(claims, "exp"):
        raise ValueError("exp is over")
    if time_claim(claims, "iat") - now > _AHEAD:
        raise ValueError("iat is too far ahead")
    if "nbf" in claims and time_claim(claims, "nbf") - now > _AHEAD:
        raise ValueError("nbf is to come")
    if not same(text_claim(claims, "nonce").encode(), nonce.encode()):
        raise ValueError("nonce is another one")
    return read_person(claims)


def _optional_text(claims: Mapping[str, Any], name: str) -> str | None:
    return None if claims.get(name) in (None, "") else text_claim(claims, name)


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if client_id not in audiences or not all(isinstance(audience, str) for audience in audiences):
        raise ValueError("aud is somebody else")
    if len(audiences) > 1 and claims.get("azp") != client_id:
        raise ValueError("azp is somebody else")
