"""The log: structured lines on standard error, readable on a terminal, JSON elsewhere; never a secret."""

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
    """Send the log of this process, the libraries' warnings included, to standard error, from `level` upward."""
    lowest = logging.getLevelNamesMapping()[level.upper()]
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_faults_without_words,
    ]
    rendering: list[Processor] = (
        [_encode_controls, structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)]
        if sys.stderr.isatty()
        else [structlog.processors.JSONRenderer(serializer=_to_json)]
    )
    structlog.configure(
        processors=[*steps, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # each line in one write: processes share it
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


def _tell_faults_without_words(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its types and places, without local variables and messages.

    A library's message may quote what it stumbled over, which may be a secret: Postgres quotes rows, pydantic
    what it was given, and `int()` what is no number. Our own messages say no such thing.
    """
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = "".join(_trace(error))
    return event


def _to_json(event: EventDict, **options: Any) -> str:
    """Return JSON in printable ASCII: of what `json` leaves as it is, only DEL is not."""
    return json.dumps(event, **options).replace("\x7f", "\\u007f")


def _encode_controls(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Encode what would make a terminal show something else than was written: control and bidi characters."""
    for name, value in event.items():
        if isinstance(value, str):
            kept = "\n" if name == "exception" else ""  # its lines are ours
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
