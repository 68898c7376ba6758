"""Request and answer bodies of OpenID Connect."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.sign_in.sso.schemas import ProviderName, SignedToken
from app.web.wire import Answer, Body


class Nonce(Answer):
    """A nonce for the ID token of a native client; valid once."""

    nonce: str
    expires_at: datetime


class OidcSignIn(Body):
    """An ID token of the provider, and the nonce of its request."""

    provider: ProviderName
    id_token: SignedToken
    nonce: Annotated[str, Field(max_length=128)]
