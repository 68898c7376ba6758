"""The log of a real service: errors are found by request id, and no secret is in it."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.database.embedded import running_url
from tests.support.programs.serving import Serving
from tests.web.flow import Flow

MARKER = "mArKeR"

FAULT = """
import logging, structlog
from app.core.errors import NotFound
from app.core.logs import configure_logs
configure_logs({level!r})
log, foreign = structlog.get_logger(), logging.getLogger("a library")
def fail(secret):
    try:
        int(secret)
    except ValueError as error:
        raise NotFound("our own words") from error
try:
    fail("mAr" + "KeR")
except NotFound:
    log.exception("ours", number=1)
    foreign.exception("theirs")
log.info("ours at info")
foreign.info("theirs at info")
foreign.warning("line one\\nline two")
"""


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def logged(level: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", FAULT.format(level=level)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    assert MARKER not in done.stderr
    assert len(lines_of(done.stderr)) == len(done.stderr.splitlines())
    return lines_of(done.stderr)


async def ask(data_dir: Path, statement: str) -> None:
    connection = await asyncpg.connect(dsn=running_url(data_dir), timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_an_exception_is_logged_by_types_and_locations_by_every_logger() -> None:
    lines = logged("info")

    assert [line["event"] for line in lines] == ["ours", "theirs", "ours at info", "line one\nline two"]
    for line in lines[:2]:
        assert line["level"] == "error"
        assert line["timestamp"].endswith("Z")
        assert "builtins.ValueError\nwhich led to:\n" in line["exception"]
        assert line["exception"].endswith("app.core.errors.NotFound: our own words\n")
        assert "in fail\n" in line["exception"]


def test_the_log_level_applies_to_all_loggers() -> None:
    assert [line["event"] for line in logged("error")] == ["ours", "theirs"]


@pytest.fixture(scope="session")
async def flow(service: Serving) -> AsyncIterator[Flow]:
    headers = {"User-Agent": "mArKeR"}
    async with httpx.AsyncClient(base_url=f"{service.url}/v1/accounts/demo", headers=headers) as client:
        made = Flow(service, client)
        await made.use_all_secrets()
        await made.send_bad_requests()
        yield made


def assert_clean(service: Serving, flow: Flow) -> None:
    for line in service.output().splitlines():
        if line.startswith("{"):
            assert json.loads(line)
            assert not [secret for secret in flow.secrets if secret in line], line


async def test_no_secret_is_ever_logged(service: Serving, flow: Flow) -> None:
    assert len(flow.secrets) >= 18
    assert_clean(service, flow)
    lines = [line for line in lines_of(service.output()) if line["event"] == "request"]
    assert len(lines) > 15
    assert all({"request_id", "method", "route", "status", "milliseconds"} <= set(line) for line in lines)


@pytest.mark.parametrize(
    ("broken", "mended", "call"),
    [
        (
            "ALTER TABLE enrollments ADD CONSTRAINT no_marker CHECK (label <> 'mArKeR') NOT VALID",
            "ALTER TABLE enrollments DROP CONSTRAINT no_marker",
            ("POST", "/users/me/two-factor/enrollments", {"kind": "totp", "label": "mArKeR"}),
        ),
        (
            "ALTER TABLE trusted_devices RENAME COLUMN ip TO gone",
            "ALTER TABLE trusted_devices RENAME COLUMN gone TO ip",
            ("GET", "/users/me/trusted-devices", None),
        ),
        (
            """
            ALTER TABLE second_factor_state DROP CONSTRAINT ck_second_factor_state_passcode_frequency;
            UPDATE second_factor_state SET passcode_frequency = 'mArKeR'
            """,
            "UPDATE second_factor_state SET passcode_frequency = 'every_30_days'",
            ("GET", "/users/me/two-factor", None),
        ),
    ],
    ids=["a constraint that quotes the row", "a missing column", "a value that no answer may hold"],
)
async def test_a_database_error_is_logged_with_its_request_id_and_no_values(
    service: Serving, flow: Flow, served_data_dir: Path, broken: str, mended: str, call: tuple[str, str, Any]
) -> None:
    method, path, body = call
    await ask(served_data_dir, broken)
    try:
        response = await flow.client.request(method, path, json=body, headers={"X-Request-ID": "find-me"})
    finally:
        await ask(served_data_dir, mended)

    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert_clean(service, flow)
    found = [line for line in lines_of(service.output()) if line.get("request_id") == "find-me"][-2:]
    assert [line["event"] for line in found] == ["fault", "request"]
    assert "/app/" in found[0]["exception"]
