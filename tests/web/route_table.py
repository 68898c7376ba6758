"""Every call of the API: who may make it, its body, and the answer to an allowed caller.

Maintained by hand from docs/api.md. A route that has no entry here fails `test_routes.py`.
"""

from dataclasses import dataclass
from typing import Any, Literal

from app.core.callers import Role

OWNER = frozenset({Role.OWNER})
ADMINS = OWNER | {Role.ADMIN}
TEAM = ADMINS | {Role.AGENT}
EVERYBODY = frozenset(Role)
PUBLIC: frozenset[Role] = frozenset()

# An id that nothing has, and secrets that are not valid.
SOME_ID = "01900000-0000-7000-8000-00000000abcd"
SIGN_IN_TOKEN = "pgi_" + "A" * 43
LINK_TOKEN = "pgp_" + "A" * 43


@dataclass(frozen=True)
class Call:
    """One method of one path under an account; without roles, no credential is needed.

    `answer` is what an allowed caller gets: a user without authenticator, in a fresh session by password. An API
    token may call where a `scope` is given, and a password where `password` is true. If `session` is false,
    sessions may not call.
    """

    method: str
    path: str
    roles: frozenset[Role]
    answer: tuple[int, str | None]
    fresh: Literal["no", "yes", "for_enrolling"] = "no"
    body: dict[str, Any] | None = None
    scope: str | None = None
    password: bool = False
    session: bool = True

    @property
    def sent_to(self) -> str:
        """The path with an id in place of each parameter."""
        return "/".join(SOME_ID if part.startswith("{") else part for part in self.path.split("/"))

    @property
    def name(self) -> str:
        """The name in the test report."""
        return f"{self.method} {self.path}"


_ME = "/users/me/two-factor"
_PASSCODE = {"passcode": "123456"}
_SIGN_IN = {"sign_in_token": SIGN_IN_TOKEN}
_CREDENTIALS = {"email": "nobody@example.com", "password": "some password"}
_NEW_PASSWORD = {"current_password": "not the one", "new_password": "correct horse battery staple"}
_REDEMPTION = {"token": LINK_TOKEN, "new_password": "correct horse battery staple"}
_AUDIENCE = {"audience": "https://api.example.com"}
_NEW_USER = {"email": "new@example.com", "name": "New", "role": "agent"}
_NEW_TOKEN = {"description": "a job", "scopes": ["api"]}

_SIGN_IN_EXPIRED = (401, "sign_in_expired")
_LINK_EXPIRED = (410, "link_expired")
_MISSING = (404, "not_found")
_NO_AUTHENTICATOR = (409, "no_authenticator")
_ONLY_THE_USER = (403, "only_the_user_can_turn_off")
_OK, _CREATED, _ACCEPTED, _NO_CONTENT = (200, None), (201, None), (202, None), (204, None)

_PUBLIC_CALLS = (
    Call("POST", "/sign-ins", PUBLIC, (401, "invalid_credentials"), body=_CREDENTIALS),
    Call("POST", "/sign-ins/passcode", PUBLIC, _SIGN_IN_EXPIRED, body=_SIGN_IN | _PASSCODE),
    Call("POST", "/sign-ins/enrollments", PUBLIC, _SIGN_IN_EXPIRED, body=_SIGN_IN | {"kind": "totp"}),
    Call("POST", "/sign-ins/enrollments/{id}/confirmation", PUBLIC, _SIGN_IN_EXPIRED, body=_SIGN_IN | _PASSCODE),
    Call("POST", "/password-links", PUBLIC, _ACCEPTED, body={"email": "nobody@example.com"}),
    Call("POST", "/password-links/redemption", PUBLIC, _LINK_EXPIRED, body=_REDEMPTION),
    Call("POST", "/report-downloads", PUBLIC, _LINK_EXPIRED, body={"token": LINK_TOKEN}),
    Call("POST", "/link-details", PUBLIC, _LINK_EXPIRED, body={"token": LINK_TOKEN}),
    Call("POST", "/report-link-details", PUBLIC, _LINK_EXPIRED, body={"token": LINK_TOKEN}),
    Call("POST", "/email-confirmations", PUBLIC, _LINK_EXPIRED, body={"token": LINK_TOKEN}),
    Call("POST", "/email-changes/stop", PUBLIC, _LINK_EXPIRED, body={"token": LINK_TOKEN}),
)
_OWN_CALLS = (
    Call("GET", "/session", EVERYBODY, _OK),
    Call("DELETE", "/session", EVERYBODY, _NO_CONTENT),
    Call("GET", "/authorize", EVERYBODY, _NO_CONTENT, scope="api", password=True),
    Call("POST", "/session/step-up", EVERYBODY, _NO_AUTHENTICATOR, body=_PASSCODE),
    Call("POST", "/session/identity-token", EVERYBODY, _OK, body=_AUDIENCE),
    Call("GET", "/users/me", EVERYBODY, _OK),
    Call("PATCH", "/users/me", EVERYBODY, _OK, body={"name": "New", "locale": "de-AT"}),
    Call("GET", "/users/me/sessions", EVERYBODY, _OK),
    Call("DELETE", "/users/me/sessions", EVERYBODY, _NO_CONTENT),
    Call("DELETE", "/users/me/sessions/{id}", EVERYBODY, _MISSING),
    Call("GET", _ME, EVERYBODY, _OK),
    Call("PATCH", _ME, EVERYBODY, _OK, body={"passcode_frequency": "every_sign_in"}),
    Call("PUT", f"{_ME}/turned-on", EVERYBODY, _NO_AUTHENTICATOR, fresh="yes"),
    Call("DELETE", _ME, EVERYBODY, _NO_CONTENT, fresh="yes"),
    Call("POST", f"{_ME}/enrollments", EVERYBODY, _CREATED, fresh="for_enrolling", body={"kind": "totp"}),
    Call("POST", f"{_ME}/enrollments/{{id}}/confirmation", EVERYBODY, _MISSING, body=_PASSCODE),
    Call("PATCH", f"{_ME}/authenticators/{{id}}", EVERYBODY, _MISSING, body={"label": "Phone"}),
    Call("DELETE", f"{_ME}/authenticators/{{id}}", EVERYBODY, _MISSING, fresh="yes"),
    Call("POST", f"{_ME}/recovery-codes", EVERYBODY, _NO_AUTHENTICATOR, fresh="yes"),
    Call("GET", "/users/me/trusted-devices", EVERYBODY, _OK),
    Call("DELETE", "/users/me/trusted-devices", EVERYBODY, _NO_CONTENT),
    Call("DELETE", "/users/me/trusted-devices/{id}", EVERYBODY, _MISSING),
    Call("PUT", "/users/me/password", EVERYBODY, (401, "invalid_credentials"), fresh="yes", body=_NEW_PASSWORD),
)
_PROVIDER = {"type": "jwt", "secret": "a secret of thirty-two bytes or more"}
_SSO_CALLS = (
    Call("POST", "/sign-ins/jwt", PUBLIC, _MISSING, body={"provider": "intranet", "token": "a.b.c"}),
    Call(
        "POST",
        "/sign-ins/oidc",
        PUBLIC,
        _MISSING,
        body={"provider": "intranet", "id_token": "a.b.c", "nonce": "pgo_" + "A" * 43},
    ),
    Call("POST", "/sign-ins/oidc/nonces", PUBLIC, _CREATED),
    Call("POST", "/sign-ins/exchange", PUBLIC, _SIGN_IN_EXPIRED, body={"code": "pgc_" + "A" * 43}),
    Call("GET", "/sso-providers", ADMINS, _OK, fresh="yes"),
    Call("GET", "/sso-providers/{name}", ADMINS, _MISSING, fresh="yes"),
    Call("PUT", "/sso-providers/{name}", ADMINS, _CREATED, fresh="yes", body=_PROVIDER),
    Call("DELETE", "/sso-providers/{name}", ADMINS, _MISSING, fresh="yes"),
    Call(
        "POST",
        "/sign-ins/assertions",
        ADMINS,
        (403, "forbidden"),
        body={"first_factor": "password", "user_id": SOME_ID},
        scope="sign_ins",
        session=False,
    ),
)
_RECOVERY_CODES = "/users/{id}/two-factor/recovery-codes"
_ADMINISTRATION = (
    Call("GET", "/security-policy", TEAM, _OK, scope="policy:read", password=True),
    Call("PATCH", "/security-policy", ADMINS, _OK, fresh="yes", body={"trusted_device_days": 7}),
    Call("GET", "/security-policy/preview", ADMINS, _OK, password=True),
    Call("DELETE", "/users/{id}/two-factor", EVERYBODY, _ONLY_THE_USER),
    Call("POST", _RECOVERY_CODES, ADMINS, _MISSING, fresh="yes", body={"reason": "lost the phone"}),
    Call("GET", "/users", TEAM, _OK, scope="users:read", password=True),
    Call("POST", "/users", ADMINS, _CREATED, fresh="yes", body=_NEW_USER, scope="users:write"),
    Call(
        "POST", "/service-accounts", ADMINS, _CREATED, fresh="yes", body={"name": "Nightly job", "role": "agent"}
    ),
    Call("GET", "/users/{id}", TEAM, _MISSING, scope="users:read", password=True),
    Call("PATCH", "/users/{id}", ADMINS, _MISSING, fresh="yes", body={"name": "New"}, scope="users:write"),
    Call("DELETE", "/users/{id}", ADMINS, _MISSING, fresh="yes", scope="users:write"),
    Call("POST", "/ownership", OWNER, _MISSING, fresh="yes", body={"user_id": SOME_ID}),
    Call("GET", "/users/{id}/two-factor", ADMINS, _MISSING, scope="users:read", password=True),
    Call("GET", "/users/{id}/trusted-devices", ADMINS, _MISSING, password=True),
    Call("DELETE", "/users/{id}/trusted-devices", ADMINS, _MISSING),
    Call("GET", "/users/{id}/sessions", ADMINS, _MISSING, password=True),
    Call("DELETE", "/users/{id}/sessions", ADMINS, _MISSING),
    Call("POST", "/api-tokens", ADMINS, _CREATED, fresh="yes", body=_NEW_TOKEN),
    Call("GET", "/api-tokens", ADMINS, _OK, password=True),
    Call("DELETE", "/api-tokens/{id}", ADMINS, _MISSING),
    Call("GET", "/audit-events", ADMINS, _OK, scope="audit:read", password=True),
)
_REPORTS = (
    Call("POST", "/reports", ADMINS, _ACCEPTED, fresh="yes", body={"type": "two_factor_status"}, scope="reports"),
    Call("GET", "/reports", ADMINS, _OK, scope="reports", password=True),
    Call("GET", "/reports/{id}", ADMINS, _MISSING, scope="reports", password=True),
    Call("GET", "/reports/{id}/csv", ADMINS, _MISSING, fresh="yes", scope="reports"),
)
CALLS = _PUBLIC_CALLS + _OWN_CALLS + _SSO_CALLS + _ADMINISTRATION + _REPORTS

# Outside every account, without a credential.
ROOT = {
    "GET /healthz",
    "GET /readyz",
    "GET /client-address",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{name}",
    "GET /.well-known/jwks.json",
    "GET /problems/{code}",
    "GET /links/page.{kind}",
    "GET /links/{account}/{kind}",
}

# Under an account, for browser logins at an identity provider: no credential of ours, no JSON.
BROWSER = {
    "GET /sso/{name}/callback",
    "GET /sso/{name}/login",
    "GET /sso/{name}/metadata",
    "POST /sso/{name}/acs",
}

WITH_BODY = tuple(call for call in CALLS if call.body is not None)
WITHOUT_BODY = tuple(call for call in CALLS if call.body is None)
