"""Creating accounts and users."""

from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.repository import Account
from app.accounts.rules import first_policy, is_slug
from app.accounts.users import repository
from app.accounts.users.rules import (
    ACTIVE,
    User,
    UserKind,
    check_email,
    check_locale,
    check_name,
    service_address,
)
from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.callers import RequestContext, Role
from app.core.errors import Conflict, FieldError, InvalidRequest
from app.core.ids import new_id

# The error detail for a violation of each unique constraint.
_CONSTRAINT_ERRORS = {
    "uq_users_account_id_email_key": "There is a user with this e-mail address.",
    "uq_users_account_id_external_id": "There is a user with this external id.",
    "uq_users_owner": "The account has an owner already.",
    "owner_of_test_or_real": "An address that owns a real account cannot own a test account, nor the reverse.",
    "uq_accounts_slug": "There is an account with this name.",
}


@dataclass(frozen=True)
class NewUser:
    """The values of a user to create."""

    email: str
    name: str
    role: Role
    external_id: str | None = None
    locale: str = "en"


async def create_user(
    tx: AsyncConnection, context: RequestContext, actor: Actor, new: NewUser, password_hash: str | None
) -> User:
    """Create a user and record it.

    Raises `InvalidRequest` for an invalid address, name or locale, and `Conflict` if the address, the external id
    or the owner role is taken.
    """
    user = User(
        id=new_id(context.now),
        email=check_email(new.email),
        name=check_name(new.name),
        role=new.role,
        status=ACTIVE,
        external_id=new.external_id,
        locale=check_locale(new.locale),
        created_at=context.now,
        last_sign_in_at=None,
    )
    await _add_user(tx, context, actor, user, password_hash)
    return user


async def create_service_account(
    tx: AsyncConnection, context: RequestContext, actor: Actor, name: str, role: Role
) -> User:
    """Create a service account and record it; raises `InvalidRequest` for an invalid name."""
    user_id = new_id(context.now)
    user = User(
        id=user_id,
        name=check_name(name),
        email=service_address(user_id),
        role=role,
        status=ACTIVE,
        external_id=None,
        locale="en",
        created_at=context.now,
        last_sign_in_at=None,
        kind=UserKind.SERVICE,
    )
    await _add_user(tx, context, actor, user, None)
    return user


async def _add_user(
    tx: AsyncConnection, context: RequestContext, actor: Actor, user: User, password_hash: str | None
) -> None:
    try:
        await repository.add_user(tx, context.account_id, user, password_hash)
    except IntegrityError as error:
        refuse_taken(error)
    details = {"role": user.role.value} | ({"kind": user.kind.value} if user.is_service else {})
    await record(tx, context, actor, Event(EventType.USER_CREATED, "user", user.id, details))


async def create_account(
    tx: AsyncConnection,
    context: RequestContext,
    *,
    slug: str,
    name: str,
    kinds: tuple[str, ...],
    test: bool = False,
) -> Account:
    """Create the account with the id in the context; its policy allows these kinds.

    A `test` account stays one for ever. Raises `InvalidRequest` for an invalid slug or name, and `Conflict` if the
    slug is taken.
    """
    if not is_slug(slug):
        error = FieldError("/slug", "malformed", "Use 1 to 63 of a-z, 0-9 and -, with no - at either end.")
        raise InvalidRequest("The account's name is not valid.", error)
    account = Account(context.account_id, slug, check_name(name), test)
    try:
        await accounts.add_account(tx, account, first_policy(context.now, kinds))
    except IntegrityError as error:
        refuse_taken(error)
    return account


async def rename_account(
    tx: AsyncConnection, context: RequestContext, actor: Actor, old: Account, name: str
) -> None:
    """Change the name of a locked account and record it; raises `InvalidRequest` for an invalid name."""
    checked = check_name(name)
    if checked == old.name:
        return
    await accounts.store_name(tx, old.id, checked)
    details = {"old": old.name, "new": checked}
    await record(tx, context, actor, Event(EventType.ACCOUNT_RENAMED, "account", old.id, details))


def refuse_taken(error: IntegrityError) -> NoReturn:
    """Raise `Conflict` if a unique constraint in `_CONSTRAINT_ERRORS` was violated.

    Raises the error itself for any other constraint.
    """
    constraint = getattr(error.orig.__cause__, "constraint_name", None) if error.orig else None
    if constraint not in _CONSTRAINT_ERRORS:
        raise error
    raise Conflict(_CONSTRAINT_ERRORS[constraint]) from None
