"""What the groups of commands share: settings, services, and arguments."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer

from app.commands.embedded_setup import database_of
from app.core.logs import configure_logs
from app.core.settings import Settings, load_settings
from app.crypto.passwords import LONGEST_PASSWORD_BYTES
from app.services import Services, make_services

_T = TypeVar("_T")

Slug = Annotated[str, typer.Argument(help="the account's name in paths: a-z, 0-9 and -")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")]
Reason = Annotated[str, typer.Option(help="the reason, for the audit log")]


@contextmanager
def open_settings(*, may_start: bool = True, may_be_down: bool = False) -> Iterator[Settings]:
    """Yield the settings with a database, the embedded one if none is set; see `database_of`."""
    settings = load_settings()
    configure_logs(settings.log_level)
    with database_of(settings, may_start=may_start, may_be_down=may_be_down) as found:
        yield found


def with_services(settings: Settings, work: Callable[[Services], Awaitable[_T]]) -> _T:
    """Run the work with services that are closed at its end."""

    async def run() -> _T:
        services = make_services(settings)
        try:
            return await work(services)
        finally:
            await services.close()

    return asyncio.run(run())


def read_password(*, given: bool) -> str | None:
    """Return the password from standard input, without its line end; None unless it is `given`."""
    # Read up to two characters more than a password may have: room for the line end, and a longer password is
    # refused instead of cut.
    return sys.stdin.readline(LONGEST_PASSWORD_BYTES + 2).rstrip("\r\n") if given else None
