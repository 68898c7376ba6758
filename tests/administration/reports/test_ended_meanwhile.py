"""A report is neither requested nor downloaded by an admin who lost the role while the request waited."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.reports import BODY, ReportClient
from tests.support.observe.locks import locked

ACTS: dict[str, Callable[[Client, str], Coroutine[Any, Any, httpx.Response]]] = {
    "request": lambda client, _: client.post("/reports", json=BODY),
    "download": lambda client, report_id: client.get(f"/reports/{report_id}/csv"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_admin_who_became_an_agent_meanwhile_gets_nothing(
    tenant: Tenant, owner: SimulatedUser, reports: ReportClient, act: str
) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    ready = await reports.ask(owner)
    await reports.run_jobs()
    async with locked(tenant, admin) as lock:
        demoting = asyncio.create_task(owner.browser.patch(f"/users/{admin.id}", json={"role": "agent"}))
        await lock.until_waiting(1)
        acting = asyncio.create_task(ACTS[act](admin.browser, ready["id"]))
        await lock.until_waiting(2)

    ok(await demoting)
    refused(await acting, 403, "forbidden")
    assert len(ok(await owner.browser.get("/reports"))["items"]) == 1
