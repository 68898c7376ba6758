"""Refusals as HTTP: the status of each class of refusal, and problem documents (RFC 9457)."""

from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.core import errors
from app.core.errors import InvalidRequest, NotFound, Refusal
from app.web.explanations import EXPLANATIONS
from app.web.field_errors import field_errors
from app.web.wire import OpenList

_STATUS: dict[type[Refusal], int] = {
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

_STEP_UP = 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="600"'
_BEARER = 'Bearer realm="Passgate"'


# Where the OpenAPI document has its schemas; `app.web.openapi` adds the schemas of problems there.
SCHEMAS = "#/components/schemas/"


class Problem(BaseModel):
    """A problem document (RFC 9457); clients must decide by `code`, never by the text."""

    type: str
    title: str
    status: int
    code: Annotated[str, OpenList(lambda: EXPLANATIONS)]
    detail: str


class FieldProblem(BaseModel):
    """An error in one field; `pointer` is a JSON pointer into the body (RFC 6901)."""

    pointer: str
    code: str
    detail: str


class ValidationProblem(Problem):
    """A problem with an error for each invalid field."""

    errors: list[FieldProblem] = []


class LimitProblem(Problem):
    """The limits that were reached (draft-ietf-httpapi-ratelimit-headers-11, section 5.1)."""

    violated_policies: list[str] = Field(alias="violated-policies")


def problem_response(refusal: Refusal) -> JSONResponse:
    """Return the problem document of a refusal, with its headers."""
    status = _STATUS[type(refusal)]
    content: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": EXPLANATIONS[refusal.code].title,
        "status": status,
        "code": refusal.code,
        "detail": refusal.detail,
        **refusal.extra,
    }
    headers: dict[str, str] = {}
    if "retry_after" in refusal.extra:
        headers["Retry-After"] = str(refusal.extra["retry_after"])
    if isinstance(refusal, InvalidRequest):
        content["errors"] = [vars(error) for error in refusal.errors]
    if isinstance(refusal, errors.StepUpRequired):
        headers["WWW-Authenticate"] = _STEP_UP
    elif isinstance(refusal, errors.Unauthenticated):
        headers["WWW-Authenticate"] = _BEARER
    elif isinstance(refusal, errors.TooMany):
        headers |= _rate_limit_headers(refusal)
        content["violated-policies"] = [limit.name for limit in refusal.limits] or [refusal.code]
    elif isinstance(refusal, errors.Unavailable):
        headers["Retry-After"] = str(refusal.retry_after)
    elif isinstance(refusal, errors.MethodNotAllowed):
        headers["Allow"] = refusal.allow
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _rate_limit_headers(refusal: errors.TooMany) -> dict[str, str]:
    """Return `Retry-After` and the rate limit headers (draft-ietf-httpapi-ratelimit-headers-11).

    The names of the limits do not depend on whether the user in the request exists.
    """
    headers = {"Retry-After": str(refusal.retry_after)}
    if refusal.limits:
        headers["RateLimit"] = ", ".join(f'"{limit.name}";r=0;t={limit.retry_after}' for limit in refusal.limits)
        policies = (f'"{limit.name}";q={limit.most};w={limit.seconds}' for limit in refusal.limits)
        headers["RateLimit-Policy"] = ", ".join(policies)
    else:
        headers["RateLimit"] = f'"{refusal.code}";r=0;t={refusal.retry_after}'
    return headers


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
        if error.status_code == _STATUS[errors.MethodNotAllowed]:
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


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route for these error statuses, for the OpenAPI document."""
    kinds = {status: next(kind for kind, known in _STATUS.items() if known == status) for status in statuses}
    return {
        status: {
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": f"{SCHEMAS}{_model(status).__name__}"},
                    "example": _example(kind, status),
                }
            },
            "description": kind.__doc__ or "",
        }
        for status, kind in kinds.items()
    }


def _example(kind: type[Refusal], status: int) -> dict[str, Any]:
    code = kind.default_code
    explained = EXPLANATIONS[code]
    shown = {"type": f"/problems/{code}", "title": explained.title, "status": status, "code": code}
    shown |= {"detail": explained.happened}
    return shown | ({"violated-policies": ["address"]} if kind is errors.TooMany else {})


def _model(status: int) -> type[Problem]:
    models = {_STATUS[InvalidRequest]: ValidationProblem, _STATUS[errors.TooMany]: LimitProblem}
    return models.get(status, Problem)
