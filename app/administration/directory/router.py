"""HTTP for the users of an account: the team reads them, admins change them."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator
from sqlalchemy.ext.asyncio import AsyncConnection

from app.accounts.users.rules import User
from app.accounts.users.schemas import KindName, StatusName, UserDetails
from app.accounts.users.use_cases import NewUser as WantedUser
from app.administration.directory import repository, use_cases
from app.administration.directory.repository import UserFilter
from app.administration.directory.schemas import NewServiceAccount, NewUser, OwnershipTransfer, UserChange
from app.authentication.allow import (
    Admin,
    AdminReader,
    FreshAdmin,
    FreshOwner,
    Policy,
    TeamReader,
    UsersReader,
    UsersWriter,
)
from app.authentication.routes import AccountRoute
from app.core.callers import Caller, Role
from app.core.errors import Refusal
from app.credentials.links.answers import describe_user, describe_users
from app.idempotency.answers import KEY_PROBLEMS, IdempotencyKey, answer_once
from app.second_factor.settings.rules import Status as TwoFactorStatus
from app.second_factor.settings.schemas import TwoFactor
from app.second_factor.settings.use_cases import show_two_factor
from app.second_factor.trusted_devices.router import show_devices
from app.second_factor.trusted_devices.schemas import TrustedDevice
from app.sessions.router import show_sessions
from app.sessions.schemas import Session
from app.web.dependencies import AppServices, accepted
from app.web.pages import Page, Paged
from app.web.problems import problems
from app.web.wire import PathId, malformed

router = APIRouter(tags=["users"], route_class=AccountRoute)


def _storable(text: str) -> str:
    if "\0" in text:  # Postgres rejects NUL in text
        raise malformed("A search text has no NUL.")
    return text


Search = Annotated[
    str,
    Query(max_length=200, description="part of a name or of an e-mail address, in any letter case"),
    AfterValidator(_storable),
]


@router.get("/users", operation_id="listUsers")
async def list_users(
    services: AppServices,
    caller: TeamReader,
    policy: Policy,
    page: Paged,
    role: Role | None = None,
    status: StatusName | None = None,
    two_factor: TwoFactorStatus | None = None,
    q: Search | None = None,
    kind: KindName | None = None,
) -> Page[UserDetails]:
    """List the account's users, newest first."""
    wanted = UserFilter(role, status, two_factor, q, kind)
    async with services.database.read() as tx:
        rows = await repository.list_users(
            tx, caller.account_id, policy, wanted, before=page.before, limit=page.fetch
        )
        shown, cursor = page.cut(rows)
        return Page(items=await describe_users(tx, caller.context, shown), next_cursor=cursor)


@router.post(
    "/users",
    status_code=201,
    operation_id="inviteUser",
    response_model=UserDetails,
    responses=problems(409, *KEY_PROBLEMS),
)
async def invite_user(
    services: AppServices,
    caller: UsersWriter,
    key: IdempotencyKey,
    body: NewUser,
    request: Request,
    response: Response,
) -> Response:
    """Create a user and invite them by e-mail. Needs a fresh second factor."""
    wanted = WantedUser(body.email, body.name, Role(body.role), body.external_id, body.locale)
    keyed = key.of_caller(services.sealer, caller) if key else None

    def show(made: UserDetails) -> UserDetails:
        response.headers["Location"] = f"{request.scope['path']}/{made.id}"
        return made

    async with services.database.begin() as tx:
        outcome = await use_cases.invite_user(tx, caller, wanted, keyed)
        described = await describe_user(tx, caller.context, outcome) if isinstance(outcome, User) else outcome
        answer = await answer_once(tx, keyed, described, response, show)
    return accepted(answer)


@router.post("/service-accounts", status_code=201, operation_id="makeServiceAccount")
async def make_service_account(
    services: AppServices, caller: FreshAdmin, body: NewServiceAccount, request: Request, response: Response
) -> UserDetails:
    """Create a user of kind `service`, for programs. Needs a fresh second factor."""
    async with services.database.begin() as tx:
        account = await use_cases.make_service_account(tx, caller, body.name, Role(body.role))
        made = await describe_user(tx, caller.context, account)
    response.headers["Location"] = f"{request.scope['path'].removesuffix('/service-accounts')}/users/{made.id}"
    return made


@router.get("/users/{user_id}", operation_id="getUser")
async def get_user(services: AppServices, caller: TeamReader, user_id: PathId) -> UserDetails:
    """Show a user."""
    async with services.database.read() as tx:
        return await describe_user(tx, caller.context, await use_cases.find_user(tx, caller, user_id))


@router.patch("/users/{user_id}", operation_id="changeUser", responses=problems(409))
async def change_user(
    services: AppServices, caller: UsersWriter, user_id: PathId, body: UserChange
) -> UserDetails:
    """Change a user. Needs a fresh second factor.

    A new e-mail address takes effect when the user confirms it by the link sent to it.
    """
    async with services.database.begin() as tx:
        outcome = await _described(tx, caller, await use_cases.change_user(tx, caller, user_id, _changes(body)))
    return accepted(outcome)


async def _described(tx: AsyncConnection, caller: Caller, outcome: User | Refusal) -> UserDetails | Refusal:
    return outcome if isinstance(outcome, Refusal) else await describe_user(tx, caller.context, outcome)


def _changes(body: UserChange) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True)
    return given | ({"role": Role(given["role"])} if "role" in given else {})


@router.delete("/users/{user_id}", status_code=204, operation_id="deleteUser", responses=problems(409))
async def delete_user(services: AppServices, caller: UsersWriter, user_id: PathId) -> None:
    """Delete a user with all personal data. Needs a fresh second factor."""
    async with services.database.begin() as tx:
        refusal = await use_cases.delete_user(tx, caller, user_id)
    accepted(refusal)


@router.post("/ownership", operation_id="handOverOwnership", responses=problems(409))
async def hand_over_ownership(services: AppServices, caller: FreshOwner, body: OwnershipTransfer) -> UserDetails:
    """Make an active admin the owner and yourself an admin. Needs a fresh second factor."""
    async with services.database.begin() as tx:
        return await describe_user(
            tx, caller.context, await use_cases.hand_over_ownership(tx, caller, body.user_id)
        )


@router.get("/users/{user_id}/two-factor", operation_id="getTwoFactorOfUser")
async def get_two_factor_of_user(
    services: AppServices, caller: UsersReader, policy: Policy, user_id: PathId
) -> TwoFactor:
    """Show a user's two-factor settings, without secrets."""
    async with services.database.read() as tx:
        user = await use_cases.find_user(tx, caller, user_id)
        shown = await show_two_factor(tx, caller.context, user.id, user.role, policy)
    if user.is_service:  # no requirement concerns it: its API tokens are exempt
        shown = replace(shown, status="off", required_by_account=False)
    return TwoFactor.model_validate(shown)


@router.get("/users/{user_id}/trusted-devices", operation_id="listTrustedDevicesOfUser")
async def list_trusted_devices_of_user(
    services: AppServices, caller: AdminReader, policy: Policy, user_id: PathId, page: Paged
) -> Page[TrustedDevice]:
    """List the browsers and apps in which a user is not asked for a passcode, newest first."""
    async with services.database.begin() as tx:
        outcome = await use_cases.find_user_to_inspect(tx, caller, user_id)
    user, days = accepted(outcome), policy.trusted_device_days
    return await show_devices(services, caller, user.id, page, policy_days=days)


@router.delete("/users/{user_id}/trusted-devices", status_code=204, operation_id="revokeTrustedDevicesOfUser")
async def revoke_trusted_devices_of_user(services: AppServices, caller: Admin, user_id: PathId) -> None:
    """Revoke all trusted devices of a user, so that each asks for a passcode again."""
    async with services.database.begin() as tx:
        refusal = await use_cases.revoke_devices_of(tx, caller, user_id)
    accepted(refusal)


@router.get("/users/{user_id}/sessions", operation_id="listSessionsOfUser")
async def list_sessions_of_user(
    services: AppServices, caller: AdminReader, user_id: PathId, page: Paged
) -> Page[Session]:
    """List the active sessions of a user, newest first."""
    async with services.database.begin() as tx:
        outcome = await use_cases.find_user_to_inspect(tx, caller, user_id)
    user = accepted(outcome)
    return await show_sessions(services, caller, user.id, user.role, page)


@router.delete("/users/{user_id}/sessions", status_code=204, operation_id="endSessionsOfUser")
async def end_sessions_of_user(services: AppServices, caller: Admin, user_id: PathId) -> None:
    """Sign a user out everywhere."""
    async with services.database.begin() as tx:
        refusal = await use_cases.end_sessions_of(tx, caller, user_id)
    accepted(refusal)
