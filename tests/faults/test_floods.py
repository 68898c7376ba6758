"""Password spraying is stopped, and a full table of rate limits is read by key."""

import asyncio
from collections import Counter

from tests.support.account.arrange import Tenant
from tests.support.observe.sql import run_sql

SCANS = "SELECT seq_scan AS count FROM pg_stat_user_tables WHERE relname = 'password_limits'"
FILL = """
    INSERT INTO password_limits (account_id, "limit", key, empty_at)
    SELECT :account, 'address', sha256(CAST(number AS text)::bytea), now() + interval '1 hour'
    FROM generate_series(1, 100000) AS number
"""


async def test_a_spray_of_a_thousand_users_from_one_address_is_checked_a_hundred_times(
    tenant: Tenant,
) -> None:
    said: Counter[int] = Counter()
    for begin in range(0, 1000, 50):
        bodies = [{"email": f"user-{begin + n}@example.com", "password": "Summer2026"} for n in range(50)]
        requests = (tenant.browser(ip="192.0.2.7").post("/sign-ins", json=body) for body in bodies)
        said.update(response.status_code for response in await asyncio.gather(*requests))

    assert said == {401: 100, 429: 900}
    person = await tenant.person()
    assert (await tenant.sign_in(person, tenant.browser(ip="192.0.2.8")))["status"] == "complete"


async def test_with_a_hundred_thousand_limits_a_sign_in_causes_no_sequential_scan(tenant: Tenant) -> None:
    person = await tenant.person()
    await run_sql(tenant, FILL)
    await run_sql(tenant, "ANALYZE password_limits")
    await run_sql(tenant, "SELECT pg_stat_force_next_flush()")
    before = (await run_sql(tenant, SCANS))[0].count
    for _ in range(3):
        await tenant.sign_in(person, tenant.browser())
    await run_sql(tenant, "SELECT pg_stat_force_next_flush()")
    await asyncio.sleep(1.2)
    assert (await run_sql(tenant, SCANS))[0].count == before
    await run_sql(tenant, "DELETE FROM password_limits WHERE account_id = :account")
