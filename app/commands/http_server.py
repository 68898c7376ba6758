"""Run uvicorn so that init systems understand it: bind before the message, exit status 0 after SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

_FAILED_TO_START = 3  # uvicorn's own status

log = structlog.get_logger()


def run_http_server(config: uvicorn.Config) -> None:
    """Serve until SIGTERM or SIGINT. Exits with status 3 if the port cannot be bound, or the start fails."""
    socket = config.bind_socket()
    host = f"[{config.host}]" if ":" in config.host else config.host
    log.info("Passgate listens", at=f"http://{host}:{config.port}")
    if config.workers > 1:
        Multiprocess(config, sockets=[socket]).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # uvicorn sends SIGINT again after its own stop
        server.run(sockets=[socket])
    if not server.started:
        raise SystemExit(_FAILED_TO_START)


@contextmanager
def exit_on_sigterm(status: int = 0) -> Iterator[None]:
    """Let the first SIGTERM end the block by `SystemExit(status)`, so that what it opened is closed.

    uvicorn handles the signal while it serves, and then sends it again; the default would kill the process.
    """

    def leave(number: int, _frame: object) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the stop of Postgres
        raise SystemExit(status)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
