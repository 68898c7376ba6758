"""Fetches for a tenant connect to allowed addresses, and send not even a SYN to others."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.core.addresses import FetchPolicy
from app.core.guarded_fetch import MOST_BYTES, FetchFailed, GuardedFetcher
from tests.support.programs.mail import make_authority

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Listener:
    """A server on this machine that sends `pieces`, and records connections and requests."""

    pieces: list[bytes] = field(default_factory=lambda: [OK])
    pause: float = 0.0
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.pause)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass
class FakeResolver:
    """A resolver that returns the answers of a name one after the other, and repeats the last."""

    answers: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> list[str]:
        assert port
        self.asked.append(host)
        answers = self.answers.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def listening(host: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.serve, host, 0, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async for found in listening("0.0.0.0"):  # noqa: S104 -- every loopback address
        yield found


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Listener]:
    authority = make_authority(tmp_path, "id.example")
    async for found in listening("127.0.0.2", authority.server()):
        yield found


def fetcher_for_secured(tmp_path: Path, policy: FetchPolicy, names: FakeResolver) -> GuardedFetcher:
    """Return a fetcher that trusts the certificate authority of `secured`."""
    return GuardedFetcher(
        policy, resolver=names, tls=ssl.create_default_context(cafile=tmp_path / "authority.pem")
    )


def loopback_fetcher(names: FakeResolver | None = None) -> GuardedFetcher:
    """Return a fetcher that may connect to loopback addresses, as on a developer's machine."""
    policy = FetchPolicy(loopback=True)
    return GuardedFetcher(policy, resolver=names) if names else GuardedFetcher(policy)


LITERALS = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "0.0.0.0", "localhost"]  # noqa: S104 -- refused
LITERALS += ["localhost.", "LOCALHOST", "x.localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
LITERALS += ["[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]


@pytest.mark.parametrize("host", LITERALS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_public_instance_never_connects_to_itself(listener: Listener, scheme: str, host: str) -> None:
    with pytest.raises(FetchFailed):
        await GuardedFetcher(FetchPolicy()).fetch(f"{scheme}://{host}:{listener.port}/x")

    assert listener.connections == 0


ADDRESSES = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"]  # noqa: S104 -- refused
ADDRESSES += ["169.254.169.254", "192.0.0.8", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "::1", "::"]
ADDRESSES += [
    "255.255.255.255",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "fe80::1",
]
ADDRESSES += [
    "fe80::1%1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "2002:808:808::1",
    "2001:0:1::1",
    "100::1",
]
ADDRESSES += ["2606:4700::1%1", "3fff::1", "no address", ""]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_name_that_resolves_to_a_forbidden_address_is_not_connected_to(
    listener: Listener, address: str
) -> None:
    names = FakeResolver({"id.example": [[address]], "mixed.example": [["93.184.215.14", address]]})
    fetcher = GuardedFetcher(FetchPolicy(), resolver=names)

    began = time.monotonic()
    for host in ("id.example", "mixed.example"):
        with pytest.raises(FetchFailed, match="not fetched from"):
            await fetcher.fetch(f"https://{host}:{listener.port}/x")

    assert time.monotonic() - began < 0.5
    assert listener.connections == 0


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"]
)
def test_addresses_of_the_internet_are_allowed(address: str) -> None:
    assert FetchPolicy().allows(address)


async def test_the_connection_goes_to_the_address_that_was_checked(secured: Listener, tmp_path: Path) -> None:
    names = FakeResolver({"id.example": [["127.0.0.2"], ["127.0.0.1"]]})  # DNS rebinding
    async for other in listening("127.0.0.1"):
        fetcher = fetcher_for_secured(tmp_path, FetchPolicy((ip_network("127.0.0.2/32"),)), names)

        fetched = await fetcher.fetch(f"https://id.example:{secured.port}/a?b=c")

        assert (fetched.status, fetched.body) == (200, b"{}")
        assert names.asked == ["id.example"]
        with pytest.raises(FetchFailed):  # the name now resolves to an address that is not allowed
            await fetcher.fetch(f"https://id.example:{other.port}/a")
        assert (secured.connections, other.connections) == (1, 0)
    [request] = secured.requests
    assert request.startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"\r\nHost: id.example:{secured.port}\r\n" in request


async def test_the_certificate_must_be_valid_for_the_host_name(secured: Listener, tmp_path: Path) -> None:
    names = FakeResolver({"other.example": [["127.0.0.2"]]})
    fetcher = fetcher_for_secured(tmp_path, FetchPolicy((ip_network("127.0.0.0/8"),)), names)

    with pytest.raises(FetchFailed, match="ConnectError"):
        await fetcher.fetch(f"https://other.example:{secured.port}/")
    with pytest.raises(FetchFailed, match="ConnectError"):  # the system does not trust this authority either
        await GuardedFetcher(FetchPolicy((ip_network("127.0.0.0/8"),)), resolver=names).fetch(
            f"https://other.example:{secured.port}/"
        )

    assert secured.requests == []


async def test_the_next_address_is_tried_if_one_does_not_answer(secured: Listener, tmp_path: Path) -> None:
    names = FakeResolver({"id.example": [["127.0.0.9", "127.0.0.2"]]})
    fetcher = fetcher_for_secured(tmp_path, FetchPolicy((ip_network("127.0.0.0/8"),)), names)

    assert (await fetcher.fetch(f"https://id.example:{secured.port}/")).status == 200


async def test_an_allowed_network_still_requires_tls(listener: Listener) -> None:
    fetcher = GuardedFetcher(FetchPolicy((ip_network("127.0.0.0/8"),)))

    with pytest.raises(FetchFailed):
        await fetcher.fetch(f"http://127.0.0.1:{listener.port}/")

    assert listener.connections == 0


async def test_a_developers_machine_uses_http_to_itself_only(listener: Listener) -> None:
    fetcher = loopback_fetcher(FakeResolver({"localhost": [["127.0.0.1"], ["10.0.0.1"], ["93.184.215.14"]]}))
    url = f"http://localhost:{listener.port}/"

    assert (await fetcher.fetch(url)).status == 200
    for _ in range(2):
        with pytest.raises(FetchFailed):
            await fetcher.fetch(url)
    assert listener.connections == 1


async def test_no_redirect_is_followed(listener: Listener) -> None:
    location = f"http://127.0.0.1:{listener.port}/elsewhere"
    listener.pieces = [f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()]

    assert (await loopback_fetcher().fetch(f"http://127.0.0.1:{listener.port}/")).status == 302

    assert listener.connections == 1


async def test_a_slow_response_is_given_up_in_time(listener: Listener) -> None:
    listener.pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 1000]
    listener.pause = 0.1
    began = time.monotonic()

    with pytest.raises(FetchFailed, match="no answer within 3 s"):
        await loopback_fetcher().fetch(f"http://127.0.0.1:{listener.port}/")

    assert time.monotonic() - began < 4


async def test_a_silent_resolver_is_given_up_in_time() -> None:
    async def silent(_: str, __: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    began = time.monotonic()
    with pytest.raises(FetchFailed, match="no answer within 3 s"):
        await GuardedFetcher(FetchPolicy(), resolver=silent).fetch("https://id.example/")
    assert time.monotonic() - began < 4


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([HEAD, *[CHUNK] * 10_000], id="a body without end"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"x" * 1000 + b"\r\n"] * 10_000], id="a header without end"
        ),
        pytest.param([b"SSH-2.0-OpenSSH\r\n\r\n"], id="no HTTP"),
        pytest.param([b""], id="nothing"),
    ],
)
async def test_an_endless_or_invalid_response_fails(listener: Listener, pieces: list[bytes]) -> None:
    listener.pieces = pieces
    began = time.monotonic()

    with pytest.raises(FetchFailed):
        await loopback_fetcher().fetch(f"http://127.0.0.1:{listener.port}/")

    assert time.monotonic() - began < 4


async def test_a_body_of_the_maximum_size_is_read(listener: Listener) -> None:
    listener.pieces = [f"HTTP/1.1 200 OK\r\nContent-Length: {MOST_BYTES}\r\n\r\n".encode(), b"x" * MOST_BYTES]

    assert len((await loopback_fetcher().fetch(f"http://127.0.0.1:{listener.port}/")).body) == MOST_BYTES


async def test_the_proxy_of_the_environment_is_not_used(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async for proxy in listening("127.0.0.1"):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert (await loopback_fetcher().fetch(f"http://127.0.0.1:{listener.port}/")).status == 200

        assert proxy.connections == 0


async def test_a_domain_is_resolved_as_it_is_written() -> None:
    names = FakeResolver({})
    with pytest.raises(FetchFailed):
        await GuardedFetcher(FetchPolicy(), resolver=names).fetch("https://xn--strae-oqa.example/")
    assert names.asked == ["xn--strae-oqa.example"]  # not its IDNA 2003 form `strasse.example`
