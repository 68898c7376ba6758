"""Traces of requests, jobs and SQL from every process, without secrets."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.commands.check import check_everything
from app.core.traces import SEND_SECONDS, Traces
from app.database.engine import Database, driver
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.account.variants import variant
from tests.support.observe.jobs import eventually
from tests.support.programs.mail import letters_in
from tests.support.programs.serving import free_port, passgate, serving
from tests.web.collector import Collector, running_collector
from tests.web.flow import Flow
from tests.web.test_metrics_of_workers import get, halted, workers_of

SERVER, CLIENT, CONSUMER = 2, 3, 5
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROUTE = "/v1/accounts/{account}"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traced")


class TracedService:
    """The spans and log lines of a service of two workers during the calls of `Flow`."""

    def __init__(self, collector: Collector, flow: Flow, output: str) -> None:
        self.collector = collector
        self.spans = collector.spans
        self.secrets = flow.secrets
        self.lines: list[dict[str, Any]] = [
            json.loads(line) for line in output.splitlines() if line.startswith("{")
        ]


@pytest.fixture(scope="module")
async def traced(directory: Path) -> AsyncIterator[TracedService]:
    async def letter_is_sent() -> bool:
        return letters_in(directory / "data" / "letters") != []

    settings = {
        "PASSGATE_LOG_LEVEL": "debug",
        "OTEL_BSP_SCHEDULE_DELAY": "600000",  # milliseconds, so that all spans are sent at shutdown
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",  # FastAPI's own spans, which contain paths and queries
    }
    with running_collector() as collector:
        settings |= {"PASSGATE_TRACES_URL": collector.url, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url}
        with serving(directory / "data", "--workers", "2", **settings) as service:
            for worker in workers_of(service):
                with halted(worker):
                    ok(get(service, "/healthz"))
            caused = {
                "traceparent": f"00-{TRACE}-{PARENT}-01",
                "tracestate": "mArKeR=mArKeR",
                "baggage": "x=mArKeR",
            }
            async with httpx.AsyncClient(
                base_url=f"{service.url}/v1/accounts/demo", headers={"User-Agent": "mArKeR", **caused}
            ) as client:
                flow = Flow(service, client)
                await flow.use_all_secrets()
                await flow.send_bad_requests()
                await client.get("/session", headers={"X-Request-ID": "find-me", "traceparent": "none"})
            await eventually(letter_is_sent)
        yield TracedService(collector, flow, service.output())


def test_a_request_is_a_span_of_its_route_with_a_child_span_for_each_statement(traced: TracedService) -> None:
    [request] = [
        span
        for span in traced.spans
        if span.name == f"POST {ROUTE}/sign-ins/passcode" and span.attributes["http.response.status_code"] == 201
    ]
    assert (request.kind, request.trace_id, request.parent_id) == (SERVER, TRACE, PARENT)
    assert request.attributes["http.route"] == f"{ROUTE}/sign-ins/passcode"
    assert request.attributes["http.request.method"] == "POST"
    statements = [span for span in traced.spans if span.parent_id == request.id]
    assert {span.kind for span in statements} == {CLIENT}
    said = [span.attributes["db.query.text"] for span in statements]
    assert any("second_factor_state" in statement and "$1" in statement for statement in said)
    assert [statement.split()[0] for statement in said] == [span.name for span in statements]
    assert {span.name for span in statements} == {"SELECT", "WITH"}
    assert {"BEGIN", "COMMIT"} <= {span.name for span in traced.spans}
    assert all(0 < span.nanoseconds < 5e9 for span in statements)


def test_no_secret_and_no_text_of_a_client_is_in_a_span(traced: TracedService) -> None:
    assert len(traced.secrets) >= 18
    assert len(traced.spans) > 60
    for body in traced.collector.bodies:
        assert [secret for secret in traced.secrets if secret.encode() in body] == []
        assert b"/v1/accounts/demo" not in body
    names = {name for span in traced.spans for name in span.attributes}
    assert names <= {
        "db.query.text",
        "db.system.name",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "passgate.request_id",
    }


def test_the_log_names_the_trace_of_a_request_and_the_trace_its_request(traced: TracedService) -> None:
    [line] = [found for found in traced.lines if found.get("request_id") == "find-me"]
    [span] = [found for found in traced.spans if found.attributes.get("passgate.request_id") == "find-me"]

    assert line["event"] == "request"
    assert line["trace_id"] == span.trace_id != TRACE
    assert span.parent_id == ""


def test_every_process_sends_its_spans_and_a_job_is_a_span_too(traced: TracedService) -> None:
    assert len({span.instance for span in traced.spans if span.name == "GET /healthz"}) == 2
    jobs = [span for span in traced.spans if span.name == "send_letter"]
    assert {span.kind for span in jobs} == {CONSUMER}
    assert any(span.parent_id == jobs[0].id for span in traced.spans)
    done = [line for line in traced.lines if line["event"] == "job done" and line["task"] == "send_letter"]
    assert done[0]["trace_id"] in {span.trace_id for span in jobs}


async def test_an_error_is_recorded_by_its_type_only(tenant: Tenant) -> None:
    with running_collector() as collector:
        traces = Traces(collector.url)
        with pytest.raises(ValueError, match="mArKeR"), traces.job("a task"):
            raise ValueError("mArKeR")
        broken = variant(tenant, traces=traces)
        broken.app.state.accounts = None  # every call raises
        refused(await broken.browser().get("/session"), 500, "internal_error")
        await traces.close()

    assert b"mArKeR" not in b"".join(collector.bodies)
    assert [(span.failed, span.attributes["error.type"]) for span in collector.spans] == [
        (True, "ValueError"),
        (True, "500"),
    ]


async def test_a_statement_is_one_span_however_it_is_run(tenant: Tenant) -> None:
    with running_collector() as collector:
        traces = Traces(collector.url)
        database = Database(tenant.services.database_url)  # connects inside the span
        with traces.job("a task"):
            async with database.begin() as tx:
                await tx.execute(text("SELECT 1 WHERE :word = 'mArKeR'"), {"word": "mArKeR"})
                await tx.execute(text("CREATE TEMPORARY TABLE words (word text) ON COMMIT DROP"))
                await tx.execute(text("INSERT INTO words VALUES (:word)"), [{"word": "mArKeR"}, {"word": "b"}])
                assert await driver(tx).fetchval("SELECT count(*) FROM words WHERE word = $1", "mArKeR") == 1
            async with database.read() as tx:
                with pytest.raises(DBAPIError):
                    await tx.execute(text("SELECT 1 / 0"))
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await driver(tx).execute("SELECT 2 / 0")
        await database.close()
        await traces.close()

    statements = [span.attributes for span in collector.spans if span.kind == CLIENT]
    assert sorted((told["db.query.text"], told.get("error.type")) for told in statements) == [
        ("BEGIN ISOLATION LEVEL READ COMMITTED", None),
        ("COMMIT", None),
        ("CREATE TEMPORARY TABLE words (word text) ON COMMIT DROP", None),
        ("INSERT INTO words VALUES ($1)", None),
        ("SELECT 1 / 0", "22012"),
        ("SELECT 1 WHERE $1 = 'mArKeR'", None),
        ("SELECT 2 / 0", "22012"),
        ("SELECT count(*) FROM words WHERE word = $1", None),
    ]


async def test_a_hanging_collector_delays_neither_requests_nor_shutdown(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")  # so that it sends from the first request on
    monkeypatch.setattr("app.core.traces.FLUSH_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as hangs:  # accepts connections and never answers
        traces = Traces(f"http://127.0.0.1:{hangs.getsockname()[1]}/v1/traces")
        browser = variant(tenant, traces=traces).browser()
        begun_at = time.monotonic()
        for _ in range(30):
            refused(await browser.get("/session"), 401, "unauthenticated")
        answered_at = time.monotonic()
        await traces.close()

    assert answered_at - begun_at < SEND_SECONDS
    assert time.monotonic() - answered_at < SEND_SECONDS


async def test_passgate_check_says_whether_spans_are_accepted(tenant: Tenant) -> None:
    with running_collector() as collector:
        urls = {collector.url: True, f"http://127.0.0.1:{free_port()}/v1/traces": False}
        for url, taken in urls.items():
            traces = Traces(url)
            findings = await check_everything(variant(tenant, traces=traces).services)
            assert [found.well for found in findings if found.subject == "traces"] == [taken]
            await traces.close()


def test_without_the_setting_the_sdk_is_not_imported() -> None:
    program = "import sys, app.cli; print(*(name for name in sys.modules if name.startswith('opentelemetry.')))"
    command = [sys.executable, "-c", program]
    imported = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()

    assert imported  # the API, which FastAPI installs
    assert [name for name in imported if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))] == []


def test_without_the_extra_the_setting_is_refused_by_one_clear_line(tmp_path: Path) -> None:
    missing = tmp_path / "opentelemetry" / "sdk" / "__init__.py"  # found before the installed one
    missing.parent.mkdir(parents=True)
    missing.write_text("raise ModuleNotFoundError")
    for command in ("check", "serve", "worker"):
        done = passgate(
            command,
            data_dir=tmp_path / "data",
            PASSGATE_TRACES_URL="http://127.0.0.1:4318/v1/traces",
            PASSGATE_DATABASE_URL="postgresql://127.0.0.1:1/none",
            PASSGATE_SECRET_KEYS="k1:q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
            PYTHONPATH=str(tmp_path),
        )
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "passgate: PASSGATE_TRACES_URL: is set, but traces are the extra passgate[traces]"
        ]
