"""Errors of single fields: what pydantic found, as codes and sentences that say what is allowed.

pydantic's own messages are not passed on, because some of them repeat the input. The values in these sentences
come from the schemas alone.
"""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel

from app.core.errors import FieldError, InvalidRequest

_MOST_ERRORS = 100
_NUMBER, _FLAG, _ID = "This must be a whole number.", "This must be true or false.", "This must be an id: a UUID."
_OBJECT, _ONE_OF = "This must be an object.", "This must be one of: {expected}."

# pydantic's error types, each with a stable code and a sentence; the braces take values of the error's `ctx`.
_TEXTS = {
    "missing": ("missing", "This field is required."),
    "string_too_short": ("too_short", "The text must have {min_length} or more characters."),
    "string_too_long": ("too_long", "The text must have {max_length} or fewer characters."),
    "too_short": ("too_short", "The list must have {min_length} or more items."),
    "too_long": ("too_long", "The list must have {max_length} or fewer items."),
    "literal_error": ("not_allowed", _ONE_OF),
    "enum": ("not_allowed", _ONE_OF),
    "greater_than_equal": ("out_of_range", "The number must be {ge} or more."),
    "less_than_equal": ("out_of_range", "The number must be {le} or less."),
    "string_pattern_mismatch": ("malformed", "The text must match the pattern {pattern}"),
    "malformed": ("malformed", "{allowed}"),  # `app.web.wire.malformed`
    "password_too_long": ("too_long", "{allowed}"),
    "string_type": ("wrong_type", "This must be a text."),
    "int_type": ("wrong_type", _NUMBER),
    "int_parsing": ("wrong_type", _NUMBER),
    "int_parsing_size": ("wrong_type", _NUMBER),
    "int_from_float": ("wrong_type", _NUMBER),
    "bool_type": ("wrong_type", _FLAG),
    "bool_parsing": ("wrong_type", _FLAG),
    "uuid_type": ("wrong_type", _ID),
    "uuid_parsing": ("wrong_type", _ID),
    "list_type": ("wrong_type", "This must be a list."),
    "model_type": ("wrong_type", _OBJECT),
    "model_attributes_type": ("wrong_type", _OBJECT),
}
_WRONG_TYPE = ("wrong_type", "The value does not have the right type.")
_NO_BODY = "This call needs a body: a JSON object."


def field_errors(found: Sequence[Any], body: Any = None) -> InvalidRequest:
    """Return the refusal for the field errors that pydantic found, without repeating the input.

    `body` is the type of the call's body. Lists at most the first 100 errors, since a body can contain very many.
    """
    errors = [_field_error(error, body) for error in found[:_MOST_ERRORS]]
    return InvalidRequest("Some fields are not valid.", *dict.fromkeys(errors))


def _field_error(error: Any, body: Any) -> FieldError:
    _, *path = error["loc"]
    if error["type"] == "extra_forbidden":
        path = path[:-1]  # its last part is the unknown name itself
        return FieldError(_pointer(path), "unknown_field", _unknown("field", known_fields(body, path)))
    code, text = _TEXTS.get(error["type"], _WRONG_TYPE)
    if error["type"] == "missing" and not path:
        text = _NO_BODY
    return FieldError(_pointer(path), code, text.format(**error.get("ctx", {})))


def _pointer(path: Sequence[Any]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def known_fields(annotation: Any, path: Sequence[Any]) -> list[str]:
    """Return the names of the fields of the object at `path` in a body of this type."""
    for part in path:
        if isinstance(part, str):
            annotation = next(
                model.model_fields[part].annotation
                for model in _models_in(annotation)
                if part in model.model_fields
            )
    fields = [item for model in _models_in(annotation) for item in model.model_fields.items()]
    return [info.alias or name for name, info in fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in a type such as `Annotated[list[Model] | None, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _unknown(what: str, known: Sequence[str]) -> str:
    names = f"It knows: {', '.join(known)}." if known else "It knows none."
    return f"There is a {what} here that this call does not know. {names}"


def query_errors(given: Sequence[tuple[str, str]], known: Sequence[str]) -> list[FieldError]:
    """Return the errors of a query: parameters that the call does not know, or that are given twice."""
    names = [name for name, _ in given]
    errors = [
        FieldError(f"/{name}", "duplicate_parameter", "This parameter is given more than once.")
        for name in known
        if names.count(name) > 1
    ]
    if set(names) - set(known):
        errors.append(FieldError("", "unknown_parameter", _unknown("query parameter", known)))
    return errors
