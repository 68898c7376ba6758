"""The API tokens in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.accounts.users.credential_owners import credential_with_owner_sql, owner_of
from app.accounts.users.rules import User
from app.credentials.api_tokens.rules import ApiToken, Scope
from app.database.statements import PrecompiledStatement
from app.database.tables import api_tokens

_COLUMNS = [
    api_tokens.c.id.label("token_id"),
    api_tokens.c.user_id,
    api_tokens.c.description,
    api_tokens.c.scopes,
    api_tokens.c.created_at.label("token_created_at"),
    api_tokens.c.expires_at,
    api_tokens.c.last_used_at,
    api_tokens.c.signs_in_admins,
]
_BY_DIGEST = PrecompiledStatement(credential_with_owner_sql(api_tokens, _COLUMNS))


def _token(values: Sequence[Any]) -> ApiToken:
    id_, user_id, description, scopes, created_at, expires_at, last_used_at, reach = values[: len(_COLUMNS)]
    return ApiToken(
        id=id_,
        user_id=user_id,
        description=description,
        scopes=frozenset(map(Scope, scopes)),
        created_at=created_at,
        expires_at=expires_at,
        last_used_at=last_used_at,
        signs_in_admins=bool(reach),
    )


@dataclass(frozen=True)
class TokenOwner:
    """A token with its user, the account's policy, and whether the user has an authenticator."""

    token: ApiToken
    user: User
    policy: SecurityPolicy
    has_authenticator: bool


async def find_by_digest(tx: AsyncConnection, account_id: UUID, token_digest: bytes) -> TokenOwner | None:
    """Return the token of this account with the digest, whether it has expired or not."""
    values = {"given_account_id": account_id, "given_token_digest": token_digest}
    row = await _BY_DIGEST.row(tx, values)
    if row is None:
        return None
    return TokenOwner(_token(row), *owner_of(row, len(_COLUMNS)))


async def add_token(tx: AsyncConnection, account_id: UUID, token: ApiToken, token_digest: bytes) -> None:
    """Store a new token."""
    await tx.execute(
        insert(api_tokens).values(
            account_id=account_id,
            id=token.id,
            user_id=token.user_id,
            token_digest=token_digest,
            description=token.description,
            scopes=sorted(scope.value for scope in token.scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            signs_in_admins=token.signs_in_admins,
        )
    )


async def touch(tx: AsyncConnection, account_id: UUID, token: ApiToken, *, now: datetime) -> bool:
    """Store the time of use; False if another call did so since the token was read."""
    query = (
        update(api_tokens)
        .where(
            api_tokens.c.account_id == account_id,
            api_tokens.c.id == token.id,
            api_tokens.c.last_used_at.is_not_distinct_from(token.last_used_at),
        )
        .values(last_used_at=now)
        .returning(api_tokens.c.id)
    )
    return await tx.scalar(query) is not None


async def list_tokens(tx: AsyncConnection, account_id: UUID, *, before: UUID | None, limit: int) -> list[ApiToken]:
    """Return the account's tokens, newest first, with ids less than `before`."""
    query = (
        select(*_COLUMNS)
        .where(api_tokens.c.account_id == account_id)
        .order_by(api_tokens.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(api_tokens.c.id < before)
    return [_token(row) for row in await tx.execute(query)]


async def find_maker(tx: AsyncConnection, account_id: UUID, token_id: UUID) -> UUID | None:
    """Return the id of the token's user; None if the token does not exist."""
    query = select(api_tokens.c.user_id).where(api_tokens.c.account_id == account_id, api_tokens.c.id == token_id)
    found: UUID | None = await tx.scalar(query)
    return found


async def delete_tokens_of(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> int:
    """Revoke all tokens of the user, and return their number."""
    query = delete(api_tokens).where(api_tokens.c.account_id == account_id, api_tokens.c.user_id == user_id)
    return (await tx.execute(query)).rowcount


async def lock_token_shared(tx: AsyncConnection, account_id: UUID, token_id: UUID) -> bool:
    """Lock the token against deletion until the transaction ends; False if it does not exist.

    A token is deleted when the role or status of its user changes. So while it is locked, they are those of the
    time when it was created.
    """
    query = select(api_tokens.c.id).where(api_tokens.c.account_id == account_id, api_tokens.c.id == token_id)
    return await tx.scalar(query.with_for_update(read=True, key_share=True)) is not None


async def delete_token(tx: AsyncConnection, account_id: UUID, token_id: UUID) -> bool:
    """Revoke a token; False if there is none with this id."""
    query = (
        delete(api_tokens)
        .where(api_tokens.c.account_id == account_id, api_tokens.c.id == token_id)
        .returning(api_tokens.c.id)
    )
    return await tx.scalar(query) is not None
