"""HTTP for the account's identity providers."""

from fastapi import APIRouter, Response

from app.authentication.allow import FreshAdmin
from app.authentication.routes import AccountRoute
from app.sign_in.sso import repository, rules
from app.sign_in.sso.providers import use_cases
from app.sign_in.sso.providers.schemas import Provider, ProviderChange
from app.web.dependencies import AppServices, accepted
from app.web.pages import Page, Paged
from app.web.problems import problems

router = APIRouter(tags=["identity providers"], route_class=AccountRoute)


@router.get("/sso-providers", operation_id="listProviders")
async def list_providers(services: AppServices, caller: FreshAdmin, page: Paged) -> Page[Provider]:
    """List the account's identity providers, newest first. Needs a fresh second factor."""
    async with services.database.read() as tx:
        rows = await repository.list_providers(tx, caller.account_id, before=page.before, limit=page.fetch)
    shown, cursor = page.cut(rows)
    return Page(items=[_show(provider) for provider in shown], next_cursor=cursor)


@router.get("/sso-providers/{name}", operation_id="getProvider", response_model_exclude_none=True)
async def get_provider(services: AppServices, caller: FreshAdmin, name: str) -> Provider:
    """Show a provider, without its secret. Needs a fresh second factor."""
    async with services.database.read() as tx:
        provider = await use_cases.find_provider(tx, caller, name)
    return _show(provider)


@router.put(
    "/sso-providers/{name}",
    operation_id="putProvider",
    response_model_exclude_none=True,
    responses=problems(409) | {201: {"model": Provider, "description": "A new provider."}},
)
async def put_provider(
    services: AppServices, caller: FreshAdmin, name: str, body: ProviderChange, response: Response
) -> Provider:
    """Create or replace a provider. A secret that is left out is kept. Needs a fresh second factor."""
    wanted = body.model_dump(exclude_unset=True)
    wanted = {field: getattr(body, field) for field in _COMMON} | wanted
    async with services.database.begin() as tx:
        fetched = services.settings.fetch_policy
        outcome = await use_cases.put_provider(tx, caller, services.sealer, name, wanted, fetched=fetched)
    provider, is_new = accepted(outcome)
    response.status_code = 201 if is_new else 200
    return _show(provider)


@router.delete("/sso-providers/{name}", status_code=204, operation_id="deleteProvider")
async def delete_provider(services: AppServices, caller: FreshAdmin, name: str) -> None:
    """Delete a provider: nobody signs in by it any more. Needs a fresh second factor."""
    async with services.database.begin() as tx:
        refusal = await use_cases.delete_provider(tx, caller, name)
    accepted(refusal)


_COMMON = ("create_users", "default_role", "roles", "trusted_domains")


def _show(provider: rules.Provider) -> Provider:
    return Provider(
        name=provider.name,
        type=provider.type,
        create_users=provider.create_users,
        default_role=provider.default_role,
        roles=sorted(provider.roles),
        trusted_domains=sorted(provider.trusted_domains),
        **provider.settings,
    )
