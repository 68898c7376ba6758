"""HTTP that a SAML identity provider knows: our metadata, and where a browser posts its answer."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.authentication.context import Context
from app.authentication.routes import AccountRoute, FormRoute
from app.core.callers import RequestContext
from app.core.errors import Refusal, invalid_field
from app.services import Services
from app.sign_in.completing import expired
from app.sign_in.sso import use_cases as sso
from app.sign_in.sso.cookies import read_login_cookie
from app.sign_in.sso.login.router import send_back
from app.sign_in.sso.rules import Provider, ProviderType
from app.sign_in.sso.saml import use_cases
from app.sign_in.sso.saml.messages.answers import Assertion
from app.web.cookies import cookie_headers_of
from app.web.dependencies import AppServices

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)
forms = APIRouter(tags=["third-party sign-in"], route_class=FormRoute)


class _Metadata(Response):
    media_type = "application/samlmetadata+xml"


@router.get("/sso/{name}/metadata", operation_id="getSamlMetadata", response_class=_Metadata)
async def get_metadata(services: AppServices, context: Context, request: Request, name: str) -> _Metadata:
    """Return what the identity provider is to be set up with: its `entityID` is this very address."""
    async with services.database.read() as tx:
        await sso.provider_of(tx, context, name, ProviderType.SAML)
    us = use_cases.service_provider(services.settings.public_url, request.path_params["account"], name)
    return _Metadata(us.metadata())


_FORM = {
    "type": "object",
    "properties": {"SAMLResponse": {"type": "string"}, "RelayState": {"type": "string"}},
    "required": ["SAMLResponse"],
}


@forms.post(
    "/sso/{name}/acs",
    status_code=303,
    operation_id="finishSamlLogin",
    response_class=RedirectResponse,
    openapi_extra={"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}},
)
async def finish_saml_login(
    services: AppServices, context: Context, request: Request, name: str
) -> RedirectResponse:
    """Take the identity provider's answer, which the browser posts as a form, and send the browser back.

    To its `return_to` with `#code=`, for POST /sign-ins/exchange, or with `#error=` and the code of the problem.
    """
    answer = request.state.form.get("SAMLResponse")
    if answer is None:
        raise invalid_field("/SAMLResponse", "missing", "This field is required.")
    secret = read_login_cookie(cookie_headers_of(request), secure=services.settings.is_https)
    async with services.database.begin() as tx:  # whatever the answer is, the login is used up
        provider = await sso.provider_of(tx, context, name, ProviderType.SAML)
        login = await sso.take_login(tx, context, secret)
    if login is None or login.provider_id != provider.id:
        raise expired()
    us = use_cases.service_provider(services.settings.public_url, request.path_params["account"], name)
    try:
        assertion = await use_cases.read_saml_answer(provider, us, secret, answer, context.now)
        outcome = await _code(services, context, provider, assertion)
    except Refusal as refusal:
        outcome = refusal
    return send_back(services, login, outcome, by_post=True)


async def _code(
    services: Services, context: RequestContext, provider: Provider, assertion: Assertion | Refusal
) -> str | Refusal:
    async with services.database.begin() as tx:
        if isinstance(assertion, Refusal):
            return await sso.refuse_provider(tx, context, provider, assertion)
        return await use_cases.hand_out_code_once(tx, context, provider, assertion)
