"""Commands about an account as a whole."""

from typing import Annotated

import typer

from app.commands import provision
from app.commands.command_line import PasswordStdin, Reason, Slug, open_settings, read_password, with_services
from app.services import Services


def create_account(
    slug: Slug,
    name: Annotated[str, typer.Option(help="what people call the account")],
    owner_email: Annotated[str, typer.Option(help="the owner's e-mail address")],
    password_stdin: PasswordStdin = False,  # noqa: FBT002 -- a flag of the command line
    test: Annotated[bool, typer.Option("--test", help="a test account, for ever")] = False,  # noqa: FBT002 -- as above
) -> None:
    """Create an account and its owner; without a password, the owner is invited by e-mail."""
    password = read_password(given=password_stdin)
    with open_settings() as settings:
        with_services(
            settings,
            lambda services: provision.add_account(
                services, slug=slug, name=name, owner_email=owner_email, password=password, test=test
            ),
        )
    typer.echo(f"Made the {'test account' if test else 'account'} {slug}.")


accounts = typer.Typer(help="List and rename accounts.", no_args_is_help=True)


@accounts.command("list")
def list_accounts() -> None:
    """Print the slug and the name of every account, separated by a tab."""

    async def show(services: Services) -> None:
        async for account in provision.list_accounts(services):
            typer.echo(f"{account.slug}\t{account.name}")

    with open_settings() as settings:
        with_services(settings, show)


@accounts.command("rename")
def rename_account(
    slug: Slug, name: Annotated[str, typer.Argument(help="what people call the account from now on")]
) -> None:
    """Change what people call the account; its name in paths stays."""
    with open_settings() as settings:
        with_services(settings, lambda services: provision.rename_account(services, slug, name))
    typer.echo(f"Renamed the account {slug}.")


def transfer_ownership(
    slug: Slug,
    email: Annotated[str, typer.Argument(help="the active admin who becomes the owner")],
    reason: Reason,
) -> None:
    """Make an active admin the owner, for an owner who is gone; all admins are told by e-mail."""
    with open_settings() as settings:
        with_services(settings, lambda services: provision.transfer_ownership(services, slug, email, reason))
    typer.echo(f"Made {email} the owner of {slug}. The old owner is an admin now.")
