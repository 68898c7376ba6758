"""Running the jobs that delete the sessions that a policy change has ended."""

from app.administration.security_policy import jobs
from tests.support.account.arrange import Tenant
from tests.support.observe.sql import run_sql


async def delete_ended_sessions(tenant: Tenant) -> int:
    """Remove the account's jobs from the queue and run them, oldest first; return their number."""
    statement = """
        DELETE FROM procrastinate_jobs
        WHERE task_name = 'delete_ended_sessions'
          AND args->>'account_id' = CAST(CAST(:account AS uuid) AS text)
        RETURNING id, args
    """
    found = sorted(await run_sql(tenant, statement))
    for _, arguments in found:
        await jobs.delete_ended_sessions(tenant.services, **arguments)
    return len(found)
