"""Refusals as HTTP: the status of each kind and code, and problem documents (RFC 9457)."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from app.core import errors
from app.core.errors import InvalidRequest, NotFound, Refusal
from app.web.explanations import EXPLANATIONS
from app.web.field_errors import field_errors

STATUS: dict[type[Refusal], int] = {
    errors.InvalidRequest: 422,
    errors.UnsupportedMediaType: 415,
    errors.TooLarge: 413,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Unauthenticated: 401,
    errors.StepUpRequired: 401,
    errors.Forbidden: 403,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    errors.InternalError: 500,
}

_CODES = "x-problem-codes"  # in the `responses` of a route only; the document has a reference instead

# The codes besides the default one of each kind of refusal.
_SPECIFIC: dict[type[Refusal], tuple[str, ...]] = {
    errors.Unauthenticated: (
        "invalid_credentials",
        "password_access_off",
        "sign_in_expired",
        "passcode_incorrect",
        "passcode_already_used",
    ),
    errors.Forbidden: (
        "identity_incomplete",
        "scope_missing",
        "session_required",
        "origin_not_allowed",
        "two_factor_setup_required",
        "only_the_user_can_turn_off",
    ),
    errors.Conflict: (
        "two_factor_required",
        "already_enrolled",
        "no_authenticator",
        "last_authenticator",
        "report_not_ready",
        "request_in_progress",
    ),
    errors.Gone: ("link_expired", "answer_gone"),
    errors.InvalidRequest: ("idempotency_key_reused",),
    errors.TooMany: ("too_many_attempts",),
}
STATUS_OF_CODE = {kind.default_code: status for kind, status in STATUS.items()} | {
    code: STATUS[kind] for kind, codes in _SPECIFIC.items() for code in codes
}

_STEP_UP = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"'
_BEARER = 'Bearer realm="Passgate"'


def problem_response(refusal: Refusal) -> JSONResponse:
    """Return the problem document of a refusal, with its headers."""
    status = STATUS[type(refusal)]
    content: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": EXPLANATIONS[refusal.code].title,
        "status": status,
        "code": refusal.code,
        "detail": refusal.detail,
        **refusal.extra,
    }
    headers: dict[str, str] = {}
    if refusal.retry_after is not None:
        content["retry_after"] = refusal.retry_after
        headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, InvalidRequest):
        content["errors"] = [vars(error) for error in refusal.errors]
    if isinstance(refusal, errors.StepUpRequired):
        headers["WWW-Authenticate"] = _STEP_UP
    elif isinstance(refusal, errors.Unauthenticated):
        headers["WWW-Authenticate"] = _BEARER
    elif isinstance(refusal, errors.TooMany):
        headers |= _rate_limit_headers(refusal)
        content["violated-policies"] = [limit.name for limit in refusal.limits] or [refusal.code]
    elif isinstance(refusal, errors.MethodNotAllowed):
        headers["Allow"] = refusal.allow
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _rate_limit_headers(refusal: errors.TooMany) -> dict[str, str]:
    """Return the rate limit headers (draft-ietf-httpapi-ratelimit-headers-11).

    The names of the limits do not depend on whether the user in the request exists.
    """
    if not refusal.limits:
        return {"RateLimit": f'"{refusal.code}";r=0;t={refusal.retry_after}'}
    policies = (f'"{limit.name}";q={limit.most};w={limit.seconds}' for limit in refusal.limits)
    return {
        "RateLimit": ", ".join(f'"{limit.name}";r=0;t={limit.retry_after}' for limit in refusal.limits),
        "RateLimit-Policy": ", ".join(policies),
    }


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every refusal, and every error of the framework itself, with a problem document."""

    async def refused(request: Request, refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, Refusal)  # noqa: S101 -- narrows the type of a handler registered for it
        request.state.refused = refusal.code  # for the metrics, see app.web.middleware
        return problem_response(refusal)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 -- as above
        body = getattr(request.scope.get("route"), "body_field", None)
        return problem_response(field_errors(error.errors(), body.field_info.annotation if body else None))

    async def not_routed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 -- as above
        if error.status_code == STATUS[errors.MethodNotAllowed]:
            allow = ", ".join(sorted(_methods_of(app, request.scope["path"])))
            return problem_response(errors.MethodNotAllowed("This path has no such method.", allow=allow))
        shorter = request.scope["path"].removesuffix("/")
        known = shorter != request.scope["path"] and _methods_of(app, shorter)
        return problem_response(
            NotFound("There is no such path." + (" Leave out the slash at its end." if known else ""))
        )

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, not_routed)


def _methods_of(app: FastAPI, path: str) -> set[str]:
    """Return all methods of a path; the framework lists only those of the first route, and no HEAD."""
    routes = [route for route in iter_route_contexts(app.routes) if route.methods]
    found = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return found | ({"HEAD"} if "GET" in found else set())


def problems(*codes: int | str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that can answer these problem codes.

    A status stands for the default code of its kind: 409 for `conflict`. The codes of the caller's check
    (`app.authentication.allow`) and those of every route are added elsewhere.
    """
    found = by_status(_default_code(code) if isinstance(code, int) else code for code in codes)
    return {status: {"description": "A problem.", _CODES: listed} for status, listed in found.items()}


def by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    """Return the codes of each status, in the order of the contract."""
    wanted = set(codes)
    found: dict[int, list[str]] = {}
    for code in sorted(wanted, key=list(EXPLANATIONS).index):
        found.setdefault(STATUS_OF_CODE[code], []).append(code)
    return found


def declared_codes(responses: dict[str, Any]) -> Iterable[str]:
    """Return all codes in the `responses` of an operation that were made by `problems`."""
    return [code for answer in responses.values() for code in answer.get(_CODES, ())]


def _default_code(status: int) -> str:
    return next(kind.default_code for kind, known in STATUS.items() if known == status)
