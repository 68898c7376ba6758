"""Who is calling, decided in one place: credential, then role, then freshness. Every route declares its own."""

from dataclasses import dataclass
from typing import Annotated, Literal, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from app.assurance import is_fresh
from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.callers import ADMINS, EVERYBODY, TEAM, Caller, Role, Visitor
from app.errors import Forbidden, StepUpRequired, Unauthenticated
from app.services import Services
from app.sessions.repository import SessionOwner
from app.sessions.use_cases import find_session, keep_alive
from app.web.dependencies import AtTheDoor, get_services
from app.web.routes import refuse_unexpected_body

_bearer = HTTPBearer(auto_error=False, scheme_name="session", description="A session token, `pgs_...`.")


@dataclass(frozen=True)
class Allow:
    """What a route asks of its caller: a session of one of `roles`, and whether it must be `fresh`."""

    roles: frozenset[Role] = EVERYBODY
    fresh: Literal["no", "yes", "for_enrolling"] = "no"

    async def __call__(
        self, request: Request, visitor: AtTheDoor, _: Annotated[object, Security(_bearer)]
    ) -> Caller:
        """Return the caller; raises `Unauthenticated`, `Forbidden` or `StepUpRequired`, in this order."""
        services = get_services(request)
        owner = await _find_owner(services, visitor, request)
        request.state.owner = owner
        caller = _caller(visitor, owner)
        if caller.role not in self.roles:
            await _record_denied(services, caller, request)
            raise Forbidden("Your role does not allow this.")
        if self.fresh != "no" and not is_fresh(caller, for_enrolling=self.fresh == "for_enrolling"):
            raise StepUpRequired("Prove your second factor again (POST /session/step-up).")
        refuse_unexpected_body(request)
        return caller


async def _find_owner(services: Services, visitor: Visitor, request: Request) -> SessionOwner:
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    owner = None
    if scheme.lower() == "bearer":
        async with services.database.read() as tx:
            owner = await find_session(tx, visitor.account_id, token.strip(" "), visitor.now)
    if owner is None:
        raise Unauthenticated("Sign in first: this call needs the token of a living session.")
    return await keep_alive(services.database, visitor.account_id, owner, visitor.now)


def _caller(visitor: Visitor, owner: SessionOwner) -> Caller:
    return Caller(
        visitor=visitor,
        credential="session",
        user_id=owner.user.id,
        session_id=owner.session.id,
        email=owner.user.email,
        role=owner.user.role,
        has_authenticator=owner.has_authenticator,
        required_by_account=owner.policy.requires_two_factor_of(owner.user.role),
        first_factor_at=owner.session.first_factor_at,
        second_factor_at=owner.session.second_factor_at,
    )


async def _record_denied(services: Services, caller: Caller, request: Request) -> None:
    details = {"method": request.method, "route": request.scope["route"].path}
    async with services.database.begin() as tx:
        await record_act(tx, caller, Event(EventType.ACCESS_DENIED, details=details))


def get_owner(request: Request) -> SessionOwner:
    """Return the session, user and policy behind the caller; ask for the caller first."""
    return cast("SessionOwner", request.state.owner)


Signed = Annotated[Caller, Depends(Allow())]
FreshlySigned = Annotated[Caller, Depends(Allow(fresh="yes"))]
Enrolling = Annotated[Caller, Depends(Allow(fresh="for_enrolling"))]
TeamMember = Annotated[Caller, Depends(Allow(roles=TEAM))]
Admin = Annotated[Caller, Depends(Allow(roles=ADMINS))]
FreshAdmin = Annotated[Caller, Depends(Allow(roles=ADMINS, fresh="yes"))]
Owner = Annotated[SessionOwner, Depends(get_owner)]
