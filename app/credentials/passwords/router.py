"""HTTP for one's own password."""

from fastapi import APIRouter

from app.accounts import repository as accounts
from app.accounts.users import repository as users
from app.authentication.allow import FreshSessionCaller, Owner
from app.authentication.routes import AccountRoute
from app.core.errors import Unauthenticated
from app.credentials.passwords import use_cases
from app.credentials.passwords.schemas import PasswordChange
from app.throttling.rules import session_buckets
from app.throttling.use_cases import counted_password_attempt
from app.web.dependencies import AppServices

router = APIRouter(tags=["passwords"], route_class=AccountRoute)


@router.put("/users/me/password", status_code=204, operation_id="changeMyPassword")
async def change_my_password(
    services: AppServices, caller: FreshSessionCaller, owner: Owner, body: PasswordChange
) -> None:
    """Change my password; other sessions and trusted devices end. Needs a fresh second factor."""
    async with services.database.read() as tx:
        account = await accounts.get_account(tx, caller.account_id)
        found = await users.find_by_id(tx, caller.account_id, caller.user_id)
    about_user = (owner.user.email, owner.user.name, account.name, account.slug)
    await use_cases.check_chosen_password(services, body.new_password, "/new_password", about_user=about_user)
    if found is None:
        raise Unauthenticated("The session has ended.")
    filled = session_buckets(services.password_limits, user_id=caller.user_id, ip=caller.context.ip)
    async with counted_password_attempt(services.database, caller.context, filled, user_id=caller.user_id):
        check = await services.hasher.verify_password(found.password_hash, body.current_password)
    if not check.matches:
        async with services.database.begin() as tx:
            refusal = await use_cases.refuse_current_password(tx, caller)
        raise refusal
    new_hash = await services.hasher.hash_password(body.new_password)
    async with services.database.begin() as tx:
        await use_cases.change_password(tx, caller, found, new_hash, filled)
