"""Finding a credential with all that is decided by: its user, the account's policy, and whether they have 2FA."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, exists, select
from sqlalchemy.sql.elements import NamedColumn

from app.accounts.repository import POLICY_COLUMNS, policy_of
from app.accounts.rules import SecurityPolicy
from app.accounts.users.repository import USER_COLUMNS, user_of
from app.accounts.users.rules import User
from app.database.base import param
from app.database.tables import authenticators, security_policies, users


def has_authenticator() -> ColumnElement[bool]:
    """Return whether the user has a confirmed authenticator, in a query of `users`."""
    return exists().where(
        authenticators.c.account_id == users.c.account_id, authenticators.c.user_id == users.c.id
    )


def by_digest(table: Table, columns: Sequence[NamedColumn[Any]]) -> Select[*tuple[Any, ...]]:
    """Return the query for these columns of the credential that has a token's digest, and for its owner's.

    They come in this order: the columns, `USER_COLUMNS`, `POLICY_COLUMNS`, `has_authenticator`. The parameters are
    `given_account_id` and `given_token_digest`.
    """
    return (
        select(*columns, *USER_COLUMNS, *POLICY_COLUMNS, has_authenticator().label("has_authenticator"))
        .join_from(table, users, (users.c.account_id == table.c.account_id) & (users.c.id == table.c.user_id))
        .join(security_policies, security_policies.c.account_id == table.c.account_id)
        .where(
            table.c.account_id == param(table.c.account_id), table.c.token_digest == param(table.c.token_digest)
        )
    )


def owner_of(row: Sequence[Any], at: int) -> tuple[User, SecurityPolicy, bool]:
    """Return what a row of `by_digest` holds after its first `at` values: user, policy, if they have 2FA."""
    return user_of(row[at:]), policy_of(row[at + len(USER_COLUMNS) :]), row[-1]
