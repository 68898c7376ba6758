"""Killing the database or cutting connections during sign-ins loses nothing acknowledged."""

import asyncio
import random
from contextlib import suppress

import asyncpg

from tests.faults.cluster import Cluster
from tests.faults.storm import assert_nothing_is_lost, people, ready_again, run_storm
from tests.support.account.arrange import Tenant

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'passgate'"


async def test_a_database_killed_at_random_moments_loses_nothing_acknowledged(
    cluster: Cluster, tenant: Tenant
) -> None:
    everybody = await people(tenant, signers=24, guessers=6)
    storm = asyncio.create_task(run_storm(tenant, everybody))
    for _ in range(3):
        await asyncio.sleep(random.uniform(0.02, 0.25))
        cluster.kill()
        await asyncio.sleep(0.2)
        cluster.start()
        await ready_again(tenant)
    await storm

    await assert_nothing_is_lost(tenant, everybody)


async def test_connections_cut_at_random_moments_lose_nothing_acknowledged(
    cluster: Cluster, tenant: Tenant
) -> None:
    everybody = await people(tenant, signers=24, guessers=6)
    storm = asyncio.create_task(run_storm(tenant, everybody))
    async with cluster.connection() as somebody_else:
        while not storm.done():
            with suppress(asyncpg.PostgresError):
                await somebody_else.execute(CUT)
            await asyncio.sleep(random.uniform(0.05, 0.3))
    await storm

    await assert_nothing_is_lost(tenant, everybody)
