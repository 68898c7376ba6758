"""No database at the configured URL: every call is 503 in time, whatever else listens there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
from pydantic import SecretStr

from app.core.secret_keys import new_key_setting
from app.core.settings import Settings
from app.main import create_app
from app.services import Services, make_services
from tests.faults.cluster import Cluster, in_time, unavailable
from tests.support.account.client import client_of, ok
from tests.support.account.clock import TurnableClock
from tests.support.programs.serving import free_port, passgate

ROOT = "http://127.0.0.1:8000"


@asynccontextmanager
async def services_at(settings: Settings, url: str, clock: TurnableClock) -> AsyncIterator[Services]:
    made = make_services(settings.model_copy(update={"database_url": SecretStr(url)}), clock=clock)
    try:
        yield made
    finally:
        with in_time():
            await made.close()


async def assert_unavailable(services: Services) -> None:
    browser = client_of(create_app(services), "any")
    await asyncio.gather(
        *(unavailable(browser.get("/session")) for _ in range(15)), unavailable(browser.get(f"{ROOT}/readyz"))
    )
    with in_time(1):
        assert ok(await browser.get(f"{ROOT}/healthz")) == {"status": "ok"}


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def answer_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"N" + b"\x00" * 4096)
    writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1:1", "passgate.invalid:5432", "[::1]:1", "127.0.0.1:99999"])
async def test_calls_are_unavailable_if_nothing_listens_at_the_url(
    settings: Settings, the_clock: TurnableClock, host: str
) -> None:
    async with services_at(settings, f"postgresql://passgate:secret@{host}/passgate", the_clock) as services:
        await assert_unavailable(services)


@pytest.mark.parametrize(
    "answer", [stay_silent, hang_up, answer_http, answer_garbage], ids=lambda found: found.__name__
)
@pytest.mark.parametrize("tls", ["disable", "prefer", "require"])
async def test_calls_are_unavailable_if_something_else_listens_at_the_url(
    settings: Settings,
    the_clock: TurnableClock,
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: str,
) -> None:
    port = free_port()
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        url = f"postgresql://passgate:secret@127.0.0.1:{port}/passgate?sslmode={tls}"
        async with services_at(settings, url, the_clock) as services:
            await assert_unavailable(services)


@pytest.mark.parametrize(
    "wrong", ["password", "user", "database", "no socket", "no parameter", "no root certificate"]
)
async def test_calls_are_unavailable_if_the_url_is_wrong(
    cluster: Cluster, settings: Settings, the_clock: TurnableClock, wrong: str
) -> None:
    parts = urlsplit(cluster.url)
    netloc = {"password": "passgate:wrong@", "user": f"nobody:{parts.password}@"}.get(wrong, parts.netloc)
    path = "/nothing" if wrong == "database" else parts.path
    query = {
        "no socket": "host=/nowhere",
        "no parameter": f"{parts.query}&no_such_parameter=1",
        "no root certificate": "host=127.0.0.1&port=1&sslmode=verify-full",
    }.get(wrong, parts.query)
    url = urlunsplit((parts.scheme, netloc, path, query, ""))
    async with services_at(settings, url, the_clock) as services:
        await assert_unavailable(services)


async def test_of_several_hosts_the_reachable_one_is_used(
    cluster: Cluster, settings: Settings, the_clock: TurnableClock
) -> None:
    parts = urlsplit(cluster.url)
    directory = parse_qs(parts.query)["host"][0]
    url = f"postgresql://{parts.username}:{parts.password}@/passgate?host=/nowhere,{directory}&port=5432,5432"
    async with services_at(settings, url, the_clock) as services:
        browser = client_of(create_app(services), "any")
        with in_time():
            assert ok(await browser.get(f"{ROOT}/readyz")) == {"status": "ok"}


@pytest.mark.parametrize(
    "command",
    [["migrate"], ["create-account", "demo", "--name", "x", "--owner-email", "a@b.example", "--password-stdin"]],
)
def test_a_command_reports_the_unreachable_database_in_one_line(tmp_path: Path, command: list[str]) -> None:
    with in_time(30):
        done = passgate(
            *command,
            data_dir=tmp_path,
            stdin="a long enough password\n",
            PASSGATE_DATABASE_URL="postgresql://passgate:mArKeR@127.0.0.1:1/passgate",
            PASSGATE_SECRET_KEYS=new_key_setting(),
        )

    assert done.returncode == 2
    assert done.stderr.splitlines() == ["passgate: The database does not accept connections."]
    assert done.stdout == ""
