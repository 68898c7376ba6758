"""SQL of identity providers, of browser logins under way, of exchange codes and of used tokens."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, any_, delete, false, func, insert, literal, or_, select, update
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


def _provider(row: Row[Any]) -> Provider:
    return Provider(
        id=row.id,
        name=row.name,
        type=ProviderType(row.type),
        create_users=row.create_users,
        default_role=Role(row.default_role),
        roles=frozenset(map(Role, row.roles)),
        trusted_domains=frozenset(row.trusted_domains),
        settings=row.settings,
        sealed_secret=row.sealed_secret,
    )


def _values(provider: Provider) -> dict[str, Any]:
    return provider.described() | {"sealed_secret": provider.sealed_secret}


async def find_provider(
    tx: AsyncConnection, account_id: UUID, name: str, *, for_change: bool = False
) -> Provider | None:
    """Return the account's provider of this name, or None. `for_change` locks its row."""
    if not is_name(name):
        return None
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id, sso_providers.c.name == name)
    if for_change:  # FOR NO KEY UPDATE: sign-ins under way hold FOR KEY SHARE by their foreign keys
        query = query.with_for_update(key_share=True)
    row = (await tx.execute(query)).one_or_none()
    return _provider(row) if row else None


async def get_provider(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> Provider:
    """Return the provider that a foreign key refers to."""
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider_id)
    return _provider((await tx.execute(query)).one())


async def list_providers(
    tx: AsyncConnection, account_id: UUID, *, before: UUID | None, limit: int
) -> list[Provider]:
    """Return the account's providers, newest first: those whose id is less than `before`."""
    query = select(*_PROVIDER).where(sso_providers.c.account_id == account_id)
    if before is not None:
        query = query.where(sso_providers.c.id < before)
    query = query.order_by(sso_providers.c.id.desc()).limit(limit)
    return [_provider(row) for row in await tx.execute(query)]


async def add_provider(tx: AsyncConnection, account_id: UUID, provider: Provider, *, now: datetime) -> None:
    """Insert a provider; raises `IntegrityError` if the name is taken."""
    values = _values(provider) | {"created_at": now, "updated_at": now}
    await tx.execute(
        insert(sso_providers).values(account_id=account_id, id=provider.id, name=provider.name, **values)
    )


async def store_provider(tx: AsyncConnection, account_id: UUID, provider: Provider, *, now: datetime) -> None:
    """Update the provider of this id."""
    await tx.execute(
        update(sso_providers)
        .where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider.id)
        .values(updated_at=now, **_values(provider))
    )


async def withdraw_roles(
    tx: AsyncConnection,
    account_id: UUID,
    types: Collection[ProviderType],
    roles: frozenset[Role],
    *,
    now: datetime,
) -> list[tuple[UUID, str]]:
    """Remove these roles from every provider of these types; returns id and name of each that had one."""
    left: ColumnElement[Any] = sso_providers.c.roles
    for role in sorted(roles):
        left = func.array_remove(left, role.value)
    query = (
        update(sso_providers)
        .where(
            sso_providers.c.account_id == account_id,
            sso_providers.c.type.in_(types),
            or_(*(literal(role.value) == any_(sso_providers.c.roles) for role in sorted(roles))),
        )
        .values(roles=left, updated_at=now)
        .returning(sso_providers.c.id, sso_providers.c.name)
    )
    return [(id_, name) for id_, name in await tx.execute(query)]


async def delete_provider(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> None:
    """Delete a provider; its links to users, logins and codes go with it (ON DELETE CASCADE)."""
    await tx.execute(
        delete(sso_providers).where(sso_providers.c.account_id == account_id, sso_providers.c.id == provider_id)
    )


async def use_once(tx: AsyncConnection, account_id: UUID, token_id: str, *, expires_at: datetime) -> bool:
    """Mark the id of a token or an assertion as used; False if it is used already.

    Waits for a concurrent transaction that uses the same id.
    """
    query = (
        upsert(sso_used_tokens)
        .values(account_id=account_id, token_digest=digest(token_id), expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(sso_used_tokens.c.token_digest)
    )
    return await tx.scalar(query) is not None


async def add_request(tx: AsyncConnection, account_id: UUID, request: LoginRequest, secret_digest: bytes) -> None:
    """Insert a browser login, or a nonce."""
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
    """Use up the login or nonce and return it; None if it is unknown, expired or used."""
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
    row = (await tx.execute(query)).mappings().one_or_none()
    return LoginRequest(**row) if row else None


async def add_code(
    tx: AsyncConnection, account_id: UUID, code: ExchangeCode, code_digest: bytes, binding: CodeBinding
) -> None:
    """Insert an exchange code and what it is bound to."""
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
    """Use up the code and return it; None if it is unknown, expired or used.

    Also None if `proof` is not what the code is bound to; then the code stays unused.
    """
    proven: ColumnElement[bool] = false()  # a code that is bound to nothing matches nothing
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
    row = (await tx.execute(query)).mappings().one_or_none()
    return ExchangeCode(**row) if row else None


async def end_codes(tx: AsyncConnection, account_id: UUID, provider_id: UUID) -> None:
    """Delete the provider's exchange codes: a change of the provider ends what it asserted before."""
    await tx.execute(
        delete(exchange_codes).where(
            exchange_codes.c.account_id == account_id, exchange_codes.c.provider_id == provider_id
        )
    )
