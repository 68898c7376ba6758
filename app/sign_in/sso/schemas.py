"""Sign-ins by a third party on the wire."""

from typing import Annotated

from pydantic import Field

from app.web.wire import Body

ProviderName = Annotated[str, Field(min_length=1, max_length=63)]
SignedToken = Annotated[str, Field(min_length=1, max_length=16_384)]


class JwtSignIn(Body):
    """A token of the application's own sign-in, signed by the secret that it shares with the account."""

    provider: ProviderName
    token: SignedToken


class Exchange(Body):
    """The code that a browser brought back from a provider."""

    code: Annotated[str, Field(max_length=128)]
