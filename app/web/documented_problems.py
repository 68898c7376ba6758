"""The schemas of problems in the OpenAPI document, and the answers that operations share."""

from typing import Annotated, Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from app.core import errors
from app.web.documented_headers import problem_headers
from app.web.explanations import EXPLANATIONS
from app.web.problems import STATUS
from app.web.wire import LEFT_OUT, SCHEMAS, OpenList

_RETRIED = {"passcode_already_used", "too_many_attempts", "too_many_requests", "unavailable"}


class Problem(BaseModel):
    """A problem document (RFC 9457); clients must decide by `code`, never by the text."""

    type: str
    title: str
    status: int
    code: Annotated[str, OpenList(lambda: EXPLANATIONS)]
    detail: str
    retry_after: Annotated[
        int, Field(ge=0, description="whole seconds until trying again makes sense; also in `Retry-After`")
    ] = LEFT_OUT


class FieldProblem(BaseModel):
    """An error in one field; `pointer` is a JSON pointer into the body (RFC 6901)."""

    pointer: str
    code: str
    detail: str


class ValidationProblem(Problem):
    """A problem with an error for each invalid field."""

    errors: list[FieldProblem]


class LimitProblem(Problem):
    """The limits that were reached (draft-ietf-httpapi-ratelimit-headers-11, section 5.1)."""

    violated_policies: list[str] = Field(alias="violated-policies")


_MODELS: dict[int, type[Problem]] = {422: ValidationProblem, 429: LimitProblem}


def response_name(codes: list[str]) -> str:
    """Return the name of the shared response, like `SignInExpiredOrPasscodeIncorrect`."""
    return "Or".join(code.title().replace("_", "") for code in codes)


def shared_response(status: int, codes: list[str]) -> dict[str, Any]:
    """Return the description of an answer with one of these codes, and an example of each."""
    model = _MODELS.get(status, Problem)
    return {
        "description": "\n".join(f"- `{code}`: {EXPLANATIONS[code].title}." for code in codes),
        "headers": problem_headers(status, retried=not _RETRIED.isdisjoint(codes)),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": f"{SCHEMAS}{model.__name__}"},
                "examples": {code: _example(code, status) for code in codes},
            }
        },
    }


def _example(code: str, status: int) -> dict[str, Any]:
    explained = EXPLANATIONS[code]
    shown: dict[str, Any] = {"type": f"/problems/{code}", "title": explained.title, "status": status, "code": code}
    shown["detail"] = explained.happened
    if code in _RETRIED:
        shown["retry_after"] = 30
    if status == STATUS[errors.InvalidRequest]:
        shown["errors"] = [{"pointer": "/name", "code": "missing", "detail": "This field is required."}]
    if status == STATUS[errors.TooMany]:
        shown["violated-policies"] = ["address" if code == errors.TooMany.default_code else code]
    return {"summary": explained.remedy, "value": shown}


def problem_schemas() -> dict[str, Any]:
    """Return the schemas of problem documents; no handler takes or returns them, so FastAPI lacks them."""
    models = (Problem, ValidationProblem, LimitProblem)
    _, found = models_json_schema([(model, "serialization") for model in models], ref_template=SCHEMAS + "{model}")
    return dict(found["$defs"])
