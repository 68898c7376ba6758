"""HTTP for identity tokens, and for the public keys that verify them."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from app.authentication.allow import Owner, SessionCaller
from app.authentication.routes import AccountRoute
from app.credentials.identity_tokens.rules import MAX_AGE, TOKEN_LIFETIME
from app.credentials.identity_tokens.schemas import IdentityToken, IdentityTokenAsked, PublicKey, PublicKeys
from app.credentials.identity_tokens.use_cases import KeyRing, issue_identity_token
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["session"], route_class=AccountRoute)
well_known = APIRouter(tags=["session"])


def get_key_ring(request: Request) -> KeyRing:
    """Return the signing keys that this process caches."""
    return cast("KeyRing", request.app.state.key_ring)


Keys = Annotated[KeyRing, Depends(get_key_ring)]


@router.post("/session/identity-token", operation_id="issueIdentityToken")
async def issue(
    services: AppServices, caller: SessionCaller, owner: Owner, keys: Keys, body: IdentityTokenAsked
) -> IdentityToken:
    """Create a token about the user for another service, which verifies it.

    The public keys are at `/.well-known/jwks.json`.
    """
    token = await issue_identity_token(services, keys, caller, owner.session, body.audience)
    return IdentityToken(token=token, expires_in=int(TOKEN_LIFETIME.total_seconds()))


@well_known.get("/.well-known/jwks.json", operation_id="getPublicKeys", responses=problems(503))
async def get_public_keys(keys: Keys, response: Response) -> PublicKeys:
    """Get the keys that verify identity tokens. A key is published for an hour before it signs."""
    found = [PublicKey(**jwk) for jwk in await keys.public_keys()]
    response.headers["Cache-Control"] = f"public, max-age={int(MAX_AGE.total_seconds())}"
    return PublicKeys(keys=found)
