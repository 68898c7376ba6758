"""One query that finds a credential and what decisions about it need.

These are its user, the account's policy, and whether the user has an authenticator.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, exists, select
from sqlalchemy.sql.elements import NamedColumn

from app.accounts.repository import POLICY_COLUMNS, policy_of
from app.accounts.rules import SecurityPolicy
from app.accounts.users.repository import USER_COLUMNS, user_of
from app.accounts.users.rules import User
from app.database.base import param
from app.database.tables import authenticators, security_policies, sso_identities, users


def has_authenticator() -> ColumnElement[bool]:
    """Return the SQL condition on `users` that the user has a confirmed authenticator."""
    return exists().where(
        authenticators.c.account_id == users.c.account_id, authenticators.c.user_id == users.c.id
    )


def signs_in_by_third_party_only() -> ColumnElement[bool]:
    """Return the SQL condition on `users` that the user signs in by a third party alone.

    That is: has no password, and an identity of a provider is linked. It ends with the user's first password, and
    with the last link. `app.administration.reports.status_query` repeats it for all users at once.
    """
    linked = exists().where(
        sso_identities.c.account_id == users.c.account_id, sso_identities.c.user_id == users.c.id
    )
    return users.c.password_hash.is_(None) & linked


def credential_with_owner_sql(table: Table, columns: Sequence[NamedColumn[Any]]) -> Select[*tuple[Any, ...]]:
    """Return the query that finds a credential in `table` by its token's digest, with its owner.

    A row has these values in this order: `columns`, `USER_COLUMNS`, `POLICY_COLUMNS`, `has_authenticator`. The
    parameters are `given_account_id` and `given_token_digest`.
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
    """Return the user, the policy and `has_authenticator` from a row of a `credential_with_owner_sql` query.

    `at` is the number of values of the credential, which come first.
    """
    return user_of(row[at:]), policy_of(row[at + len(USER_COLUMNS) :]), row[-1]
