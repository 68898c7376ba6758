"""HTTP for a browser on its way to an identity provider."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from app.errors import FieldError, InvalidRequest
from app.sign_in.sso import use_cases as sso
from app.sign_in.sso.cookies import login_cookie
from app.sign_in.sso.rules import ProviderType
from app.sign_in.sso.saml.use_cases import begin_saml_login, service_provider
from app.web.dependencies import AppServices, AtTheDoor
from app.web.routes import AccountRoute

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


@router.get("/sso/{name}/login", status_code=303, operation_id="beginLogin", response_class=RedirectResponse)
async def begin_login(
    services: AppServices,
    visitor: AtTheDoor,
    request: Request,
    name: str,
    return_to: Annotated[str, Query(max_length=1024)],
) -> RedirectResponse:
    """Send the browser to the identity provider; it comes back to `return_to`, one of the provider's addresses."""
    async with services.database.begin() as tx:
        provider = await sso.provider_of(tx, visitor, name, ProviderType.SAML)
        if return_to not in provider.settings["return_urls"]:
            error = FieldError("/return_to", "not_allowed", "This is none of the provider's return_urls.")
            raise InvalidRequest("Some fields are not valid.", error)
        secret = await sso.begin_login(tx, visitor, provider, return_to)
    settings = services.settings
    us = service_provider(settings.public_url, request.path_params["account"], name)
    response = RedirectResponse(begin_saml_login(provider, us, secret, visitor.now), 303)
    response.headers["Set-Cookie"] = login_cookie(secret, secure=settings.is_https, answered_cross_site=True)
    return response
