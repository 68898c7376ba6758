"""`passgate check`: check everything that the service needs, and report each result."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy import text

from app.commands.address_check import check_client_address
from app.core.addresses import is_loopback
from app.core.database_url import parse_database_url
from app.core.errors import Refusal, Unavailable
from app.core.settings import PREFIX, Settings, SettingsError
from app.credentials.identity_tokens.use_cases import KeyRing
from app.crypto.breached_passwords import BreachedPasswords, UnusableBreachFileError
from app.crypto.sealing import SealBroken
from app.database.embedded import describe_outage
from app.database.engine import driver
from app.database.revisions import current_revision, needed_revision
from app.database.tls import describe_protection, why_unprotected
from app.delivery.mailer import MailUnavailableError, check_connection
from app.services import Services

OLDEST_POSTGRES = 15
MOST_SECONDS_APART = 5
"""A passcode is accepted 30 s early or late. With a wrong clock, the service refuses valid passcodes."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str
    well: bool
    says: str


async def check_everything(services: Services, url: str | None = None) -> list[Finding]:
    """Check everything that the service needs; with a URL, check the running service too.

    Settings and keys that cannot be parsed were refused earlier.
    """
    findings = [
        *_settings(services.settings),
        await _keys(services),
    ]
    try:
        findings += await _database(services)
    except Refusal as refusal:
        findings.append(Finding("database", well=False, says=_why_down(services.settings, refusal)))
    findings.append(await _mail(services))
    if services.breached_passwords:
        findings.append(_breached_passwords(services.breached_passwords))
    if services.traces:
        taken = await asyncio.to_thread(services.traces.look)
        findings.append(Finding("traces", taken, "are taken" if taken else "the collector does not take them"))
    if url is not None:
        findings.append(Finding("client address", *await check_client_address(services, url)))
    return findings


def _why_down(settings: Settings, refusal: Refusal) -> str:
    is_embedded = settings.origin_of("database_url") == "generated"
    outage = describe_outage(settings.data_dir) if is_embedded else None
    return outage or why_unprotected(refusal) or refusal.detail


def _breached_passwords(passwords: BreachedPasswords) -> Finding:
    try:
        return Finding("breached passwords", well=True, says=f"about {passwords.check():,} of them")
    except UnusableBreachFileError as error:
        return Finding("breached passwords", well=False, says=f"the file {error}; new passwords are refused")


async def check_keys(services: Services) -> bool:
    """Raise `SettingsError` if the encryption keys cannot decrypt the stored signing keys.

    Raises `Unavailable` if the connection to the database would not be protected as the settings require.

    The first start creates the first signing key, so every later start has one to decrypt. Returns False if the
    database does not answer: the readiness check reports that.
    """
    try:
        async with services.database.read() as tx:
            revision = await current_revision(tx)
        if revision is not None and revision >= needed_revision():
            await KeyRing(services).signer()
    except Unavailable as error:
        if why_unprotected(error):
            raise
        return False
    except SealBroken as error:
        raise SettingsError(f"PASSGATE_SECRET_KEYS: cannot decrypt the stored data. {error}") from error
    return True


async def _keys(services: Services) -> Finding:
    try:
        checked = await check_keys(services)
    except SettingsError as error:
        return Finding("keys", well=False, says=str(error))
    except Unavailable:  # the database check says why
        checked = False
    if not checked:
        return Finding("keys", well=False, says="not checked: the database does not answer")
    return Finding("keys", well=True, says=f"{services.sealer.current_key_id} seals")


def _settings(settings: Settings) -> list[Finding]:
    """Show each setting and where its value comes from; of a secret, only that."""
    findings = []
    for name, value in settings:
        origin = settings.origin_of(name)
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        if shown in {None, ""}:
            says = "is not set"
        elif isinstance(value, SecretStr):
            says = f"is {origin}"
        else:
            says = str(shown) if origin == "set" else f"{shown} ({origin})"
        findings.append(Finding(PREFIX + name.upper(), well=True, says=says))
    host = urlsplit(settings.public_url).hostname or ""
    safe = settings.is_https or is_loopback(host)
    says = "by https" if settings.is_https else "on this machine alone" if safe else "by http: use https"
    return [*findings, Finding("clients", safe, f"reach the service {says}")]


async def _mail(services: Services) -> Finding:
    try:
        return Finding("mail", well=True, says=await check_connection(services.settings))
    except (MailUnavailableError, OSError) as error:
        return Finding("mail", well=False, says=str(error))


async def _database(services: Services) -> list[Finding]:
    async with services.database.read() as tx:
        version = int(await tx.scalar(text("SHOW server_version_num")) or 0) // 10_000
        durable = await tx.scalar(text("SHOW synchronous_commit"))
        revision = await current_revision(tx)
        begun_at = services.clock.now()
        its_time = await tx.scalar(text("SELECT clock_timestamp()"))
        protected = describe_protection(parse_database_url(services.database_url), driver(tx))
    apart = abs((its_time - begun_at).total_seconds())
    needed = needed_revision()
    return [
        Finding("database", version >= OLDEST_POSTGRES, f"Postgres {version}"),
        Finding("database connection", well=True, says=protected),
        Finding("durability", durable not in {"off", "local"}, f"synchronous_commit is {durable}"),
        Finding("clock", apart <= MOST_SECONDS_APART, f"{apart:.1f} s from the database's; check NTP beyond 5 s"),
        Finding(
            "schema",
            revision is not None and revision >= needed,
            f"at {revision or 'nothing'}, needs {needed}; if it is older, run passgate migrate",
        ),
    ]
