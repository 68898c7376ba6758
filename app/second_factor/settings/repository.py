"""SQL for two-factor settings: the status, and renaming and removing authenticators."""

from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.rules import SecurityPolicy
from app.accounts.users.credential_owners import has_authenticator, signs_in_by_third_party_only
from app.core.callers import Role
from app.database.base import is_any_of
from app.database.tables import authenticators, second_factor_state, users
from app.second_factor.settings.rules import Status


def has_status(policy: SecurityPolicy, wanted: Status) -> ColumnElement[bool]:
    """Return the SQL condition for `rules.status(...) == wanted`.

    For a query of `users` joined with `second_factor_state`.
    """
    required = users.c.role.in_([role.value for role in Role if policy.requires_two_factor_of(role)])
    asked = required | second_factor_state.c.turned_on_by_user
    if wanted == "on":
        return has_authenticator() & asked
    if wanted == "not_applicable":
        return ~has_authenticator() & signs_in_by_third_party_only()
    if wanted == "setup_required":
        return ~has_authenticator() & ~signs_in_by_third_party_only() & required
    return case((has_authenticator(), ~asked), else_=~signs_in_by_third_party_only() & ~required)


async def is_third_party_only(tx: AsyncConnection, account_id: UUID, user_id: UUID) -> bool:
    """Whether the user signs in by a third party alone."""
    query = select(signs_in_by_third_party_only()).where(users.c.account_id == account_id, users.c.id == user_id)
    return bool(await tx.scalar(query))


async def rename_authenticator(tx: AsyncConnection, account_id: UUID, authenticator_id: UUID, label: str) -> None:
    """Change the label of an authenticator."""
    await tx.execute(
        update(authenticators)
        .where(authenticators.c.account_id == account_id, authenticators.c.id == authenticator_id)
        .values(label=label)
    )


async def remove_authenticators(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, authenticator_ids: list[UUID]
) -> None:
    """Delete these authenticators of the user."""
    await tx.execute(
        delete(authenticators).where(
            authenticators.c.account_id == account_id,
            authenticators.c.user_id == user_id,
            is_any_of([authenticators.c.id], [(id_,) for id_ in authenticator_ids]),
        )
    )
