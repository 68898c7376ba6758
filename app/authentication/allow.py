"""Who may call a route: checks the credential, then role and scope, then freshness."""

from dataclasses import dataclass
from typing import Annotated, Literal, cast

from fastapi import Depends, Request

from app.accounts.rules import SecurityPolicy
from app.audit.repository import record_act
from app.audit.rules import Event, EventType
from app.authentication.context import request_context_of
from app.authentication.credentials import Identified, identify
from app.authentication.routes import refuse_unexpected_input
from app.core.assurance import is_fresh
from app.core.callers import ADMINS, EVERYBODY, TEAM, Caller, Credential, Role
from app.core.errors import Forbidden, Refusal, StepUpRequired
from app.credentials.api_tokens.rules import Scope
from app.services import Services
from app.sessions.repository import SessionOwner
from app.web.dependencies import services_of
from app.web.guards import Guard


@dataclass(frozen=True)
class Allow(Guard):
    """Which callers a route allows, as a FastAPI dependency that returns the caller.

    The caller must have one of `roles`. A session is allowed unless `session` is false; an API token if `scope` is
    set and the token has it; a password if `password` is true. `fresh` is not checked for API tokens.
    """

    roles: frozenset[Role] = EVERYBODY
    fresh: Literal["no", "yes", "for_enrolling"] = "no"
    scope: Scope | None = None
    password: bool = False
    session: bool = True

    async def __call__(self, request: Request) -> Caller:
        """Return the caller; raises `Unauthenticated`, `Forbidden`, `StepUpRequired`, in this order.

        A caller who must set up 2FA before the session can be fresh gets `Forbidden` instead of `StepUpRequired`.
        """
        services, context = services_of(request), request_context_of(request)
        identified = await identify(services, context, request.headers.getlist("authorization"))
        caller = identified.caller
        request.state.identified = identified
        request.state.by_password = caller.credential is Credential.PASSWORD
        refusal = self._refusal(caller)
        if refusal is not None:
            await _record_denied(services, caller, request, refusal)
            raise refusal
        asked = self.fresh != "no" and caller.credential is not Credential.API_TOKEN
        if asked and not is_fresh(caller, for_enrolling=self.fresh == "for_enrolling"):
            raise _not_fresh(request, caller, for_enrolling=self.fresh == "for_enrolling")
        refuse_unexpected_input(request)
        return caller

    @property
    def schemes(self) -> list[str]:
        """The names of the security schemes that it accepts."""
        allowed = {"session": self.session, "api_token": self.scope is not None, "password": self.password}
        return [name for name, is_allowed in allowed.items() if is_allowed]

    @property
    def problem_codes(self) -> list[str]:
        """The codes of the problems that it can answer.

        A password is judged before the route decides whether it accepts one, so every route can answer its codes.
        """
        possible = {
            "unauthenticated": True,
            "invalid_credentials": True,
            "password_access_off": True,
            "too_many_requests": True,
            "session_required": self.scope is None or not self.password,
            "scope_missing": self.scope is not None,
            "forbidden": self.roles != EVERYBODY or not self.session,
            "two_factor_setup_required": self.fresh != "no",
            "step_up_required": self.fresh != "no",
        }
        return [code for code, is_possible in possible.items() if is_possible]

    def _refusal(self, caller: Caller) -> Refusal | None:
        allowed = {
            Credential.SESSION: True,
            Credential.API_TOKEN: self.scope is not None,
            Credential.PASSWORD: self.password,
        }
        if not allowed[caller.credential]:
            return Forbidden("Only a session may do this.", code="session_required")
        if caller.credential is Credential.API_TOKEN and self.scope not in caller.scopes:
            return Forbidden("The API token does not have the scope for this.", code="scope_missing")
        if caller.credential is Credential.SESSION and not self.session:
            return Forbidden("Only an API token may do this.")
        if caller.role not in self.roles:
            return Forbidden("Your role does not allow this.")
        return None


def _not_fresh(request: Request, caller: Caller, *, for_enrolling: bool) -> Refusal:
    """Return the refusal that says what makes this caller's session fresh."""
    if caller.must_set_up_two_factor and not for_enrolling:
        return two_factor_setup_required(request)
    if caller.has_authenticator:
        return StepUpRequired("Prove your second factor again: a passcode to POST /session/step-up.")
    return StepUpRequired(
        "Prove your password again (POST /session/step-up), or sign in again by your identity provider."
    )


def two_factor_setup_required(request: Request) -> Refusal:
    """Return the refusal of a caller of whom the account requires 2FA, and who must set it up first.

    No step-up changes this; `enroll_at` is the path where the caller begins an enrollment.
    """
    return Forbidden(
        "Set up two-factor authentication first (POST /users/me/two-factor/enrollments): the account requires it.",
        code="two_factor_setup_required",
        enroll_at=f"/v1/accounts/{request.path_params['account']}/users/me/two-factor/enrollments",
    )


async def _record_denied(services: Services, caller: Caller, request: Request, refusal: Refusal) -> None:
    details = {"method": request.method, "route": request.scope["route"].path, "code": refusal.code}
    async with services.database.begin() as tx:
        await record_act(tx, caller, Event(EventType.ACCESS_DENIED, details=details))


def _identified(request: Request) -> Identified:
    return cast("Identified", request.state.identified)


async def get_owner(request: Request) -> SessionOwner:
    """Return the session, user and policy of a caller with a session.

    An `Allow` dependency must come before it.
    """
    owner = _identified(request).session
    if owner is None:
        raise RuntimeError("a route that allows other credentials than a session depends on the session")
    return owner


async def get_policy(request: Request) -> SecurityPolicy:
    """Return the account's policy as read when the caller was identified.

    An `Allow` dependency must come before it.
    """
    return _identified(request).policy


SessionCaller = Annotated[Caller, Depends(Allow())]
FreshSessionCaller = Annotated[Caller, Depends(Allow(fresh="yes"))]
Enrolling = Annotated[Caller, Depends(Allow(fresh="for_enrolling"))]
Admin = Annotated[Caller, Depends(Allow(roles=ADMINS))]
AdminReader = Annotated[Caller, Depends(Allow(roles=ADMINS, password=True))]
FreshAdmin = Annotated[Caller, Depends(Allow(roles=ADMINS, fresh="yes"))]
Authorizing = Annotated[Caller, Depends(Allow(scope=Scope.API, password=True))]
TeamReader = Annotated[Caller, Depends(Allow(roles=TEAM, scope=Scope.USERS_READ, password=True))]
UsersReader = Annotated[Caller, Depends(Allow(roles=ADMINS, scope=Scope.USERS_READ, password=True))]
UsersWriter = Annotated[Caller, Depends(Allow(roles=ADMINS, fresh="yes", scope=Scope.USERS_WRITE))]
FreshOwner = Annotated[Caller, Depends(Allow(roles=frozenset({Role.OWNER}), fresh="yes"))]
AuditReader = Annotated[Caller, Depends(Allow(roles=ADMINS, scope=Scope.AUDIT_READ, password=True))]
PolicyReader = Annotated[Caller, Depends(Allow(roles=TEAM, scope=Scope.POLICY_READ, password=True))]
Asserting = Annotated[Caller, Depends(Allow(roles=ADMINS, scope=Scope.SIGN_INS, session=False))]
Owner = Annotated[SessionOwner, Depends(get_owner)]
Policy = Annotated[SecurityPolicy, Depends(get_policy)]
