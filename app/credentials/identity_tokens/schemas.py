"""Identity tokens and public keys on the wire."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.credentials.identity_tokens.rules import is_audience
from app.web.wire import Answer, Body


def _check_audience(text: str) -> str:
    if not is_audience(text):
        raise ValueError("not an absolute address of the web")
    return text


class IdentityTokenAsked(Body):
    """Which service the token is for."""

    audience: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_check_audience)]


class IdentityToken(Answer):
    """A JWT signed by ES256, and for how many seconds it is good."""

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
    """Every key that a living identity token may be signed by, and the one that will sign next."""

    keys: list[PublicKey]
