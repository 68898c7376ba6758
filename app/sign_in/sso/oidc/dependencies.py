"""FastAPI dependency: the cache of OpenID Connect issuers."""

from typing import Annotated, cast

from fastapi import Depends, Request

from app.sign_in.sso.oidc.issuer.issuers import Issuers


async def get_issuers(request: Request) -> Issuers:
    """Return this process's cache of issuers."""
    return cast("Issuers", request.app.state.issuers)


KnownIssuers = Annotated[Issuers, Depends(get_issuers)]
