"""Commands that create accounts and users, run by the operator without a user's credential."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from app.accounts import repository as accounts
from app.accounts.repository import Account
from app.accounts.users import repository as users
from app.accounts.users.rules import name_from_email
from app.accounts.users.use_cases import NewUser, create_account, create_user
from app.accounts.users.use_cases import rename_account as change_account_name
from app.administration.directory import use_cases as directory
from app.administration.user_import import use_cases as user_import
from app.administration.user_import.use_cases import Report
from app.audit.rules import COMMAND_LINE
from app.core.callers import RequestContext, Role
from app.core.errors import FieldError, InvalidRequest, NotFound
from app.core.ids import new_id
from app.core.one_line import BadTextError, is_one_line, one_line
from app.credentials.links import use_cases as links
from app.credentials.links.rules import Purpose, link_url
from app.credentials.links.use_cases import invite
from app.credentials.passwords.use_cases import check_chosen_password
from app.database.bulk import bulk_transaction
from app.second_factor.kinds.registry import DEFAULT_ALLOWED_KINDS
from app.second_factor.recovery_codes.use_cases import make_codes
from app.second_factor.settings.use_cases import renew_recovery_codes
from app.services import Services
from app.sign_in.sso.rules import LONGEST_ID

LONGEST_REASON = 500
"""Characters of a reason, as over HTTP."""

PAGE = 500
"""How many accounts are read at a time."""

_NO_ACCOUNT = "There is no account with this name."

DEMO_SLUG = "demo"
DEMO_OWNER = "owner@demo.example"


def _context(services: Services, account_id: UUID) -> RequestContext:
    return RequestContext(account_id, services.clock.now(), ip="", user_agent="passgate", request_id="")


async def _find_account(services: Services, slug: str) -> Account:
    async with services.database.read() as tx:
        account = await accounts.find_account(tx, slug)
    if account is None:
        raise NotFound(_NO_ACCOUNT)
    return account


async def add_account(
    services: Services, *, slug: str, name: str, owner_email: str, password: str | None, test: bool = False
) -> None:
    """Create an account and its owner; without a password, the owner is invited by e-mail."""
    context = _context(services, new_id(services.clock.now()))
    owner = NewUser(email=owner_email, name=name_from_email(owner_email), role=Role.OWNER)
    about_user = (owner_email, owner.name, slug, name)
    password_hash = await _hash(services, password, about_user)
    async with services.database.begin() as tx:
        await create_account(tx, context, slug=slug, name=name, kinds=DEFAULT_ALLOWED_KINDS, test=test)
        user = await create_user(tx, context, COMMAND_LINE, owner, password_hash)
        if password_hash is None:
            await invite(tx, context, user)


async def add_user(services: Services, slug: str, new: NewUser, password: str | None) -> None:
    """Create a user of an account; without a password, the user is invited by e-mail."""
    if new.external_id is not None and not (
        1 <= len(new.external_id) <= LONGEST_ID and is_one_line(new.external_id)
    ):
        detail = f"external id: 1 to {LONGEST_ID} characters without control characters are allowed."
        raise InvalidRequest("The external id is not valid.", FieldError("/external_id", "malformed", detail))
    account = await _find_account(services, slug)
    context = _context(services, account.id)
    password_hash = await _hash(services, password, (new.email, new.name, account.slug, account.name))
    async with services.database.begin() as tx:
        user = await create_user(tx, context, COMMAND_LINE, new, password_hash)
        if password_hash is None:
            await invite(tx, context, user)


async def _hash(services: Services, password: str | None, about_user: tuple[str, ...]) -> str | None:
    if password is None:
        return None
    if "\x00" in password:  # as in the body of a request
        raise InvalidRequest(
            "The password is not valid.", FieldError("/password", "malformed", "A password has no NUL character.")
        )
    await check_chosen_password(services, password, "/password", about_user=about_user)
    return await services.hasher.hash_password(password)


async def renew_codes(services: Services, slug: str, email: str, reason: str) -> list[str]:
    """Create and return new recovery codes for a user; all older ones become invalid."""
    reason = _check_line(reason, "/reason", LONGEST_REASON)
    account = await _find_account(services, slug)
    context = _context(services, account.id)
    codes = await make_codes(services.hasher, context.now)
    async with services.database.begin() as tx:
        found = await users.find_by_email(tx, account.id, email)
        if found is None:
            raise NotFound("There is no user with this e-mail address.")
        await renew_recovery_codes(tx, context, COMMAND_LINE, found.user.id, codes, reason=reason)
    return codes.shown


async def list_accounts(services: Services) -> AsyncIterator[Account]:
    """Yield all accounts in the order of their slugs, read in pages."""
    after = ""
    while True:
        async with services.database.read() as tx:
            page = await accounts.list_accounts(tx, after=after, limit=PAGE)
        for account in page:
            yield account
        if len(page) < PAGE:
            return
        after = page[-1].slug


async def rename_account(services: Services, slug: str, name: str) -> None:
    """Change the name of an account; its slug stays."""
    async with services.database.begin() as tx:
        account = await accounts.lock_account(tx, slug)
        if account is None:
            raise NotFound(_NO_ACCOUNT)
        await change_account_name(tx, _context(services, account.id), COMMAND_LINE, account, name)


async def create_password_link(services: Services, slug: str, email: str) -> tuple[str, datetime]:
    """Create a link to choose a new password; return its URL and when it ends."""
    account = await _find_account(services, slug)
    context = _context(services, account.id)
    async with services.database.begin() as tx:
        link = await links.create_password_link(tx, context, COMMAND_LINE, email)
    settings = services.settings
    url = link_url(
        settings.link_url,
        settings.public_url,
        slug=account.slug,
        page=Purpose.PASSWORD.page,
        locale=link.locale,
        token=link.token,
    )
    return url, link.expires_at


async def transfer_ownership(services: Services, slug: str, email: str, reason: str) -> None:
    """Make an active admin the owner, for an owner who is gone."""
    reason = _check_line(reason, "/reason", LONGEST_REASON)
    account = await _find_account(services, slug)
    async with services.database.begin() as tx:
        await directory.transfer_ownership(tx, _context(services, account.id), COMMAND_LINE, email, reason=reason)


def _check_line(text: str, pointer: str, longest: int) -> str:
    try:
        return one_line(text, longest)
    except BadTextError as error:
        raise InvalidRequest(
            "The text is not valid.", FieldError(pointer, error.code, f"{pointer[1:]}: {error}")
        ) from None


async def import_users(services: Services, slug: str, file: BinaryIO, *, skip_bad: bool) -> Report:
    """Import users from a file of JSON lines: all or none; with `skip_bad`, all valid lines."""
    account = await _find_account(services, slug)
    async with bulk_transaction(services.database_url) as tx:
        return await user_import.import_users(
            tx, _context(services, account.id), services.sealer, file, skip_bad=skip_bad
        )


async def make_demo(services: Services) -> str | None:
    """Create the account `demo` if there is no account; return the password of its owner."""
    async with services.database.read() as tx:
        if await accounts.any_account(tx):
            return None
    password = secrets.token_urlsafe(12)
    await add_account(services, slug=DEMO_SLUG, name="Demo", owner_email=DEMO_OWNER, password=password)
    return password
