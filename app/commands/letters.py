"""`passgate letters`: list the e-mails that were given up, and put them into the queue again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app.accounts import repository as accounts
from app.core.errors import NotFound
from app.services import Services

BATCH = 500

# About the whole installation, like the queue. `kind` is missing where the job finds out what to send: a link to a
# report, or the link of a row in `links`.
_GIVEN_UP = """
    SELECT accounts.slug, coalesce(job.args->>'kind', links.purpose, job.task_name) AS kind, count(*),
        min(event.since), max(event.since)
    FROM procrastinate_jobs AS job
    CROSS JOIN LATERAL (
        SELECT max(at) AS since FROM procrastinate_events WHERE job_id = job.id AND type = 'failed'
    ) AS event
    LEFT JOIN accounts ON accounts.id = CAST(job.args->>'account_id' AS uuid)
    LEFT JOIN links ON links.account_id = accounts.id AND links.id = CAST(job.args->>'link_id' AS uuid)
    WHERE job.queue_name = 'letters' AND job.status = 'failed'
    GROUP BY 1, 2 ORDER BY 1, 2
"""

# `attempts` begins at 1: these are retries, and the metric of first tries does not count them.
_RETRY = """
    WITH given_up AS (
        SELECT id FROM procrastinate_jobs
        WHERE queue_name = 'letters' AND status = 'failed' AND id > :after
        AND (CAST(:slug AS text) IS NULL
            OR args->>'account_id' = (SELECT CAST(id AS text) FROM accounts WHERE slug = CAST(:slug AS text)))
        ORDER BY id LIMIT :batch FOR UPDATE
    )
    UPDATE procrastinate_jobs AS job SET status = 'todo', attempts = 1, scheduled_at = NULL
    FROM given_up WHERE job.id = given_up.id RETURNING job.id
"""


@dataclass(frozen=True)
class GivenUp:
    """E-mails of one account and kind that were given up; `account` is None if it was deleted."""

    account: str | None
    kind: str
    count: int
    first: datetime
    last: datetime

    def describe(self) -> str:
        """Return a line for the terminal, without names or addresses."""
        account = self.account or "(deleted account)"
        since = f"since {self.first:%Y-%m-%d %H:%M} UTC, the last {self.last:%Y-%m-%d %H:%M} UTC"
        return f"{account}  {self.kind}  {self.count}  {since}"


async def list_given_up(services: Services) -> list[GivenUp]:
    """Return how many e-mails were given up, by account and kind."""
    async with services.database.read() as tx:
        return [GivenUp(*row) for row in await tx.execute(text(_GIVEN_UP))]


async def retry_given_up(services: Services, slug: str | None = None) -> int:
    """Enqueue the e-mails that were given up once more, each once; return how many.

    Raises `NotFound` if there is no account with this slug.

    It works in batches, and may be repeated: an e-mail that waits or was sent is not enqueued again.
    """
    if slug is not None:
        async with services.database.read() as tx:
            if await accounts.find_account(tx, slug) is None:
                raise NotFound("There is no account with this name.")
    retried, after = 0, 0
    while True:
        async with services.database.begin() as tx:
            values = {"after": after, "slug": slug, "batch": BATCH}
            ids = list(await tx.scalars(text(_RETRY), values))
        retried += len(ids)
        if len(ids) < BATCH:
            return retried
        after = max(ids)
