"""HTTP for links: asking for one, and using one. Whoever holds a link is its user; nothing else is asked."""

from fastapi import APIRouter, Response

from app.accounts import repository as accounts
from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.core.settings import Limit
from app.credentials.links import rules, use_cases
from app.credentials.links.schemas import EmailChangeStopped, EmailConfirmed, PasswordChosen, PasswordLinkWanted
from app.credentials.passwords.use_cases import check_chosen_password
from app.throttling.rules import link_buckets, over_all_accounts
from app.throttling.use_cases import count_password_attempt
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["passwords"], route_class=AccountRoute)

_LETTERS, _REQUESTS = Limit(rules.LETTERS_TO_EMAIL), Limit(rules.REQUESTS_FROM_ADDRESS)


@router.post(
    "/password-links",
    status_code=202,
    operation_id="askForPasswordLink",
    response_class=Response,
    responses=problems(429),
)
async def ask_for_password_link(services: AppServices, context: Context, body: PasswordLinkWanted) -> Response:
    """Send a link for a new password to this address, if a user has it. The answer is the same for everyone."""
    by_email, by_address = link_buckets(email=body.email, ip=context.ip, letters=_LETTERS, requests=_REQUESTS)
    by_addresses = [by_address, over_all_accounts(by_address)]
    because = "Too many links were asked for from this address."
    await count_password_attempt(services.database, context, by_addresses, because=because)
    async with services.database.begin() as tx:
        await use_cases.want_password_link(tx, context, body.email, by_email)
    return Response(status_code=202)


@router.post(
    "/password-links/redemption", status_code=204, operation_id="redeemPasswordLink", responses=problems(410)
)
async def redeem_password_link(services: AppServices, context: Context, body: PasswordChosen) -> None:
    """Set the password. It signs nobody in; all sessions and trusted devices end, and 2FA stays as it was."""
    async with services.database.read() as tx:
        link, user = await use_cases.find_password_link(tx, context, body.token)
        account = await accounts.get_account(tx, context.account_id)
    about_user = (user.email, user.name, account.name, account.slug)
    await check_chosen_password(services, body.new_password, "/new_password", about_user=about_user)
    new_hash = await services.hasher.hash_password(body.new_password)
    async with services.database.begin() as tx:
        await use_cases.redeem_password_link(tx, context, link, new_hash)


@router.post("/email-confirmations", status_code=204, operation_id="confirmEmail", responses=problems(409, 410))
async def confirm_email(services: AppServices, context: Context, body: EmailConfirmed) -> None:
    """Confirm the address that the link was sent to: from now on it is the user's."""
    async with services.database.begin() as tx:
        await use_cases.confirm_email(tx, context, body.token)


@router.post("/email-changes/stop", status_code=204, operation_id="stopEmailChange", responses=problems(410))
async def stop_email_change(services: AppServices, context: Context, body: EmailChangeStopped) -> None:
    """Stop a change of the e-mail address, by the link that the old address got when the change was asked."""
    async with services.database.begin() as tx:
        await use_cases.stop_email_change(tx, context, body.token)
