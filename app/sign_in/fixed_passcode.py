"""Completing a sign-in with the test passcode, in test accounts only."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.assurance import TEST_PASSCODE
from app.core.callers import RequestContext
from app.core.errors import Refusal
from app.database.engine import Database
from app.second_factor import repository as second_factor
from app.second_factor.fixed_passcode import FIXED_PASSCODE, is_test_passcode
from app.second_factor.kinds.kind import Accepted
from app.second_factor.passcode import SixDigits
from app.second_factor.rules import Authenticator
from app.second_factor.trusted_devices.use_cases import find_replaced
from app.second_factor.use_cases import Attempt, refusal_of
from app.sign_in.challenging.use_cases import lock_sign_in
from app.sign_in.completing import complete_with_second_factor, expired
from app.sign_in.outcomes import Completed, Device
from app.sign_in.repository import FoundSignIn


async def accept_test_passcode(
    database: Database, context: RequestContext, sign_in_token: str, attempt: Attempt, device: Device
) -> Completed | Refusal | None:
    """Complete the sign-in if the attempt is the test passcode of a user who has it.

    Otherwise returns None: then the attempt is judged and counted like any other. The throttle applies as always.
    Raises the same as `submit_passcode`, except `Unavailable`.
    """
    if not context.in_test_account or attempt.passcode != SixDigits(FIXED_PASSCODE):
        return None
    async with database.begin() as tx:
        found, known = await lock_sign_in(tx, context, sign_in_token)
        named = next((one for one in known if attempt.authenticator_id in (None, one.id)), None)
        if named is None or not await is_test_passcode(tx, context, found.sign_in.user_id, FIXED_PASSCODE):
            return None
        return refusal_of(found.state, context, attempt) or await _complete(tx, context, found, named, device)


async def _complete(
    tx: AsyncConnection, context: RequestContext, found: FoundSignIn, named: Authenticator, device: Device
) -> Completed:
    user_id = found.sign_in.user_id
    await second_factor.store_accepted(tx, context.account_id, Accepted(named.id), now=context.now)
    await second_factor.reset_failures(tx, context.account_id, user_id, now=context.now)
    replaces = await find_replaced(tx, context, user_id, device.tokens_of(user_id))
    completed = await complete_with_second_factor(
        tx, context, found, found.state, method=TEST_PASSCODE, device=device, replaces=replaces
    )
    if completed is None:
        raise expired()
    return completed
