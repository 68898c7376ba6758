"""`passgate embedded`: commands for the embedded Postgres."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.http_server import exit_on_sigterm
from app.core.settings import SettingsError, load_settings
from app.database.embedded import upgrade_cluster

embedded = typer.Typer(help="Commands for the embedded Postgres.", no_args_is_help=True)


@embedded.callback()
def _group() -> None:
    """Keep `upgrade` a subcommand: Typer would merge the only command into its group."""


@embedded.command()
def upgrade(
    programs: Annotated[
        Path | None,
        typer.Option(help="directory of the old version's programs, such as /usr/lib/postgresql/17/bin"),
    ] = None,
) -> None:
    """Move the embedded Postgres to the installed major version. Stop the service first."""
    settings = load_settings()
    if settings.database_url is not None:
        raise SettingsError("PASSGATE_DATABASE_URL: is set, so there is no embedded Postgres to upgrade")
    with exit_on_sigterm(status=143):
        done = upgrade_cluster(settings.data_dir, programs.absolute() if programs else None)
    if done is None:
        typer.echo("The embedded Postgres has the installed version. There is nothing to do.")
        return
    typer.echo(f"Moved the data from Postgres {done.before} to {done.now}.")
    typer.echo(f"The old cluster is in {done.kept}. Delete it when you no longer need it: it holds personal data.")
