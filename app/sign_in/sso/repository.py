"""Providers, whom they mean, and their sign-ins under way, in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import Role
from app.crypto.digests import digest
from app.database.tables import (
    exchange_codes,
    sso_identities,
    sso_providers,
    sso_requests,
    sso_used_tokens,
)
from app.sign_in.sso.rules import ExchangeCode, LoginRequest, Provider, ProviderType, is_name

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


async def find_provider(tx: AsyncConnection, account_id: UUID, name: str) -> Provider | None:
    """Return the account's provider of this name; what can be no name is not even asked for."""
    if not is_name(name):
        return None
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id, sso_providers.c.name == name)
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


async def delete_provider(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> None:
    """Delete a provider, with whom it means and what is under way."""
    await tx.execute(
        delete(sso_providers).where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider_id)
    )


async def find_identity(tx: AsyncConnection, account_id: UUID, provider_id: UUID, subject: str) -> UUID | None:
    """Return the id of the user whom the provider means by the subject."""
    query = select(sso_identities.c.user_id).where(
        sso_identities.c.account_id == account_id,
        sso_identities.c.provider_id == provider_id,
        sso_identities.c.subject == subject,
    )
    return await tx.scalar(query)


async def add_identity(
    tx: AsyncConnection,
    account_id: UUID,
    id_: UUID,
    provider_id: UUID,
    subject: str,
    user_id: UUID,
    *,
    now: datetime,
) -> bool:
    """Remember whom the provider means by the subject; False when one of the two means another already."""
    query = (
        upsert(sso_identities)
        .values(
            account_id=account_id,
            id=id_,
            provider_id=provider_id,
            subject=subject,
            user_id=user_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(sso_identities.c.id)
    )
    return await tx.scalar(query) is not None


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
            sso_requests.c.id, sso_requests.c.provider_id, sso_requests.c.return_to, sso_requests.c.expires_at
        )
    )
    row = (await tx.execute(query)).one_or_none()
    return LoginRequest(*row) if row else None


async def add_code(tx: AsyncConnection, account_id: UUID, code: ExchangeCode, code_digest: bytes) -> None:
    """Store a code to be exchanged."""
    await tx.execute(
        insert(exchange_codes).values(
            account_id=account_id,
            id=code.id,
            provider_id=code.provider_id,
            user_id=code.user_id,
            code_digest=code_digest,
            version=code.version,
            expires_at=code.expires_at,
        )
    )


async def use_code(
    tx: AsyncConnection, account_id: UUID, code_digest: bytes, *, now: datetime
) -> ExchangeCode | None:
    """Use the code up and return it; None when it is unknown, over, or was used before."""
    query = (
        update(exchange_codes)
        .where(
            exchange_codes.c.account_id == account_id,
            exchange_codes.c.code_digest == code_digest,
            exchange_codes.c.used_at.is_(None),
            exchange_codes.c.expires_at > now,
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
