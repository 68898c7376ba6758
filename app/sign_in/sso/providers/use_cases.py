"""Configure and delete an account's identity providers."""

from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import deny, record_act
from app.audit.rules import Event, EventType
from app.core.addresses import FetchPolicy
from app.core.callers import ADMINS, Caller, RequestContext, Role
from app.core.errors import Conflict, Refusal
from app.core.ids import new_id
from app.crypto.sealing import Sealer
from app.second_factor.authority import lock_caller
from app.second_factor.settings.use_cases import lock_own_factors
from app.sign_in.sso import repository
from app.sign_in.sso.protocols import PROTOCOLS
from app.sign_in.sso.providers import rules
from app.sign_in.sso.rules import Provider, ProviderType
from app.sign_in.sso.use_cases import no_provider, secret_associated_data


async def find_provider(tx: AsyncConnection, caller: Caller, name: str) -> Provider:
    """Return the account's provider of this name; raises `NotFound`."""
    provider = await repository.find_provider(tx, caller.account_id, name)
    if provider is None:
        raise no_provider()
    return provider


async def put_provider(
    tx: AsyncConnection,
    caller: Caller,
    sealer: Sealer,
    name: str,
    wanted: dict[str, Any],
    *,
    fetched: FetchPolicy,
) -> tuple[Provider, bool] | Refusal:
    """Create or replace a provider; returns it, and whether it is new. A secret that is left out is kept.

    Another type or issuer asserts other identities, so the old links to users are deleted. Every change deletes
    the exchange codes under way. Raises `InvalidRequest`, and what `lock_own_factors` raises.
    """
    roles = frozenset(map(Role, wanted.pop("roles")))
    caller = await _lock_caller(tx, caller)
    old = await repository.find_provider(tx, caller.account_id, name, for_change=True)
    if refusal := rules.refuse_change(caller.role, old, roles):
        return await deny(tx, caller, None, None, refusal)
    rules.check_name(name)
    type_ = ProviderType(wanted.pop("type"))
    create_users, default_role = wanted.pop("create_users"), Role(wanted.pop("default_role"))
    rules.check_roles(default_role, roles, create_users=create_users)
    domains = rules.check_domains(wanted.pop("trusted_domains"))
    protocol = PROTOCOLS[type_].settings
    settings = rules.check_settings(type_, protocol, wanted, fetched=fetched)
    kept = old if old and old.type is type_ and _identifying(old.settings) == _identifying(settings) else None
    given = wanted.get(protocol.secret) if protocol.secret else None
    rules.check_secret(
        protocol,
        given,
        kept=kept is not None and kept.sealed_secret is not None,
        reaches_further=rules.reaches_further(kept, roles),
    )
    id_ = kept.id if kept else new_id(caller.now)
    sealed = kept.sealed_secret if kept else None
    if given is not None:
        sealed = sealer.seal(given.encode(), secret_associated_data(caller.account_id, id_))
    provider = Provider(id_, name, type_, create_users, default_role, roles, domains, settings, sealed)
    if kept:
        await repository.store_provider(tx, caller.account_id, provider, now=caller.now)
        await repository.end_codes(tx, caller.account_id, provider.id)
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
    except IntegrityError:  # a concurrent request created it first
        raise Conflict("Somebody else has just named a provider like this.") from None


def _identifying(settings: dict[str, Any]) -> list[Any]:
    return [settings.get(name) for name in rules.IDENTIFYING]


async def delete_provider(tx: AsyncConnection, caller: Caller, name: str) -> Refusal | None:
    """Delete a provider and its links to users; raises `NotFound`."""
    caller = await _lock_caller(tx, caller)
    provider = await repository.find_provider(tx, caller.account_id, name, for_change=True)
    if refusal := rules.refuse_change(caller.role, provider, frozenset()):
        return await deny(tx, caller, None, None, refusal)
    if provider is None:
        raise no_provider()
    await repository.delete_provider(tx, caller.account_id, provider.id)
    details = {"provider": name, "old": provider.described(), "new": None}
    await record_act(tx, caller, Event(EventType.POLICY_CHANGED, "sso_provider", provider.id, details))
    return None


async def withdraw_known_secrets(tx: AsyncConnection, context: RequestContext) -> list[Event]:
    """Withdraw admins and owner from providers whose secret the old owner may know; returns the events.

    For a hand-over: whoever knows a signing secret can sign in as any user of the provider's roles. The new owner
    adds the roles again with a new secret.
    """
    types = [type_ for type_, protocol in PROTOCOLS.items() if protocol.settings.secret_signs]
    withdrawn = await repository.withdraw_roles(tx, context.account_id, types, ADMINS, now=context.now)
    details = {"withdrawn": sorted(ADMINS), "because": "the account has another owner"}
    return [
        Event(EventType.POLICY_CHANGED, "sso_provider", id_, {"provider": name} | details)
        for id_, name in withdrawn
    ]


async def _lock_caller(tx: AsyncConnection, caller: Caller) -> Caller:
    """Lock the caller and return them as they are now: a hand-over may just have changed their role.

    Raises what `lock_own_factors` and `lock_caller` raise.
    """
    await lock_own_factors(tx, caller)
    return await lock_caller(tx, caller)
