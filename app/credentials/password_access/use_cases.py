"""Check a password of an API call, with answers that reveal nothing to an attacker."""

from app.accounts import repository as accounts
from app.accounts.rules import SecurityPolicy
from app.accounts.users import repository as users
from app.accounts.users.rules import User
from app.core.callers import RequestContext
from app.core.errors import Unauthenticated
from app.credentials.password_access.rules import is_open
from app.credentials.passwords.use_cases import invalid_credentials, refuse_password
from app.second_factor import repository as second_factor
from app.services import Services
from app.throttling.rules import buckets
from app.throttling.use_cases import counted_password_attempt, refund_password_attempt, refund_shared_buckets


async def find_password_user(
    services: Services, context: RequestContext, email: str, password: str
) -> tuple[User, SecurityPolicy, bool]:
    """Return the password's active user, the policy, and whether they have an authenticator.

    Raises `Unauthenticated` with `password_access_off` before the password is checked; otherwise with
    `invalid_credentials`, both for a wrong password and for a user who has turned on 2FA.
    """
    async with services.database.read() as tx:
        policy = await accounts.get_policy(tx, context.account_id)
        found = await users.find_by_email(tx, context.account_id, email) if is_open(policy) else None
        kinds = await users.list_password_kinds(tx, context.account_id)
    if not is_open(policy):
        raise Unauthenticated(
            "Passwords are not accepted here. Use an API token, as Basic base64(email/token:pgt_...).",
            code="password_access_off",
        )
    filled = buckets(services.password_limits, email=email, ip=context.ip, known_device=False)
    user_id = found.user.id if found else None
    async with counted_password_attempt(services.database, context, filled, user_id=user_id):
        hash_ = found.password_hash if found else None
        check = await services.hasher.verify_password(hash_, password, kinds=kinds)
    async with services.database.begin() as tx:
        if found is None or not check.matches or not found.user.may_sign_in:
            await refuse_password(tx, context, found)
            refused = True
        else:
            # Read again after the slow hash: the policy, password or second factor may have changed meanwhile.
            policy = await accounts.get_policy(tx, context.account_id)
            current = await users.find_by_id(tx, context.account_id, found.user.id)
            state = await second_factor.get_state(tx, context.account_id, found.user.id)
            authenticators = await second_factor.list_authenticators(tx, context.account_id, found.user.id)
            turned_on = state is None or (state.turned_on_by_user and bool(authenticators))
            refused = turned_on or current is None or current.version != found.version or not is_open(policy)
            if refused:
                await refuse_password(tx, context, found)
            else:
                await refund_password_attempt(tx, context, filled)
    if refused or found is None:
        raise invalid_credentials()
    await refund_shared_buckets(services.database, context, filled)
    return found.user, policy, bool(authenticators)
