"""Request body of a sign-in by JWT."""

from app.sign_in.sso.schemas import ProviderName, SignedToken
from app.web.wire import Body


class JwtSignIn(Body):
    """A token of the application's own sign-in, signed by the secret that it shares with the account."""

    provider: ProviderName
    token: SignedToken
