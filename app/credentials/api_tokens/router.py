"""HTTP for API tokens: the owner and admins create, list and revoke them."""

from fastapi import APIRouter, Response

from app.authentication.allow import Admin, AdminReader, FreshAdmin
from app.authentication.routes import AccountRoute
from app.core.errors import Refusal
from app.credentials.api_tokens import repository, rules, use_cases
from app.credentials.api_tokens.rules import Scope
from app.credentials.api_tokens.schemas import ApiToken, MadeApiToken, NewApiToken
from app.credentials.api_tokens.use_cases import NewToken
from app.idempotency.answers import KEY_PROBLEMS, IdempotencyKey, answer_once
from app.idempotency.rules import StoredAnswer
from app.web.dependencies import AppServices, accepted
from app.web.pages import Page, Paged
from app.web.problems import problems
from app.web.wire import PathId

router = APIRouter(tags=["API tokens"], route_class=AccountRoute)


@router.post(
    "/api-tokens",
    status_code=201,
    operation_id="makeApiToken",
    response_model=MadeApiToken,
    responses=problems(409, *KEY_PROBLEMS),
)
async def make_api_token(
    services: AppServices, caller: FreshAdmin, key: IdempotencyKey, response: Response, body: NewApiToken
) -> Response:
    """Create a token of mine, or as the owner one of a service account; it is shown only once.

    Needs a fresh second factor.
    """
    request = key.of_caller(services.sealer, caller) if key else None
    new = NewToken(body.description, frozenset(map(Scope, body.scopes)), body.expires_at)
    async with services.database.begin() as tx:
        if body.user_id is None:
            outcome: tuple[rules.ApiToken, str] | StoredAnswer | Refusal = await use_cases.make_token(
                tx, caller, new, request
            )
        else:
            outcome = await use_cases.make_service_token(tx, caller, body.user_id, new, request)
        answer = await answer_once(tx, request, outcome, response, _show_made)
    return accepted(answer)


@router.get("/api-tokens", operation_id="listApiTokens")
async def list_api_tokens(services: AppServices, caller: AdminReader, page: Paged) -> Page[ApiToken]:
    """List the account's tokens, newest first."""
    async with services.database.read() as tx:
        rows = await repository.list_tokens(tx, caller.account_id, before=page.before, limit=page.fetch)
    shown, cursor = page.cut(rows)
    return Page(items=[_show(token) for token in shown], next_cursor=cursor)


@router.delete("/api-tokens/{token_id}", status_code=204, operation_id="revokeApiToken")
async def revoke_api_token(services: AppServices, caller: Admin, token_id: PathId) -> None:
    """Revoke a token: the next call with it is refused."""
    async with services.database.begin() as tx:
        refusal = await use_cases.revoke_token(tx, caller, token_id)
    accepted(refusal)


def _show_made(made: tuple[rules.ApiToken, str]) -> MadeApiToken:
    token, secret = made
    return MadeApiToken(**dict(_show(token)), token=secret)


def _show(token: rules.ApiToken) -> ApiToken:
    return ApiToken(
        id=token.id,
        user_id=token.user_id,
        description=token.description,
        scopes=sorted(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )
