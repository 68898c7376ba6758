"""OpenID Connect on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.sign_in.sso.schemas import ProviderName, SignedToken
from app.web.wire import Answer, Body


class Nonce(Answer):
    """What a native client has its provider put into the ID token; good once."""

    nonce: str
    expires_at: datetime


class OidcSignIn(Body):
    """An ID token of the provider, and the nonce that it was asked for with."""

    provider: ProviderName
    id_token: SignedToken
    nonce: Annotated[str, Field(max_length=128)]
