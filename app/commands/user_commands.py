"""Commands about the users of an account."""

from typing import Annotated

import typer

from app.accounts.users.use_cases import NewUser
from app.commands import provision
from app.commands.command_line import PasswordStdin, Reason, Slug, open_settings, read_password, with_services
from app.core.callers import Role


def create_user(
    slug: Slug,
    email: Annotated[str, typer.Option(help="the user's e-mail address")],
    name: Annotated[str, typer.Option(help="the user's name")],
    role: Annotated[Role, typer.Option(help="what the user is in the account")],
    locale: Annotated[str, typer.Option(help="the user's language, such as de-AT")] = "en",
    external_id: Annotated[str | None, typer.Option(help="the user's id in your application")] = None,
    password_stdin: PasswordStdin = False,  # noqa: FBT002 -- a flag of the command line
) -> None:
    """Create a user; without a password, the user is invited by e-mail."""
    password = read_password(given=password_stdin)
    new = NewUser(email=email, name=name, role=role, external_id=external_id, locale=locale)
    with open_settings() as settings:
        with_services(settings, lambda services: provision.add_user(services, slug, new, password))
    typer.echo(f"Made the user {email}.")


def import_users(
    slug: Slug,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="JSON lines, or - for standard input")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="skip bad lines")] = False,  # noqa: FBT002 -- a flag of the command line
) -> None:
    """Import users with their Argon2 or bcrypt hashes and TOTP secrets; none if one line is bad."""
    with open_settings() as settings:
        report = with_services(
            settings, lambda services: provision.import_users(services, slug, file, skip_bad=skip_bad)
        )
    for sentence in report.describe():
        typer.echo(f"passgate: {sentence}", err=True)
    typer.echo(f"Took {report.taken} users and left out {report.bad} lines.")


def recovery_codes(
    slug: Slug,
    email: Annotated[str, typer.Argument(help="whose recovery codes")],
    reason: Reason,
) -> None:
    """Create recovery codes for an owner who lost phone and codes; older ones become invalid."""
    with open_settings() as settings:
        codes = with_services(settings, lambda services: provision.renew_codes(services, slug, email, reason))
    for code in codes:
        typer.echo(code)


def reset_password(
    slug: Slug, email: Annotated[str, typer.Argument(help="who chooses a new password by the link")]
) -> None:
    """Print a link to choose a new password, once; the same as in an e-mail. Hand it to the user only."""
    with open_settings() as settings:
        url, expires_at = with_services(
            settings, lambda services: provision.create_password_link(services, slug, email)
        )
    typer.echo(url)
    typer.echo(f"passgate: the link works once, until {expires_at:%Y-%m-%d %H:%M:%S} UTC", err=True)
