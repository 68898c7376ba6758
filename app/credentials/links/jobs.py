"""Jobs of links: look up an e-mail address, and send a link."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts import repository as accounts
from app.accounts.users import repository as users
from app.accounts.users.rules import ACTIVE, masked
from app.core.callers import RequestContext
from app.credentials.links import repository
from app.credentials.links.rules import PREFIX, Link, Purpose, link_url
from app.credentials.links.use_cases import renew_link, send_password_link
from app.crypto.mailed_tokens import mailed_token
from app.crypto.sealing import AssociatedData
from app.delivery.jobs import count_expired, send_now
from app.delivery.letters import Email, Kind, get_recipient
from app.services import Services

_KINDS = {
    Purpose.INVITATION: Kind.INVITATION,
    Purpose.PASSWORD: Kind.PASSWORD_LINK,
    Purpose.EMAIL: Kind.EMAIL_CONFIRMATION,
    Purpose.EMAIL_STOP: Kind.EMAIL_CHANGE_ASKED,
}


async def look_up_for_password_link(
    services: Services, *, account_id: str, email: str, at: str, ip: str, user_agent: str, request_id: str
) -> None:
    """Send a password link to the user with the e-mail address, if there is one."""
    context = RequestContext(UUID(account_id), datetime.fromisoformat(at), ip, user_agent, request_id)
    async with services.database.begin() as tx:
        await send_password_link(tx, context, email)


async def send_link(
    services: Services, *, account_id: str, link_id: str, at: str, ip: str, user_agent: str
) -> None:
    """Generate the link's token and send it; another run sends the same e-mail, or nothing.

    It sends nothing if the e-mail was sent already, or if the link was used or voided. A link that has ended
    before it could be sent is replaced by a fresh one, or counted and logged.
    """
    account = UUID(account_id)
    context = RequestContext(account, services.clock.now(), ip, user_agent, request_id="")
    async with services.database.begin() as tx:
        link = await repository.lock_link(tx, account, UUID(link_id))
        if link is None or link.was_sent or link.used_at is not None:
            return
        if not link.is_open(context.now):
            await _replace_expired(tx, context, link, requested_at=datetime.fromisoformat(at))
            return
        token = await _token(services, tx, account, link)
        found = await accounts.get_account(tx, account)
        who = await get_recipient(tx, account, link.user_id)
        asked_by = await users.find_by_id(tx, account, link.requested_by) if link.requested_by else None
    to_be_confirmed = link.email if link.purpose is Purpose.EMAIL else None
    letter = Email(
        id=link.id,
        account_id=account,
        kind=_KINDS[link.purpose],
        at=datetime.fromisoformat(at),
        ip=ip,
        user_agent=user_agent,
        to=to_be_confirmed or who.to,
        account_name=who.account_name,
        name=who.name,
        locale=who.locale,
        details={"new_email": link.email and masked(link.email), "asked_by": asked_by and asked_by.user.name},
    )
    settings = services.settings
    url = link_url(
        settings.link_url,
        settings.public_url,
        slug=found.slug,
        page=link.purpose.page,
        locale=who.locale,
        token=token,
    )
    await send_now(services, letter, {"link": url})
    async with services.database.begin() as tx:
        await repository.forget_token(tx, account, link.id)


async def _replace_expired(
    tx: AsyncConnection, context: RequestContext, link: Link, *, requested_at: datetime
) -> None:
    """Replace a link that has ended unsent, if its user is still active and may still wait for it."""
    found = await users.find_by_id(tx, context.account_id, link.user_id)
    if found is None or found.user.status != ACTIVE:
        return
    if not await renew_link(tx, context, link, requested_at=requested_at):
        await count_expired(tx, context.account_id, link.id, _KINDS[link.purpose])


async def _token(services: Services, tx: AsyncConnection, account_id: UUID, link: Link) -> str:
    """Return the link's token, and store it if it is new."""
    data = AssociatedData("links", "sealed_token", account_id, link.id, link.user_id)
    mailed = mailed_token(services.sealer, data, link.sealed_token, PREFIX)
    if mailed.is_new:
        await repository.set_token(tx, account_id, link.id, token_digest=mailed.digest, sealed_token=mailed.sealed)
    return mailed.token
