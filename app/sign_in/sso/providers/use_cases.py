"""Naming the identity providers of an account, and removing them."""

from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.core.callers import Caller, Role
from app.core.errors import Conflict, NotFound, Refusal
from app.crypto.sealing import Sealer
from app.database.ids import new_id
from app.second_factor.settings.use_cases import lock_own_factors
from app.sign_in.sso import repository
from app.sign_in.sso.providers import rules
from app.sign_in.sso.rules import Provider, ProviderType
from app.sign_in.sso.use_cases import secret_associated_data


async def find_provider(tx: AsyncConnection, caller: Caller, name: str) -> Provider:
    """Return the account's provider of this name; raises `NotFound`."""
    provider = await repository.find_provider(tx, caller.account_id, name)
    if provider is None:
        raise NotFound("The account has no such provider.")
    return provider


async def put_provider(
    tx: AsyncConnection, caller: Caller, sealer: Sealer, name: str, wanted: dict[str, Any]
) -> tuple[Provider, bool] | Refusal:
    """Name a provider, or replace it; returns it, and whether it is new. A secret that is left out stays.

    A provider of another type or issuer vouches for other people: whom the old one meant is forgotten. Raises
    `InvalidRequest`, and what `lock_own_factors` raises.
    """
    roles = frozenset(map(Role, wanted.pop("roles")))
    if refusal := rules.refuse_roles(caller, roles):
        await record_act(tx, caller, Event(EventType.ACCESS_DENIED, details={"code": refusal.code}))
        return refusal
    rules.check_name(name)
    type_ = ProviderType(wanted.pop("type"))
    create_users, default_role = wanted.pop("create_users"), Role(wanted.pop("default_role"))
    rules.check_roles(default_role, roles, create_users=create_users)
    domains = rules.check_domains(wanted.pop("trusted_domains"))
    settings = rules.check_settings(type_, wanted)
    await lock_own_factors(tx, caller)
    old = await repository.find_provider(tx, caller.account_id, name)
    kept = old if old and old.type is type_ and _vouches(old.settings) == _vouches(settings) else None
    given = wanted.get(rules.SECRET[type_] or "")
    rules.check_secret(type_, given, kept=kept is not None and kept.sealed_secret is not None)
    id_ = kept.id if kept else new_id(caller.now)
    sealed = kept.sealed_secret if kept else None
    if given is not None:
        sealed = sealer.seal(given.encode(), secret_associated_data(caller.account_id, id_))
    provider = Provider(id_, name, type_, create_users, default_role, roles, domains, settings, sealed)
    if kept:
        await repository.store_provider(tx, caller.account_id, provider, now=caller.now)
    else:
        if old:
            await repository.delete_provider(tx, caller.account_id, old.id)
        await _add(tx, caller, provider)
    recorded = {"old": old.described() if old else None, "new": provider.described()}
    await record_act(
        tx, caller, Event(EventType.POLICY_CHANGED, "sso_provider", id_, {"provider": name} | recorded)
    )
    return replace(provider, sealed_secret=None), old is None


async def _add(tx: AsyncConnection, caller: Caller, provider: Provider) -> None:
    try:
        await repository.add_provider(tx, caller.account_id, provider, now=caller.now)
    except IntegrityError:  # of two that name it at once, the second
        raise Conflict("Somebody else has just named a provider like this.") from None


def _vouches(settings: dict[str, Any]) -> list[Any]:
    return [settings.get(name) for name in rules.WHO_VOUCHES]


async def delete_provider(tx: AsyncConnection, caller: Caller, name: str) -> None:
    """Remove a provider: nobody signs in by it any more, and whom it meant is forgotten. Raises `NotFound`."""
    await lock_own_factors(tx, caller)
    provider = await find_provider(tx, caller, name)
    await repository.delete_provider(tx, caller.account_id, provider.id)
    details = {"provider": name, "old": provider.described(), "new": None}
    await record_act(tx, caller, Event(EventType.POLICY_CHANGED, "sso_provider", provider.id, details))
