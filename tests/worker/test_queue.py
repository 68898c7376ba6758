"""Enqueuing jobs: they are committed or rolled back with the transaction that enqueues them."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.database.queue import enqueue
from app.delivery.letters import Email, Kind, Recipient, enqueue_email, get_recipient
from app.services import Services
from tests.delivery.conftest import a_letter
from tests.support.account.arrange import Tenant
from tests.support.observe.jobs import empty_queue, jobs


@pytest.fixture(autouse=True)
async def nothing_queued(services: Services) -> None:
    await empty_queue(services)


async def test_a_job_is_there_once_its_transaction_has_committed(services: Services) -> None:
    async with services.database.begin() as tx:
        await enqueue(tx, "some_task", {"number": 1, "text": "ü'\"\\", "nothing": None}, queue="reports")
        assert await jobs(services) == []

    [job] = await jobs(services)
    assert (job.task, job.queue, job.status) == ("some_task", "reports", "todo")
    assert job.arguments == {"number": 1, "text": "ü'\"\\", "nothing": None}


async def test_a_job_is_rolled_back_with_its_transaction(services: Services) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012 -- what the transaction does is the point
        async with services.database.begin() as tx:
            await enqueue(tx, "some_task", {})
            raise RuntimeError

    assert await jobs(services) == []


async def test_a_second_job_with_the_same_queueing_lock_is_refused(services: Services) -> None:
    async with services.database.begin() as tx:
        await enqueue(tx, "some_task", {"first": True}, queueing_lock="one")

    with pytest.raises(IntegrityError):
        async with services.database.begin() as tx:
            await enqueue(tx, "some_task", {"first": False}, queueing_lock="one")

    assert [job.arguments for job in await jobs(services)] == [{"first": True}]


async def test_a_queued_letter_is_read_back_unchanged(services: Services) -> None:
    letter = a_letter(Kind.RECOVERY_CODES_REGENERATED, details={"by": {"name": "ü", "email": "b@example.com"}})

    async with services.database.begin() as tx:
        await enqueue_email(tx, letter)

    [job] = await jobs(services)
    assert (job.task, job.queue) == ("send_letter", "letters")
    assert Email.from_json(job.arguments) == letter


async def test_a_job_reads_the_recipient_of_its_letter_from_the_user(tenant: Tenant) -> None:
    person = await tenant.person(locale="de", name="Änne")

    async with tenant.services.database.read() as tx:
        found = await get_recipient(tx, tenant.account.id, person.user.id)

    assert found == Recipient(tenant.account.name, person.user.email, "Änne", "de")
