"""HTTP for two-factor settings: the user's own, and what an admin may do for another user."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.accounts.rules import SecurityPolicy
from app.authentication.allow import FreshAdmin, FreshSessionCaller, Policy, SessionCaller
from app.authentication.routes import AccountRoute
from app.core.callers import Caller
from app.idempotency.answers import KEY_PROBLEMS, IdempotencyKey, answer_once
from app.second_factor.recovery_codes.use_cases import NewCodes, make_codes
from app.second_factor.settings import use_cases
from app.second_factor.settings.schemas import (
    Authenticator,
    AuthenticatorChange,
    RecoveryCodes,
    RecoveryCodesForUser,
    TwoFactor,
    TwoFactorChange,
)
from app.services import Services
from app.web.dependencies import AppServices, accepted
from app.web.problems import problems
from app.web.wire import PathId

router = APIRouter(tags=["two-factor"], route_class=AccountRoute)


async def _show(services: Services, caller: Caller, policy: SecurityPolicy) -> TwoFactor:
    async with services.database.read() as tx:
        shown = await use_cases.show_two_factor(tx, caller.context, caller.user_id, caller.role, policy)
    return TwoFactor.model_validate(shown)


@router.get("/users/me/two-factor", operation_id="getMyTwoFactor")
async def get_my_two_factor(services: AppServices, caller: SessionCaller, policy: Policy) -> TwoFactor:
    """Show my two-factor settings."""
    return await _show(services, caller, policy)


@router.patch("/users/me/two-factor", operation_id="changeMyTwoFactor")
async def change_my_two_factor(
    services: AppServices, caller: SessionCaller, policy: Policy, body: TwoFactorChange
) -> TwoFactor:
    """Choose whether a trusted device needs a passcode every 30 days or at every sign-in."""
    if "passcode_frequency" in body.model_fields_set:
        async with services.database.begin() as tx:
            await use_cases.set_passcode_frequency(tx, caller, body.passcode_frequency)
    return await _show(services, caller, policy)


@router.put(
    "/users/me/two-factor/turned-on", operation_id="keepMyTwoFactor", responses=problems("no_authenticator")
)
async def keep_my_two_factor(services: AppServices, caller: FreshSessionCaller, policy: Policy) -> TwoFactor:
    """Keep 2FA on for me, whatever the account requires. Needs a fresh second factor."""
    async with services.database.begin() as tx:
        await use_cases.keep_turned_on(tx, caller)
    return await _show(services, caller, policy)


@router.delete(
    "/users/me/two-factor",
    status_code=204,
    operation_id="turnMyTwoFactorOff",
    responses=problems("two_factor_required"),
)
async def turn_my_two_factor_off(services: AppServices, caller: FreshSessionCaller) -> None:
    """Turn my 2FA off. Needs a fresh second factor.

    Deletes my authenticators, recovery codes and trusted devices.
    """
    async with services.database.begin() as tx:
        await use_cases.turn_off(tx, caller)


@router.patch("/users/me/two-factor/authenticators/{authenticator_id}", operation_id="renameMyAuthenticator")
async def rename_my_authenticator(
    services: AppServices, caller: SessionCaller, authenticator_id: PathId, body: AuthenticatorChange
) -> Authenticator:
    """Rename an authenticator."""
    label = body.label if "label" in body.model_fields_set else None
    async with services.database.begin() as tx:
        found = await use_cases.rename_authenticator(tx, caller, authenticator_id, label)
    return Authenticator.model_validate(found)


@router.delete(
    "/users/me/two-factor/authenticators/{authenticator_id}",
    status_code=204,
    operation_id="removeMyAuthenticator",
    responses=problems("last_authenticator"),
)
async def remove_my_authenticator(
    services: AppServices, caller: FreshSessionCaller, authenticator_id: PathId
) -> None:
    """Remove an authenticator, unless it is the only one. Needs a fresh second factor."""
    async with services.database.begin() as tx:
        await use_cases.remove_authenticator(tx, caller, authenticator_id)


@router.post(
    "/users/me/two-factor/recovery-codes",
    status_code=201,
    operation_id="renewMyRecoveryCodes",
    response_model=RecoveryCodes,
    responses=problems("no_authenticator", *KEY_PROBLEMS),
)
async def renew_my_recovery_codes(
    services: AppServices, caller: FreshSessionCaller, key: IdempotencyKey, response: Response
) -> Response:
    """Get ten new recovery codes; all older ones become void. Needs a fresh second factor."""
    request = key.of_caller(services.sealer, caller) if key else None
    codes = await make_codes(services.hasher, caller.now)
    async with services.database.begin() as tx:
        outcome = await use_cases.renew_own_recovery_codes(tx, caller, codes, request)
        answer = await answer_once(tx, request, outcome, response, _show_codes)
    return accepted(answer)


def _show_codes(codes: NewCodes) -> RecoveryCodes:
    return RecoveryCodes(recovery_codes=codes.shown)


@router.post(
    "/users/{user_id}/two-factor/recovery-codes",
    status_code=201,
    operation_id="renewRecoveryCodesOfUser",
    response_model=RecoveryCodes,
    responses=problems("no_authenticator", *KEY_PROBLEMS),
)
async def renew_recovery_codes_of_user(
    services: AppServices,
    caller: FreshAdmin,
    key: IdempotencyKey,
    response: Response,
    user_id: PathId,
    body: RecoveryCodesForUser,
) -> Response:
    """Give a user who lost theirs ten new recovery codes. Needs a fresh second factor.

    All older codes become void.
    """
    request = key.of_caller(services.sealer, caller) if key else None
    codes = await make_codes(services.hasher, caller.now)
    async with services.database.begin() as tx:
        outcome = await use_cases.renew_recovery_codes_of(
            tx, caller, user_id, codes, reason=body.reason, request=request
        )
        answer = await answer_once(tx, request, outcome, response, _show_codes)
    return accepted(answer)


@router.delete(
    "/users/{user_id}/two-factor",
    status_code=204,
    operation_id="turnTwoFactorOffForUser",
    responses=problems("only_the_user_can_turn_off"),
)
async def turn_two_factor_off_for_user(services: AppServices, caller: SessionCaller, user_id: str) -> None:
    """Refuse, always: nobody can turn off another user's second factor."""
    async with services.database.begin() as tx:
        refusal = await use_cases.refuse_turning_off(tx, caller, _id_or_none(user_id))
    raise refusal


def _id_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
