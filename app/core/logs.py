"""Structured logs on standard error: text on a terminal, JSON elsewhere; never a secret."""

import json
import logging
import os
import sys
import traceback
import unicodedata
from collections.abc import Iterator
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logs(level: str) -> None:
    """Log this process and the warnings of libraries to standard error, from `level` upward."""
    lowest = logging.getLevelNamesMapping()[level.upper()]
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _strip_exception_messages,
    ]
    rendering: list[Processor] = (
        [_encode_controls, structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)]
        if sys.stderr.isatty()
        else [structlog.processors.JSONRenderer(serializer=_to_json)]
    )
    structlog.configure(
        processors=[*steps, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # one write a line: processes share it
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[foreign], level=max(lowest, logging.WARNING), force=True)


def _strip_exception_messages(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its traceback without local variables and without messages.

    The message of a library may quote a secret: Postgres quotes rows, pydantic and `int()` quote their input. The
    messages of our own exceptions quote no values, and are kept.
    """
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = "".join(_trace(error))
    return event


def _to_json(event: EventDict, **options: Any) -> str:
    """Return JSON in printable ASCII; `json` escapes everything else but DEL."""
    return json.dumps(event, **options).replace("\x7f", "\\u007f")


def _encode_controls(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape control and bidi characters, which could forge what a terminal shows."""
    for name, value in event.items():
        if isinstance(value, str):
            kept = "\n" if name == "exception" else ""  # a traceback has several lines
            event[name] = "".join(c if c in kept or not _is_control(c) else ascii(c)[1:-1] for c in value)
    return event


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _trace(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _trace(before)
        yield "which led to:\n"
    yield from traceback.format_tb(error.__traceback__)
    kind = type(error)
    words = f": {error}" if kind.__module__.startswith("app.") else ""
    yield f"{kind.__module__}.{kind.__qualname__}{words}\n"
