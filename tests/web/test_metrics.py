"""The Prometheus metrics: requests, sign-ins, queue and database, without names or secrets."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from app.core.callers import Role
from app.crypto.passwords import Argon2Parameters, Hasher
from app.database.queue import PermanentJobError
from app.database.tables.delivery_counts import DELIVERY_RESULTS
from app.delivery.jobs import send_letter
from app.delivery.mailer import MailDeferredError, MailMisconfiguredError, MailUnavailableError
from app.delivery.repository import Result
from app.main import create_app
from app.web.metrics_port import metrics_app
from tests.delivery.conftest import a_letter
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.services import with_changes
from tests.support.account.sign_ins import submit
from tests.support.account.variants import variant
from tests.support.observe.locks import until_waiting
from tests.support.observe.metrics import scrape
from tests.support.programs.mail import mail_server
from tests.support.programs.serving import free_port, passgate

URL = "http://127.0.0.1:8000/metrics"


def value(metrics: str, name: str, **labels: str) -> float:
    """Return the sum of the samples of this name that have these labels."""
    families = text_string_to_metric_families(metrics)
    samples: Iterable[float] = (
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
    return sum(samples)


def connections_in_use() -> float:
    return REGISTRY.get_sample_value("passgate_pool_in_use") or 0


def said_of(metrics: str) -> tuple[int, str]:
    """Return the exit status and the output of promtool."""
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=metrics, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


async def read(tenant: Tenant) -> str:
    return await scrape(tenant.services)


async def test_sign_ins_and_refusals_are_counted(tenant: Tenant) -> None:
    before = await read(tenant)
    person = await tenant.enrolled()
    await tenant.pass_passcode(person, tenant.browser())
    refused(await submit(tenant.browser(), await tenant.asked(person), "000000"), 401, "passcode_incorrect")
    after = await read(tenant)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    route = "/v1/accounts/{account}/sign-ins/passcode"
    assert grown("passgate_sign_ins_total", methods="pwd otp", trusted_device="false") == 1
    assert grown("passgate_sign_ins_total", methods="pwd") == 1
    assert grown("passgate_refusals_total", route=route, code="passcode_incorrect") == 1
    assert grown("passgate_requests_total", method="POST", route=route, status="201") == 1
    assert grown("passgate_request_seconds_count", route=route) == 2
    assert value(after, "passgate_database_up") == 1
    assert 0 < value(after, "passgate_enrollment_share", at_most="10") <= 1
    assert value(after, "passgate_jobs", queue="letters", state="todo") >= 1
    for secret in (person.user.email, person.id, tenant.account.slug, str(tenant.account.id)):
        assert secret not in after


async def test_throttled_users_are_counted(tenant: Tenant) -> None:
    person = await tenant.enrolled(Role.END_USER)
    token = await tenant.asked(person)
    before = value(await read(tenant), "passgate_throttled_users")
    for _ in range(5):
        await submit(tenant.browser(), token, "000000")

    assert value(await read(tenant), "passgate_throttled_users") == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_without_a_token_the_public_port_has_no_metrics_even_for_localhost(
    tenant: Tenant, method: str
) -> None:
    found = await tenant.browser().request(method, URL)
    other = await tenant.browser().request(method, URL.replace("metrics", "metricz"))

    assert found.status_code == 404
    assert found.content == other.content
    varying = {"x-request-id": ""}
    assert {**found.headers, **varying} == {**other.headers, **varying}


async def test_with_a_token_only_its_holder_reads_the_metrics(tenant: Tenant) -> None:
    services = with_changes(tenant.services, metrics_token=SecretStr("a token for Prometheus"))
    transport = httpx.ASGITransport(create_app(services), client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=transport) as client:
        for given in ({}, {"Authorization": "Bearer another"}, {"Authorization": "a token for Prometheus"}):
            refused(await client.get(URL, headers=given), 401, "unauthenticated")
        good = {"Authorization": "Bearer a token for Prometheus"}
        read = await client.get(URL, headers=good)
        assert read.status_code == 200
        assert read.headers["cache-control"] == "no-store"
    transport = httpx.ASGITransport(metrics_app(services))
    async with httpx.AsyncClient(transport=transport) as client:  # the metrics port needs the token too
        refused(await client.get(URL), 401, "unauthenticated")
        assert (await client.get(URL, headers=good)).status_code == 200
        refused(await client.get(URL.replace("metrics", "healthz")), 404, "not_found")


async def test_letters_are_counted_by_result(tenant: Tenant, tmp_path: Path) -> None:
    assert {result.value for result in Result} == set(DELIVERY_RESULTS)
    taken = with_changes(tenant.services, mail_url=f"file:{tmp_path}")
    gone = with_changes(tenant.services, mail_url=f"smtp://127.0.0.1:{free_port()}")
    before = await read(tenant)
    for letter in (a_letter(), a_letter(account_id=tenant.account.id)):  # of two accounts
        await send_letter(taken, **letter.to_json())
    with pytest.raises(PermanentJobError):
        await send_letter(taken, **a_letter(to="no address").to_json())
    with pytest.raises(MailUnavailableError):
        await send_letter(gone, **a_letter().to_json())
    with mail_server() as server:
        server.mailbox.to_sender = ["250 OK", "550 sender rejected"]
        server.mailbox.to_recipient[a_letter().to] = ["452 mailbox full"]
        reached = with_changes(tenant.services, mail_url=server.url())
        with pytest.raises(MailDeferredError):
            await send_letter(reached, **a_letter().to_json())
        with structlog.testing.capture_logs() as logs, pytest.raises(MailMisconfiguredError):
            await send_letter(reached, **a_letter().to_json())
    after = await read(tenant)

    assert [entry["reason"] for entry in logs if entry["event"] == "mail misconfigured"] == [
        "the mail server refuses the sender no-reply@localhost (550): see PASSGATE_MAIL_FROM"
    ]
    assert all(f'result="{result}"' in before for result in DELIVERY_RESULTS)  # each from zero on
    counts = {"sent": 2, "refused": 1, "unavailable": 1, "deferred": 1, "misconfigured": 1}
    for result, count in counts.items():
        labels = {"channel": "email", "result": result}
        name = "passgate_deliveries_total"
        assert value(after, name, **labels) - value(before, name, **labels) == count, result


async def test_a_storm_of_scrapes_takes_one_connection(tenant: Tenant) -> None:
    fresh = variant(tenant)
    transport = httpx.ASGITransport(metrics_app(fresh.services))  # nothing is cached yet
    prometheus = httpx.AsyncClient(transport=transport)
    database = tenant.services.database
    async with database.begin() as tx:
        await tx.execute(text("LOCK TABLE second_factor_state IN ACCESS EXCLUSIVE MODE"))
        before = connections_in_use()
        storm = [asyncio.create_task(prometheus.get(URL)) for _ in range(30)]
        await until_waiting(database)
        for _ in range(3):
            refused(await fresh.browser().get("/session"), 401, "unauthenticated")
        assert not any(scrape.done() for scrape in storm)
        assert connections_in_use() == before + 1

    answers = await asyncio.gather(*storm)
    assert {answer.status_code for answer in answers} == {200}
    assert {value(answer.text, "passgate_database_up") for answer in answers} == {1}


async def test_hashes_are_in_the_queue_until_they_are_done() -> None:
    hasher = Hasher(Argon2Parameters(time_cost=20), threads=1)
    before = REGISTRY.get_sample_value("passgate_hash_queue") or 0
    running = [asyncio.create_task(hasher.hash_password("a password")) for _ in range(3)]
    await asyncio.sleep(0)  # so that each is in the queue

    assert REGISTRY.get_sample_value("passgate_hash_queue") == before + 3
    await asyncio.gather(*running)
    hasher.close()
    assert REGISTRY.get_sample_value("passgate_hash_queue") == before


@pytest.mark.skipif(shutil.which("promtool") is None, reason="apt-get install prometheus")
async def test_promtool_finds_no_problem(tenant: Tenant) -> None:
    ok(await tenant.browser().get("http://127.0.0.1:8000/healthz"))

    assert said_of(await read(tenant)) == (0, "")


def test_a_multiprocess_directory_from_the_environment_is_not_used(tmp_path: Path) -> None:
    others, gone = tmp_path / "others", tmp_path / "gone"
    others.mkdir()
    for directory in (others, gone):
        done = passgate("openapi", data_dir=tmp_path / "data", PROMETHEUS_MULTIPROC_DIR=str(directory))
        assert done.returncode == 0, done.stderr
    assert list(others.iterdir()) == []
