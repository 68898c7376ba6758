"""What `passgate check` looks at, and what it says about it."""

from dataclasses import dataclass

from sqlalchemy import text

from app.database.migrate import current_revision, needed_revision
from app.delivery.mailer import MailUnavailable, look_at
from app.errors import Refusal
from app.services import Services

OLDEST_POSTGRES = 15


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    well: bool
    says: str


async def examine(services: Services) -> list[Finding]:
    """Look at everything that the service needs. Settings and keys that cannot be read were refused before."""
    findings = [
        Finding("settings", well=True, says=f"clients reach the service at {services.settings.public_url}"),
        Finding("keys", well=True, says=f"{services.sealer.current_key_id} seals"),
    ]
    try:
        findings += await _database(services)
    except Refusal as refusal:
        findings.append(Finding("database", well=False, says=refusal.detail))
    findings.append(await _mail(services))
    return findings


async def _mail(services: Services) -> Finding:
    try:
        return Finding("mail", well=True, says=await look_at(services.settings))
    except (MailUnavailable, OSError) as error:
        return Finding("mail", well=False, says=str(error))


async def _database(services: Services) -> list[Finding]:
    async with services.database.read() as tx:
        version = int(await tx.scalar(text("SHOW server_version_num")) or 0) // 10_000
        durable = await tx.scalar(text("SHOW synchronous_commit"))
        revision = await current_revision(tx)
    needed = needed_revision()
    return [
        Finding("database", version >= OLDEST_POSTGRES, f"Postgres {version}"),
        Finding("durability", durable not in {"off", "local"}, f"synchronous_commit is {durable}"),
        Finding(
            "schema",
            revision is not None and revision >= needed,
            f"at {revision or 'nothing'}, needed is {needed}; older ones: run passgate migrate",
        ),
    ]
