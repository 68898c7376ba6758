"""HTTP for OpenID Connect: nonces and ID tokens of native clients, and the callback of browser logins."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from app.authentication.context import Context
from app.authentication.routes import AccountRoute, CallbackRoute, refuse_unexpected_body
from app.core.errors import Refusal
from app.sign_in.outcomes import Completed
from app.sign_in.router import show_completed
from app.sign_in.schemas import Complete
from app.sign_in.sso.answers import send_back
from app.sign_in.sso.attempts import count_begun, counted_attempt, undo_count
from app.sign_in.sso.cookies import read_login_cookie
from app.sign_in.sso.oidc import schemas, use_cases
from app.sign_in.sso.oidc.dependencies import KnownIssuers
from app.sign_in.sso.rules import REQUEST_LIFETIME, HandedOut, LoginRequest, ProviderType
from app.sign_in.sso.use_cases import begin_login, hand_out_code, provider_of, refuse_provider
from app.web.cookies import cookie_headers_of
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)
callbacks = APIRouter(tags=["third-party sign-in"], route_class=CallbackRoute)

_Parameter = Annotated[str, Query(max_length=4096)]


@router.post("/sign-ins/oidc/nonces", status_code=201, operation_id="createNonce", responses=problems(429))
async def create_nonce(services: AppServices, context: Context, request: Request) -> schemas.Nonce:
    """Return a nonce that a native client asks its ID token to carry. Valid once, for ten minutes."""
    refuse_unexpected_body(request)
    await count_begun(services.database, context)
    async with services.database.begin() as tx:
        nonce = await begin_login(tx, context, None, None)
    return schemas.Nonce(nonce=nonce, expires_at=context.now + REQUEST_LIFETIME)


@router.post(
    "/sign-ins/oidc",
    status_code=201,
    operation_id="signInByIdToken",
    responses=problems("invalid_credentials", 403, "identity_incomplete", 409, 429),
)
async def sign_in_by_id_token(
    services: AppServices, context: Context, issuers: KnownIssuers, body: schemas.OidcSignIn
) -> Complete:
    """Sign in with an ID token of the provider. No passcode is asked for, whatever the policy."""
    async with services.database.read() as tx:
        provider = await provider_of(tx, context, body.provider, ProviderType.OIDC)
    outcome: Completed | Refusal
    async with counted_attempt(services.database, context, provider) as counted:
        identity = await use_cases.read_id_token(issuers, context, provider, body.id_token, body.nonce)
        async with services.database.begin() as tx:
            if isinstance(identity, Refusal):
                outcome = await refuse_provider(tx, context, provider, identity)
            else:
                outcome = await use_cases.sign_in_by_id_token(tx, context, provider, identity, body.nonce)
            if isinstance(outcome, Completed):
                await undo_count(tx, context, counted)
    return show_completed(accepted(outcome))


@callbacks.get(
    "/sso/{name}/callback",
    status_code=303,
    response_class=RedirectResponse,
    operation_id="finishLogin",
    responses=problems("sign_in_expired", 429),
)
async def finish_login(
    services: AppServices,
    context: Context,
    issuers: KnownIssuers,
    request: Request,
    name: str,
    *,
    code: _Parameter = "",
    state: _Parameter = "",
    error: _Parameter = "",
) -> RedirectResponse:
    """Redirect a browser that comes back from the issuer to its `return_to`.

    With `#code=` for POST /sign-ins/exchange, or with `#error=` and the problem's code.
    """
    async with services.database.read() as tx:
        provider = await provider_of(tx, context, name, ProviderType.OIDC)
    secret = read_login_cookie(cookie_headers_of(request), secure=services.settings.is_https)
    slug = request.path_params["account"]
    client = use_cases.client_of(services.sealer, context, provider, services.settings.public_url, slug)
    answer = use_cases.Answer(secret, code, error)
    login: LoginRequest | None = None
    outcome: HandedOut | Refusal
    try:
        async with counted_attempt(services.database, context, provider) as counted:
            async with services.database.begin() as tx:
                login = await use_cases.take_answer(tx, context, provider, secret, state)
            identity = await use_cases.read_answer(issuers, context, provider, client, answer)
            async with services.database.begin() as tx:
                if isinstance(identity, Refusal):
                    outcome = await refuse_provider(tx, context, provider, identity)
                else:
                    outcome = await hand_out_code(tx, context, provider, identity, login)
                if isinstance(outcome, HandedOut):
                    await undo_count(tx, context, counted)
    except Refusal as raised:
        if login is None:
            raise
        outcome = raised
    return send_back(services, login, outcome, by_post=False)
