"""Providers, whom they mean, and their sign-ins under way, in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, any_, delete, false, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import Role
from app.crypto.digests import digest
from app.database.tables import (
    exchange_codes,
    sso_providers,
    sso_requests,
    sso_used_tokens,
)
from app.sign_in.sso.rules import CodeBinding, ExchangeCode, LoginRequest, Provider, ProviderType, is_name

_PROVIDER = [
    sso_providers.c.id,
    sso_providers.c.name,
    sso_providers.c.type,
    sso_providers.c.create_users,
    sso_providers.c.default_role,
    sso_providers.c.roles,
    sso_providers.c.trusted_domains,
    sso_providers.c.settings,
    sso_providers.c.sealed_secret,
]


def _provider(row: Sequence[Any]) -> Provider:
    id_, name, type_, create_users, default_role, roles, domains, settings, sealed = row
    return Provider(
        id_,
        name,
        ProviderType(type_),
        create_users,
        Role(default_role),
        frozenset(map(Role, roles)),
        frozenset(domains),
        settings,
        sealed,
    )


def _values(provider: Provider) -> dict[str, Any]:
    return provider.described() | {"sealed_secret": provider.sealed_secret}


async def find_provider(
    tx: AsyncConnection, account_id: UUID, name: str, *, for_change: bool = False
) -> Provider | None:
    """Return the account's provider of this name, locked `for_change`; of what can be no name there is none."""
    if not is_name(name):
        return None
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id, sso_providers.c.name == name)
    if for_change:  # not against the foreign keys of sign-ins under way, which may hold what the caller waits for
        query = query.with_for_update(key_share=True)
    row = (await tx.execute(query)).one_or_none()
    return _provider(row) if row else None


async def get_provider(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> Provider:
    """Return the provider that a row refers to."""
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider_id)
    return _provider((await tx.execute(query)).one())


async def list_providers(
    tx: AsyncConnection, account_id: UUID, *, before: UUID | None, limit: int
) -> list[Provider]:
    """Return the account's providers, newest first, from behind the id `before`."""
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id)
    if before is not None:
        query = query.where(sso_providers.c.id < before)
    query = query.order_by(sso_providers.c.id.desc()).limit(limit)
    return [_provider(row) for row in await tx.execute(query)]


async def add_provider(tx: AsyncConnection, account_id: UUID, provider: Provider, *, now: datetime) -> None:
    """Store a new provider; an `IntegrityError` says that the name is taken."""
    values = _values(provider) | {"created_at": now, "updated_at": now}
    await tx.execute(
        insert(sso_providers).values(account_id=account_id, id=provider.id, name=provider.name, **values)
    )


async def store_provider(tx: AsyncConnection, account_id: UUID, provider: Provider, *, now: datetime) -> None:
    """Replace what is known of the provider with this id."""
    await tx.execute(
        update(sso_providers)
        .where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider.id)
        .values(updated_at=now, **_values(provider))
    )


async def withdraw_roles(
    tx: AsyncConnection, account_id: UUID, type_: ProviderType, roles: frozenset[Role], *, now: datetime
) -> list[tuple[UUID, str]]:
    """Take these roles from every provider of a type; returns the id and the name of each that had one."""
    left: ColumnElement[Any] = sso_providers.c.roles
    for role in sorted(roles):
        left = func.array_remove(left, role.value)
    query = (
        update(sso_providers)
        .where(
            sso_providers.c.account_id == account_id,
            sso_providers.c.type == type_.value,
            or_(*(literal(role.value) == any_(sso_providers.c.roles) for role in sorted(roles))),
        )
        .values(roles=left, updated_at=now)
        .returning(sso_providers.c.id, sso_providers.c.name)
    )
    return [(id_, name) for id_, name in await tx.execute(query)]


async def delete_provider(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> None:
    """Delete a provider, with whom it means and what is under way."""
    await tx.execute(
        delete(sso_providers).where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider_id)
    )


async def use_once(tx: AsyncConnection, account_id: UUID, token_id: str, *, expires_at: datetime) -> bool:
    """Mark the id of a token or an assertion used; False when it was used before, or is at this moment."""
    query = (
        upsert(sso_used_tokens)
        .values(account_id=account_id, token_digest=digest(token_id), expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(sso_used_tokens.c.token_digest)
    )
    return await tx.scalar(query) is not None


async def add_request(tx: AsyncConnection, account_id: UUID, request: LoginRequest, secret_digest: bytes) -> None:
    """Store a login that a browser begins, or a nonce."""
    await tx.execute(
        insert(sso_requests).values(
            account_id=account_id,
            id=request.id,
            provider_id=request.provider_id,
            secret_digest=secret_digest,
            return_to=request.return_to,
            code_challenge=request.code_challenge,
            expires_at=request.expires_at,
        )
    )


async def use_request(
    tx: AsyncConnection, account_id: UUID, secret_digest: bytes, *, now: datetime
) -> LoginRequest | None:
    """Use the request up and return it; None when it is unknown, over, or was used before."""
    query = (
        update(sso_requests)
        .where(
            sso_requests.c.account_id == account_id,
            sso_requests.c.secret_digest == secret_digest,
            sso_requests.c.used_at.is_(None),
            sso_requests.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(
            sso_requests.c.id,
            sso_requests.c.provider_id,
            sso_requests.c.return_to,
            sso_requests.c.expires_at,
            sso_requests.c.code_challenge,
        )
    )
    row = (await tx.execute(query)).one_or_none()
    return LoginRequest(*row) if row else None


async def add_code(
    tx: AsyncConnection, account_id: UUID, code: ExchangeCode, code_digest: bytes, binding: CodeBinding
) -> None:
    """Store a code to be exchanged, and by whom."""
    await tx.execute(
        insert(exchange_codes).values(
            account_id=account_id,
            id=code.id,
            provider_id=code.provider_id,
            user_id=code.user_id,
            code_digest=code_digest,
            version=code.version,
            expires_at=code.expires_at,
            code_challenge=binding.code_challenge,
            browser_digest=binding.browser_digest,
        )
    )


async def use_code(
    tx: AsyncConnection, account_id: UUID, code_digest: bytes, proof: CodeBinding, *, now: datetime
) -> ExchangeCode | None:
    """Use the code up and return it; None when it is unknown, over, or was used before.

    None also without the proof that it is bound to; then it stays good for whoever has that.
    """
    proven: ColumnElement[bool] = false()  # NULL equals nothing here: a code that is bound to nothing is nobody's
    if proof.code_challenge is not None:
        proven |= exchange_codes.c.code_challenge == proof.code_challenge
    if proof.browser_digest is not None:
        by_browser = exchange_codes.c.browser_digest == proof.browser_digest
        proven |= exchange_codes.c.code_challenge.is_(None) & by_browser
    query = (
        update(exchange_codes)
        .where(
            exchange_codes.c.account_id == account_id,
            exchange_codes.c.code_digest == code_digest,
            exchange_codes.c.used_at.is_(None),
            exchange_codes.c.expires_at > now,
            proven,
        )
        .values(used_at=now)
        .returning(
            exchange_codes.c.id,
            exchange_codes.c.provider_id,
            exchange_codes.c.user_id,
            exchange_codes.c.version,
            exchange_codes.c.expires_at,
        )
    )
    row = (await tx.execute(query)).one_or_none()
    return ExchangeCode(*row) if row else None


async def end_codes(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> None:
    """Delete the codes that the provider's logins have ended in: what it said before a change counts no more."""
    await tx.execute(
        delete(exchange_codes).where(
            exchange_codes.c.account_id == account_id, exchange_codes.c.provider_id == provider_id
        )
    )
