"""Entry point of the command line: `passgate`."""

import asyncio
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from importlib import metadata
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
import uvicorn
from pydantic import SecretStr

from app.commands import provision
from app.commands.account_commands import accounts, create_account, transfer_ownership
from app.commands.check import check_everything, check_keys
from app.commands.command_line import open_settings, with_services
from app.commands.embedded_commands import embedded
from app.commands.embedded_setup import database_of, export_to_workers
from app.commands.http_server import exit_on_sigterm, run_http_server
from app.commands.key_rotation import rotate_keys as reencrypt
from app.commands.letters_commands import letters
from app.commands.user_commands import create_user, import_users, recovery_codes, reset_password
from app.core.addresses import is_loopback
from app.core.errors import InvalidRequest, Refusal
from app.core.logs import configure_logs
from app.core.metrics import MULTIPROCESS
from app.core.secret_keys import new_key_setting
from app.core.settings import Settings, SettingsError, load_settings
from app.credentials.identity_tokens.use_cases import rotate_signing_key
from app.database.embedded import EmbeddedPostgresError, EmbeddedPostgresLostError
from app.database.migrate import migrate as migrate_database
from app.database.tls import why_unprotected
from app.main import create_app
from app.services import make_services
from app.web.header_limits import HTTP_SERVER
from app.web.metrics_port import metrics_port
from app.worker import work_until_told

STARTS_SECONDS = 60  # a worker process must start within this time; otherwise uvicorn replaces it
GRACE_SECONDS = 20  # for the requests in flight at shutdown

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(embedded, name="embedded")
log = structlog.get_logger()


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


def _print_version(given: bool) -> None:  # noqa: FBT001 -- typer calls it so
    if given:
        typer.echo(f"passgate {metadata.version('passgate')}")
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[  # noqa: FBT002 -- a flag of the command line
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Account-wide two-factor authentication as a service. Settings: PASSGATE_... (see docs/operating.md)."""


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="processes that share the port")] = 1,
    no_jobs: Annotated[bool, typer.Option("--no-jobs", help="run no job worker inside")] = False,  # noqa: FBT002 -- a flag of the command line
) -> None:
    """Serve the API. Without PASSGATE_DATABASE_URL: embedded Postgres with a demo account."""
    settings = load_settings()
    configure_logs(settings.log_level)
    embedded = settings.database_url is None
    public_host = urlsplit(settings.public_url).hostname or ""
    if embedded and not (is_loopback(host) and is_loopback(public_host)):
        raise SettingsError(
            "PASSGATE_DATABASE_URL: is not set. The embedded Postgres serves this machine only, "
            "but --host or PASSGATE_PUBLIC_URL is reachable from others"
        )
    with exit_on_sigterm(), ExitStack() as counts, database_of(settings, as_owner=True) as found:
        found = _with_public_url(found, host, port)  # noqa: PLW2901 -- from here on with this one
        if embedded:
            asyncio.run(migrate_database(_url(found)))
            password = with_services(found, provision.make_demo)
            if password:
                typer.echo(f"account   {provision.DEMO_SLUG}")
                typer.echo(f"owner     {provision.DEMO_OWNER}")
                typer.echo(f"password  {password}  (shown this once)")
        with_services(found, check_keys)  # before anything listens
        export_to_workers(found, workers=workers)
        if workers > 1:  # each process writes its metrics into this directory
            os.environ[MULTIPROCESS] = counts.enter_context(
                tempfile.TemporaryDirectory(prefix="passgate-metrics-")
            )
        counts.enter_context(metrics_port(found))
        sys.stdout.flush()
        run_http_server(
            uvicorn.Config(
                "app.main:without_jobs" if no_jobs else "app.main:from_environment",
                factory=True,
                host=host,
                port=port,
                workers=workers,
                loop="uvloop",
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_worker_healthcheck=STARTS_SECONDS,
                **HTTP_SERVER,
            )
        )


def _with_public_url(settings: Settings, host: str, port: int) -> Settings:
    """Derive `public_url` from a loopback address to listen on; warn of one that names another port."""
    if not is_loopback(host):
        return settings
    if settings.origin_of("public_url") == "default":
        return settings.with_generated(public_url=f"http://{f'[{host}]' if ':' in host else host}:{port}")
    public = urlsplit(settings.public_url)
    if public.scheme == "http" and is_loopback(public.hostname or "") and (public.port or 80) != port:
        log.warning("PASSGATE_PUBLIC_URL has another port than the service", url=settings.public_url, port=port)
    return settings


@cli.command()
def worker() -> None:
    """Run only the job worker: send e-mails, write reports, delete expired data."""
    with open_settings(may_start=False) as settings:
        with_services(settings, check_keys)
        with_services(settings, work_until_told)


@cli.command()
def migrate() -> None:
    """Upgrade the database to the schema of this release."""
    with open_settings(may_start=False) as settings:
        asyncio.run(migrate_database(_url(settings)))
    typer.echo("The database is up to date.")


@cli.command()
def check(
    url: Annotated[
        str | None,
        typer.Option(help="URL of the running service: check which client address it sees"),
    ] = None,
) -> None:
    """Check the settings, the database, the keys and the mail server; print a line for each."""
    with open_settings(may_be_down=True) as settings:
        findings = with_services(settings, lambda services: check_everything(services, url))
    for finding in findings:
        typer.echo(f"{'ok   ' if finding.well else 'WRONG'}  {finding.subject}: {finding.says}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


for command in (create_account, transfer_ownership, create_user, import_users, recovery_codes, reset_password):
    cli.command()(command)
cli.add_typer(accounts, name="accounts")


@cli.command()
def rotate_keys() -> None:
    """Re-encrypt all secrets with the first key. Safe while the service runs; safe to repeat."""
    with open_settings() as settings:
        rotations = with_services(settings, reencrypt)
    for rotation in rotations:
        typer.echo(rotation.describe())
    if not all(rotation.is_complete for rotation in rotations):
        raise typer.Exit(1)
    typer.echo("Every secret is encrypted with the first key; the other keys can be removed.")


@cli.command("rotate-signing-key")
def rotate_signing_key_now() -> None:
    """Publish the next key for identity tokens. Safe while the service runs; safe to repeat."""
    with open_settings() as settings:
        signs_from = with_services(settings, rotate_signing_key)
    typer.echo(f"The next key is published, and signs from {signs_from:%Y-%m-%d %H:%M:%S} UTC on.")


cli.add_typer(letters, name="letters")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    nowhere = {"database_url": SecretStr("postgresql://127.0.0.1:1/"), "secret_keys": SecretStr(new_key_setting())}
    services = make_services(Settings.model_validate(nowhere))
    typer.echo(json.dumps(create_app(services).openapi(), indent=2))
    services.hasher.close()


def main() -> None:
    """Run the command line; report errors in one line each. Exit status 2 is a user's mistake."""
    try:
        cli()
    except SettingsError as error:
        _fail(*error.lines)
    except EmbeddedPostgresLostError as error:
        _fail(str(error), status=1)
    except EmbeddedPostgresError as error:
        _fail(str(error))
    except Refusal as refusal:
        fields = refusal.errors if isinstance(refusal, InvalidRequest) else ()
        _fail(*([error.detail for error in fields] or [why_unprotected(refusal) or refusal.detail]))


def _fail(*lines: str, status: int = 2) -> None:
    for line in lines:
        typer.echo(f"passgate: {line}", err=True)
    raise SystemExit(status)
