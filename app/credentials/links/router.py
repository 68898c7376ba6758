"""HTTP for links: request one, and use one; the token of a link is the only credential."""

from fastapi import APIRouter, Response

from app.accounts import repository as accounts
from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.core.settings import Limit
from app.credentials.links import rules, use_cases
from app.credentials.links.schemas import LinkDetails, LinkToken, PasswordChosen, PasswordLinkWanted
from app.credentials.passwords.use_cases import check_chosen_password
from app.throttling.rules import link_buckets, over_all_accounts
from app.throttling.use_cases import count_attempt
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
    """Send a password link to this e-mail address, if a user has it.

    The answer does not depend on whether a user has it.
    """
    by_email, by_address = link_buckets(email=body.email, ip=context.ip, letters=_LETTERS, requests=_REQUESTS)
    by_addresses = [by_address, over_all_accounts(by_address)]
    because = "Too many links were asked for from this address."
    await count_attempt(services.database, context, by_addresses, because=because)
    async with services.database.begin() as tx:
        await use_cases.enqueue_password_link_lookup(tx, context, body.email, by_email)
    return Response(status_code=202)


@router.post("/link-details", operation_id="describeLink", responses=problems("link_expired"))
async def describe_link(services: AppServices, context: Context, body: LinkToken) -> LinkDetails:
    """Show what an open link is for, and for whom, with masked e-mail addresses. It stays open."""
    async with services.database.read() as tx:
        return LinkDetails.model_validate(await use_cases.describe_link(tx, context, body.token))


@router.post(
    "/password-links/redemption",
    status_code=204,
    operation_id="redeemPasswordLink",
    responses=problems("link_expired"),
)
async def redeem_password_link(services: AppServices, context: Context, body: PasswordChosen) -> None:
    """Set the password. All sessions and trusted devices end; 2FA stays unchanged.

    The user is not signed in by this.
    """
    async with services.database.read() as tx:
        link, user = await use_cases.find_password_link(tx, context, body.token)
        account = await accounts.get_account(tx, context.account_id)
    about_user = (user.email, user.name, account.name, account.slug)
    await check_chosen_password(services, body.new_password, "/new_password", about_user=about_user)
    new_hash = await services.hasher.hash_password(body.new_password)
    async with services.database.begin() as tx:
        await use_cases.redeem_password_link(tx, context, link, new_hash)


@router.post(
    "/email-confirmations", status_code=204, operation_id="confirmEmail", responses=problems("link_expired", 409)
)
async def confirm_email(services: AppServices, context: Context, body: LinkToken) -> None:
    """Confirm the new e-mail address, to which the link was sent."""
    async with services.database.begin() as tx:
        await use_cases.confirm_email(tx, context, body.token)


@router.post(
    "/email-changes/stop", status_code=204, operation_id="stopEmailChange", responses=problems("link_expired")
)
async def stop_email_change(services: AppServices, context: Context, body: LinkToken) -> None:
    """Stop a change of the e-mail address, with the link that was sent to the old address."""
    async with services.database.begin() as tx:
        await use_cases.stop_email_change(tx, context, body.token)
