"""Sign-in by JWT: read the token, use it once, open a session."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import RequestContext
from app.core.errors import Refusal
from app.crypto.sealing import Sealer
from app.crypto.tokens import TokenRefused, read_hs256_token
from app.sign_in.outcomes import Completed
from app.sign_in.sso import repository
from app.sign_in.sso.jwt.rules import JwtClaims, read_claims
from app.sign_in.sso.rules import IdentityIncomplete, Provider
from app.sign_in.sso.use_cases import (
    identity_incomplete,
    not_vouched,
    open_secret,
    refuse_provider,
    refuse_token,
    sign_in_by_provider,
)


def read_jwt(sealer: Sealer, context: RequestContext, provider: Provider, token: str) -> JwtClaims | Refusal:
    """Return the claims of a valid JWT of the provider, or the refusal."""
    secret = open_secret(sealer, context.account_id, provider)
    try:
        claims = read_hs256_token(token, (secret or "").encode())
        return read_claims(claims, provider.settings.get("subject_attribute"), context.now)
    except IdentityIncomplete as lacking:
        return identity_incomplete(provider, lacking)
    except (TokenRefused, ValueError) as refused:
        return refuse_token(provider, refused)


async def sign_in_by_jwt(
    tx: AsyncConnection, context: RequestContext, provider: Provider, claims: JwtClaims
) -> Completed | Refusal:
    """Sign in the user that the JWT names. A token signs in once in its account."""
    if not await repository.use_once(tx, context.account_id, claims.token_id, expires_at=claims.remembered_until):
        return await refuse_provider(tx, context, provider, not_vouched())
    return await sign_in_by_provider(tx, context, provider, claims.identity)
