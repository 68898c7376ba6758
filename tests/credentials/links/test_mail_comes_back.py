"""Links whose e-mails wait for the mail server: a password link is renewed, or counted as lost."""

from pathlib import Path
from typing import Any

import pytest
import structlog

from app.credentials.links.jobs import look_up_for_password_link, send_link
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.services import with_changes
from tests.support.observe.mailbox import token_in
from tests.support.observe.sql import run_sql, set_status
from tests.support.programs.mail import letters_in

NEW = "another long enough password"


@pytest.fixture
async def person(tenant: Tenant) -> SimulatedUser:
    return await tenant.person(email="eve@example.com")


@pytest.fixture
def sending(tenant: Tenant, tmp_path: Path) -> Services:
    """Services whose letters go to `tmp_path`."""
    return with_changes(tenant.services, mail_url=f"file:{tmp_path}")


async def take_job(tenant: Tenant, task: str) -> dict[str, Any] | None:
    """Remove the only job of this task and account from the queue, and return its arguments."""
    statement = """
        DELETE FROM procrastinate_jobs WHERE task_name = :task
        AND args->>'account_id' = CAST(CAST(:account AS uuid) AS text) RETURNING args
    """
    found = await run_sql(tenant, statement, task=task)
    assert len(found) <= 1
    return found[0].args if found else None


async def ask(tenant: Tenant, services: Services, person: SimulatedUser) -> dict[str, Any]:
    """Request a password link, and return the arguments of the job that sends it."""
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    looked_up = await take_job(tenant, "look_up_for_password_link")
    assert looked_up is not None
    await look_up_for_password_link(services, **looked_up)
    job = await take_job(tenant, "send_link")
    assert job is not None
    return job


async def expired(tenant: Tenant) -> int:
    """Return how many letters of the account were counted as expired."""
    statement = "SELECT count FROM delivery_counts WHERE account_id = :account AND result = 'expired'"
    return sum(row.count for row in await run_sql(tenant, statement))


async def test_a_password_link_that_ended_unsent_is_replaced_by_a_fresh_one(
    tenant: Tenant, sending: Services, person: SimulatedUser, tmp_path: Path
) -> None:
    job = await ask(tenant, sending, person)
    tenant.clock.turn(hours=5)

    await send_link(sending, **job)
    assert letters_in(tmp_path) == []
    fresh = await take_job(tenant, "send_link")
    assert fresh is not None
    assert (fresh["at"], fresh["ip"]) == (job["at"], job["ip"])
    tenant.clock.turn(minutes=59)
    await send_link(sending, **fresh)

    [letter] = letters_in(tmp_path)
    body = letter.get_body(("plain",))
    assert body is not None
    redemption = {"token": token_in(body.get_content()), "new_password": NEW}
    ok(await tenant.browser().post("/password-links/redemption", json=redemption), 204)
    await send_link(sending, **job)  # the first job runs again
    assert await take_job(tenant, "send_link") is None
    assert await expired(tenant) == 0


async def test_a_token_that_may_have_been_delivered_does_not_live_longer(
    tenant: Tenant, sending: Services, person: SimulatedUser, tmp_path: Path
) -> None:
    job = await ask(tenant, sending, person)
    await send_link(sending, **job)
    [letter] = letters_in(tmp_path)
    body = letter.get_body(("plain",))
    assert body is not None
    # As if the worker had died after the mail server took the letter.
    sealed = "UPDATE links SET sealed_token = '\\x00' WHERE account_id = :account"
    await run_sql(tenant, sealed)
    tenant.clock.turn(hours=1)
    await send_link(sending, **job)
    fresh = await take_job(tenant, "send_link")

    assert fresh is not None
    assert fresh["link_id"] != job["link_id"]
    redemption = {"token": token_in(body.get_content()), "new_password": NEW}
    refused(await tenant.browser().post("/password-links/redemption", json=redemption), 410, "link_expired")


async def test_a_request_older_than_a_day_is_counted_as_lost_and_logged(
    tenant: Tenant, sending: Services, person: SimulatedUser, tmp_path: Path
) -> None:
    job = await ask(tenant, sending, person)
    tenant.clock.turn(hours=24)

    with structlog.testing.capture_logs() as logs:
        await send_link(sending, **job)

    assert letters_in(tmp_path) == []
    assert await take_job(tenant, "send_link") is None
    assert await expired(tenant) == 1
    [lost] = [entry for entry in logs if entry["event"] == "letter expired"]
    assert (lost["kind"], lost["log_level"]) == ("password_link", "warning")
    assert person.user.email not in str(lost)


async def test_renewing_ends_a_day_after_the_request(
    tenant: Tenant, sending: Services, person: SimulatedUser
) -> None:
    job: dict[str, Any] | None = await ask(tenant, sending, person)
    renewed = 0
    while job is not None:
        tenant.clock.turn(hours=1)
        await send_link(sending, **job)
        job = await take_job(tenant, "send_link")
        renewed += job is not None

    assert renewed == 23
    assert await expired(tenant) == 1


async def test_a_suspended_user_gets_no_fresh_link(
    tenant: Tenant, sending: Services, person: SimulatedUser
) -> None:
    job = await ask(tenant, sending, person)
    await set_status(tenant, person, "suspended")
    tenant.clock.turn(hours=2)

    await send_link(sending, **job)

    assert await take_job(tenant, "send_link") is None
    assert await expired(tenant) == 0


async def test_a_link_that_a_newer_one_replaced_is_not_renewed(
    tenant: Tenant, sending: Services, person: SimulatedUser, tmp_path: Path
) -> None:
    old = await ask(tenant, sending, person)
    tenant.clock.turn(hours=2)
    new = await ask(tenant, sending, person)

    await send_link(sending, **old)
    assert await take_job(tenant, "send_link") is None
    await send_link(sending, **new)

    assert len(letters_in(tmp_path)) == 1
