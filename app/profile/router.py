"""HTTP for the user's own record; a session is needed."""

from fastapi import APIRouter

from app.accounts.users.schemas import UserDetails
from app.authentication.allow import Owner, SessionCaller
from app.authentication.routes import AccountRoute
from app.credentials.links.answers import describe_user
from app.profile import use_cases
from app.profile.schemas import ProfileChange
from app.web.dependencies import AppServices

router = APIRouter(tags=["users"], route_class=AccountRoute)


@router.get("/users/me", operation_id="getMyProfile")
async def get_my_profile(services: AppServices, caller: SessionCaller, owner: Owner) -> UserDetails:
    """Show me."""
    async with services.database.read() as tx:
        return await describe_user(tx, caller.context, owner.user)


@router.patch("/users/me", operation_id="changeMyProfile")
async def change_my_profile(services: AppServices, caller: SessionCaller, body: ProfileChange) -> UserDetails:
    """Change my name and locale; the locale chooses the language of my e-mails."""
    async with services.database.begin() as tx:
        changed = await use_cases.change_profile(tx, caller, body.model_dump(exclude_unset=True))
        return await describe_user(tx, caller.context, changed)
