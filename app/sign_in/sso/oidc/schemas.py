"""Request and answer bodies of OpenID Connect."""

from datetime import datetime
from typing import Annotated

from app.sign_in.sso.rules import REQUEST_PREFIX
from app.sign_in.sso.schemas import ProviderName, SignedToken
from app.web.wire import Answer, Body, secret_field


class Nonce(Answer):
    """A nonce for the ID token of a native client; valid once."""

    nonce: str
    expires_at: datetime


class OidcSignIn(Body):
    """An ID token of the provider, and the nonce of its request."""

    provider: ProviderName
    id_token: SignedToken
    nonce: Annotated[str, secret_field(REQUEST_PREFIX)]
