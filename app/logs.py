"""The log: structured lines on standard error, readable on a terminal, JSON elsewhere; never a secret."""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Send the log of this process to standard error, from `level` upward."""
    terminal = sys.stderr.isatty()
    rendering: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    # Tracebacks without local variables, which hold passwords and tokens.
    traces = [] if terminal else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *traces,
            rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
