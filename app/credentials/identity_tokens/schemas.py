"""Request and response bodies of identity tokens and public keys."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.credentials.identity_tokens.rules import is_audience
from app.web.wire import Answer, Body, malformed


def _check_audience(text: str) -> str:
    if not is_audience(text):
        raise malformed("An audience is an address like https://api.example.com, without a fragment.")
    return text


class IdentityTokenAsked(Body):
    """The service that the token is for."""

    audience: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_check_audience)]


class IdentityToken(Answer):
    """A JWT signed with ES256, and its lifetime in seconds."""

    token: str
    expires_in: int


class PublicKey(Answer):
    """A public key that verifies identity tokens (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class PublicKeys(Answer):
    """The keys of all valid identity tokens, and the key that will sign next."""

    keys: list[PublicKey]
