"""HTTP for sessions: who is signed in, stepping up, signing out, and the list of one's own."""

import string
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Response

from app.accounts.users import repository as users
from app.accounts.users.schemas import User
from app.authentication.allow import Authorizing, Owner, Signed
from app.authentication.routes import AccountRoute
from app.core.assurance import assurance
from app.core.callers import Caller, Role
from app.core.errors import InvalidRequest, Unauthenticated, invalid_field
from app.second_factor.passcode import RecoveryCode, TotpPasscode
from app.second_factor.settings.use_cases import no_authenticator
from app.second_factor.use_cases import prepare_attempt
from app.services import Services
from app.sessions import repository, rules, use_cases
from app.sessions.schemas import MySession, Session, StepUp
from app.throttling.rules import buckets
from app.throttling.use_cases import counted_password_attempt, give_address_back, take_password_attempt_back
from app.web.dependencies import AppServices, accepted
from app.web.pages import Page, PageAsked, Paged
from app.web.problems import problems
from app.web.wire import PathId

router = APIRouter(tags=["session"], route_class=AccountRoute)


def show_session(session: rules.Session, role: Role, *, current: bool) -> Session:
    """Return the session of a user with this role as the wire carries it."""
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
    services: Services, caller: Caller, user_id: UUID, role: Role, page: PageAsked
) -> Page[Session]:
    """Return a page of the living sessions of a user with this role, newest first."""
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


@router.get("/session", operation_id="getSession", responses=problems(401, 403))
async def get_session(caller: Signed, owner: Owner) -> MySession:
    """Show who is signed in, and how."""
    shown = show_session(owner.session, caller.role, current=True)
    return MySession(session=shown, user=User.model_validate(owner.user))


@router.delete("/session", status_code=204, operation_id="signOut", responses=problems(401, 403))
async def sign_out(services: AppServices, caller: Signed) -> None:
    """Sign out."""
    async with services.database.begin() as tx:
        await use_cases.end_my_session(tx, caller, caller.session_id)


@router.get("/authorize", status_code=204, operation_id="authorize", responses=problems(403))
async def authorize(caller: Authorizing, response: Response) -> None:
    """Say whether the credential is good, and whose: for a gateway in front of another API.

    An e-mail address with characters beyond ASCII is percent-encoded in its header.
    """
    response.headers["Passgate-User-Id"] = str(caller.user_id)
    response.headers["Passgate-User-Email"] = quote(caller.email, safe=string.punctuation)
    response.headers["Passgate-User-Role"] = caller.role.value
    response.headers["Passgate-Credential"] = caller.credential.value
    response.headers["Passgate-Assurance"] = assurance(caller.second_factor_at)


@router.post("/session/step-up", operation_id="stepUp", responses=problems(401, 403, 409, 422, 429, 503))
async def step_up(services: AppServices, caller: Signed, owner: Owner, body: StepUp) -> Session:
    """Prove the second factor again, or the password where there is none: the session is fresh for 10 minutes."""
    if body.passcode is not None and body.password is None:
        session = await _by_passcode(services, caller, owner.session, body.passcode)
    elif body.password is not None and body.passcode is None:
        session = await _by_password(services, caller, owner.session, body.password)
    else:
        raise InvalidRequest("Send either a passcode or a password.")
    return show_session(session, caller.role, current=True)


async def _by_passcode(
    services: Services, caller: Caller, session: rules.Session, passcode: TotpPasscode | RecoveryCode
) -> rules.Session:
    if not caller.has_authenticator:
        raise no_authenticator()
    attempt = await prepare_attempt(services.database, services.hasher, caller.context, caller.user_id, passcode)
    async with services.database.begin() as tx:
        outcome = await use_cases.step_up_by_passcode(tx, caller, session, services.sealer, attempt)
    return accepted(outcome)


async def _by_password(services: Services, caller: Caller, session: rules.Session, password: str) -> rules.Session:
    if caller.has_authenticator:
        raise invalid_field("/password", "not_allowed", "A user with an authenticator sends a passcode.")
    async with services.database.read() as tx:
        found = await users.find_by_id(tx, caller.account_id, caller.user_id)
    # A session is a device that the user is known on: what outsiders guess elsewhere does not stop them here.
    filled = buckets(services.password_limits, email=caller.email, ip=caller.context.ip, known_device=True)
    async with counted_password_attempt(services.database, caller.context, filled):
        check = await services.hasher.verify_password(found.password_hash if found else None, password)
    if found is None or not check.matches:
        raise Unauthenticated("The password is not correct.", code="invalid_credentials")
    async with services.database.begin() as tx:
        stepped_up = await use_cases.step_up_by_password(tx, caller, session, found)
        await take_password_attempt_back(tx, caller.context, filled)
    await give_address_back(services.database, caller.context, filled)
    return stepped_up


@router.get("/users/me/sessions", operation_id="listMySessions", responses=problems(401, 403, 422))
async def list_my_sessions(services: AppServices, caller: Signed, page: Paged) -> Page[Session]:
    """List my living sessions, newest first."""
    return await show_sessions(services, caller, caller.user_id, caller.role, page)


@router.delete(
    "/users/me/sessions", status_code=204, operation_id="endMyOtherSessions", responses=problems(401, 403)
)
async def end_my_other_sessions(services: AppServices, caller: Signed) -> None:
    """End all my sessions but this one."""
    async with services.database.begin() as tx:
        await use_cases.end_my_other_sessions(tx, caller)


@router.delete(
    "/users/me/sessions/{session_id}",
    status_code=204,
    operation_id="endMySession",
    responses=problems(401, 403, 404),
)
async def end_my_session(services: AppServices, caller: Signed, session_id: PathId) -> None:
    """End one of my sessions."""
    async with services.database.begin() as tx:
        await use_cases.end_my_session(tx, caller, session_id)
