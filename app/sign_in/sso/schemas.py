"""Request body of the exchange, and types that the protocols share."""

from typing import Annotated

from pydantic import Field

from app.sign_in.sso.rules import CODE_PREFIX
from app.web.wire import LEFT_OUT, Body, secret_field

ProviderName = Annotated[str, Field(min_length=1, max_length=63)]
SignedToken = Annotated[str, Field(min_length=1, max_length=16_384)]


class Exchange(Body):
    """The code that a browser brought back, and the verifier if the login had a challenge."""

    code: Annotated[str, secret_field(CODE_PREFIX)]
    code_verifier: Annotated[
        str, Field(pattern="^[A-Za-z0-9._~-]{43,128}$", description="of the login's `code_challenge` (RFC 7636)")
    ] = LEFT_OUT
