"""The commands `passgate letters list` and `passgate letters retry`."""

from typing import Annotated

import typer

from app.commands.command_line import open_settings, with_services
from app.commands.letters import list_given_up, retry_given_up

letters = typer.Typer(help="List the e-mails that were given up, or send them again.", no_args_is_help=True)


@letters.command("list")
def list_letters() -> None:
    """Show how many e-mails were given up, and since when, by account and kind."""
    with open_settings() as settings:
        found = with_services(settings, list_given_up)
    for line in found:
        typer.echo(line.describe())
    typer.echo(f"Given up: {sum(line.count for line in found)}.")


@letters.command("retry")
def retry_letters(
    slug: Annotated[str | None, typer.Option("--account", help="only the e-mails of this account")] = None,
) -> None:
    """Send the e-mails again that were given up. Safe while the service runs; safe to repeat."""
    with open_settings() as settings:
        retried = with_services(settings, lambda services: retry_given_up(services, slug))
    typer.echo(f"Put {retried} e-mails into the queue again.")
