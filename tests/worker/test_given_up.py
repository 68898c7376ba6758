"""E-mails that were given up: listed, sent again once, and not kept longer for it."""

import pytest
from sqlalchemy import text

from app.commands import letters
from app.commands.letters import list_given_up, retry_given_up
from app.commands.retention import purge
from app.core.errors import NotFound
from app.delivery.letters import enqueue_email
from app.services import Services
from tests.delivery.conftest import a_letter
from tests.support.account.arrange import Tenant
from tests.support.observe.jobs import all_done, eventually, jobs, working
from tests.support.observe.metrics import scrape
from tests.support.programs.mail import RunningServer
from tests.web.test_metrics import value

ALICE = "alice@example.com"


async def give_up(services: Services, server: RunningServer, tenant: Tenant, count: int = 1) -> None:
    """Let the mail server refuse this many letters of the account permanently."""
    server.mailbox.to_recipient[ALICE] = ["550 no such user"] * count
    async with services.database.begin() as tx:
        for _ in range(count):
            await enqueue_email(tx, a_letter(to=ALICE, account_id=tenant.account.id))
    async with working(services):
        await all_done(services)
    assert [job.status for job in await jobs(services)] == ["failed"] * count


async def test_letters_given_up_are_listed_without_personal_data(
    worker_services: Services, smtp_server: RunningServer, tenant: Tenant
) -> None:
    await give_up(worker_services, smtp_server, tenant, 2)

    [found] = await list_given_up(worker_services)

    assert (found.account, found.kind, found.count) == (tenant.account.slug, "password_changed", 2)
    assert found.first <= found.last
    assert ALICE not in found.describe()


async def test_a_letter_given_up_is_sent_again_once(
    worker_services: Services, smtp_server: RunningServer, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "BATCH", 2)
    await give_up(worker_services, smtp_server, tenant, 5)

    assert await retry_given_up(worker_services) == 5
    assert await retry_given_up(worker_services) == 0
    async with working(worker_services):
        await all_done(worker_services)

    assert len(smtp_server.mailbox.of(ALICE)) == 5
    assert await jobs(worker_services) == []
    assert await list_given_up(worker_services) == []


async def test_only_the_letters_of_one_account_are_sent_again(
    worker_services: Services, smtp_server: RunningServer, tenant: Tenant
) -> None:
    await give_up(worker_services, smtp_server, tenant)
    async with worker_services.database.begin() as tx:
        await tx.execute(
            text("UPDATE procrastinate_jobs SET args = args || CAST(:other AS jsonb)"),
            {"other": '{"account_id": "01938bd2-0000-7000-8000-000000000009"}'},
        )

    assert await retry_given_up(worker_services, tenant.account.slug) == 0
    with pytest.raises(NotFound):
        await retry_given_up(worker_services, "nobody")
    assert await retry_given_up(worker_services) == 1


async def test_sending_again_does_not_keep_a_letter_longer_than_retention_says(
    worker_services: Services, smtp_server: RunningServer, tenant: Tenant
) -> None:
    await give_up(worker_services, smtp_server, tenant)
    async with worker_services.database.begin() as tx:
        await tx.execute(text("UPDATE procrastinate_events SET at = at - interval '31 days'"))
    smtp_server.mailbox.to_recipient[ALICE] = ["550 no such user"]
    await retry_given_up(worker_services)
    async with working(worker_services):
        await all_done(worker_services)
    assert [job.status for job in await jobs(worker_services)] == ["failed"]

    await purge(worker_services)

    assert await jobs(worker_services) == []


async def test_one_full_mailbox_does_not_count_as_a_letter_that_waits_for_its_first_try(
    worker_services: Services, smtp_server: RunningServer, tenant: Tenant
) -> None:
    smtp_server.mailbox.to_recipient[ALICE] = ["452 mailbox full"] * 50
    async with worker_services.database.begin() as tx:
        await enqueue_email(tx, a_letter(to=ALICE))
    async with working(worker_services):

        async def was_tried() -> bool:
            return (await jobs(worker_services))[0].attempts > 0

        await eventually(was_tried)
    async with worker_services.database.begin() as tx:
        await tx.execute(text("UPDATE procrastinate_events SET at = now() - interval '1 hour'"))
    tenant.clock.turn(minutes=2)  # beyond the cache of the metrics

    waiting = await scrape(worker_services)

    name = "passgate_oldest_job_seconds"
    assert value(waiting, name, queue="letters", attempt="first") == 0
    assert value(waiting, name, queue="letters", attempt="retry") > 3000


async def test_a_letter_that_was_never_tried_is_measured(worker_services: Services, tenant: Tenant) -> None:
    async with worker_services.database.begin() as tx:
        await enqueue_email(tx, a_letter(to=ALICE))
        await tx.execute(text("UPDATE procrastinate_events SET at = now() - interval '1 hour'"))
    tenant.clock.turn(minutes=2)

    waiting = await scrape(worker_services)

    assert value(waiting, "passgate_oldest_job_seconds", queue="letters", attempt="first") > 3000


async def test_a_refused_sender_delays_letters_and_loses_none(
    worker_services: Services, smtp_server: RunningServer
) -> None:
    smtp_server.mailbox.to_sender = ["550 sender rejected"] * 3
    async with worker_services.database.begin() as tx:
        await enqueue_email(tx, a_letter(to=ALICE))

    async with working(worker_services):
        await all_done(worker_services)

    assert len(smtp_server.mailbox.of(ALICE)) == 1
    assert await jobs(worker_services) == []
