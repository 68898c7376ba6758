"""HTTP for sessions: the current one, sign-out, `/authorize`, and the list of one's own."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.accounts.users.schemas import User
from app.authentication.allow import Authorizing, Owner, SessionCaller
from app.authentication.routes import AccountRoute
from app.core.callers import Caller, Role
from app.services import Services
from app.sessions import repository, rules, use_cases
from app.sessions.schemas import MySession, Session
from app.web.dependencies import AppServices
from app.web.pages import Page, Paged, PageRequest
from app.web.wire import PathId, header_text

router = APIRouter(tags=["session"], route_class=AccountRoute)


def show_session(session: rules.Session, role: Role, *, current: bool) -> Session:
    """Return the answer schema of a session whose user has this role."""
    return Session(
        id=session.id,
        user_id=session.user_id,
        amr=list(session.amr),
        assurance=session.assurance,
        authenticated_at=session.authenticated_at,
        second_factor_at=session.second_factor_at,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at(role),
        ip=session.ip,
        user_agent=session.user_agent,
        current=current,
    )


async def show_sessions(
    services: Services, caller: Caller, user_id: UUID, role: Role, page: PageRequest
) -> Page[Session]:
    """Return a page of the active sessions of a user with this role, newest first."""
    async with services.database.read() as tx:
        rows = await repository.list_sessions(
            tx,
            caller.account_id,
            user_id,
            lifetime=rules.lifetime_of(role),
            now=caller.now,
            before=page.before,
            limit=page.fetch,
        )
    shown, cursor = page.cut(rows)
    items = [show_session(found, role, current=found.id == caller.session_id) for found in shown]
    return Page(items=items, next_cursor=cursor)


@router.get("/session", operation_id="getSession")
async def get_session(caller: SessionCaller, owner: Owner) -> MySession:
    """Show the current session and its user."""
    shown = show_session(owner.session, caller.role, current=True)
    return MySession(session=shown, user=User.model_validate(owner.user))


@router.delete("/session", status_code=204, operation_id="signOut")
async def sign_out(services: AppServices, caller: SessionCaller) -> None:
    """Sign out."""
    async with services.database.begin() as tx:
        await use_cases.end_my_session(tx, caller, caller.session_id)


@router.get("/authorize", status_code=204, operation_id="authorize")
async def authorize(caller: Authorizing, response: Response) -> None:
    """Check the credential and return its user in headers.

    For a gateway in front of another API. In the e-mail header, `%` and characters other than printable ASCII are
    percent-encoded as UTF-8.
    """
    response.headers["Passgate-User-Id"] = str(caller.user_id)
    response.headers["Passgate-User-Email"] = header_text(caller.email)
    response.headers["Passgate-User-Role"] = caller.role.value
    response.headers["Passgate-Credential"] = caller.credential.value
    response.headers["Passgate-Assurance"] = caller.assurance


@router.get("/users/me/sessions", operation_id="listMySessions")
async def list_my_sessions(services: AppServices, caller: SessionCaller, page: Paged) -> Page[Session]:
    """List my active sessions, newest first."""
    return await show_sessions(services, caller, caller.user_id, caller.role, page)


@router.delete("/users/me/sessions", status_code=204, operation_id="endMyOtherSessions")
async def end_my_other_sessions(services: AppServices, caller: SessionCaller) -> None:
    """End all my sessions except this one."""
    async with services.database.begin() as tx:
        await use_cases.end_my_other_sessions(tx, caller)


@router.delete("/users/me/sessions/{session_id}", status_code=204, operation_id="endMySession")
async def end_my_session(services: AppServices, caller: SessionCaller, session_id: PathId) -> None:
    """End one of my sessions."""
    async with services.database.begin() as tx:
        await use_cases.end_my_session(tx, caller, session_id)
