"""HTTP for SAML: our metadata, and the assertion consumer service."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.authentication.context import Context
from app.authentication.routes import AccountRoute, FormRoute
from app.core.errors import Refusal, invalid_field
from app.sign_in.sso import use_cases as sso
from app.sign_in.sso.answers import send_back
from app.sign_in.sso.attempts import counted_attempt, undo_count
from app.sign_in.sso.cookies import read_login_cookie
from app.sign_in.sso.rules import HandedOut, LoginRequest, ProviderType
from app.sign_in.sso.saml import use_cases
from app.web.cookies import cookie_headers_of
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)
forms = APIRouter(tags=["third-party sign-in"], route_class=FormRoute)


class _Metadata(Response):
    media_type = "application/samlmetadata+xml"


@router.get("/sso/{name}/metadata", operation_id="getSamlMetadata", response_class=_Metadata)
async def get_metadata(services: AppServices, context: Context, request: Request, name: str) -> _Metadata:
    """Return the metadata to configure at the identity provider. Its `entityID` is this URL."""
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
    responses=problems("sign_in_expired", 429),
    openapi_extra={"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}},
)
async def finish_saml_login(
    services: AppServices, context: Context, request: Request, name: str
) -> RedirectResponse:
    """Take the identity provider's answer, a form that the browser posts, and redirect to `return_to`.

    With `#code=` for POST /sign-ins/exchange, or with `#error=` and the problem's code.
    """
    answer = request.state.form.get("SAMLResponse")
    if answer is None:
        raise invalid_field("/SAMLResponse", "missing", "This field is required.")
    secret = read_login_cookie(cookie_headers_of(request), secure=services.settings.is_https)
    async with services.database.read() as tx:
        provider = await sso.provider_of(tx, context, name, ProviderType.SAML)
    us = use_cases.service_provider(services.settings.public_url, request.path_params["account"], name)
    login: LoginRequest | None = None
    outcome: HandedOut | Refusal
    try:
        async with counted_attempt(services.database, context, provider) as counted:
            async with services.database.begin() as tx:  # the login is used up, even if the answer is refused
                login = await use_cases.take_login_of(tx, context, provider, secret)
            assertion = await use_cases.read_saml_answer(provider, us, secret, answer, context.now)
            async with services.database.begin() as tx:
                if isinstance(assertion, Refusal):
                    outcome = await sso.refuse_provider(tx, context, provider, assertion)
                else:
                    outcome = await use_cases.hand_out_code_once(tx, context, provider, assertion, login)
                if isinstance(outcome, HandedOut):
                    await undo_count(tx, context, counted)
    except Refusal as refusal:
        if login is None:
            raise
        outcome = refusal
    return send_back(services, login, outcome, by_post=True)
