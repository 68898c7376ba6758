"""`passgate check --url`: whether the service sees the right client IP, behind a real nginx."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.authentication.address_probe import PATH, SeenClient, proof
from app.commands.address_check import FORGED, judge
from app.core.secret_keys import new_key_setting, parse_keys
from app.crypto.sealing import Sealer
from tests.support.account.arrange import Tenant
from tests.support.account.client import ok, refused
from tests.support.programs.nginx import NGINX, nginx
from tests.support.programs.serving import Serving, free_port, passgate, serving

ROOT = "http://127.0.0.1:8000"
HEADERS = {
    "replaces": "proxy_set_header X-Forwarded-For $remote_addr;",
    "appends": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "passes on": "",
    "writes a name": "proxy_set_header X-Forwarded-For unknown;",
    "drops": 'proxy_set_header X-Forwarded-For "";',
}
TAKEN = r"ok     client address: this machine is taken for 127\.0\.0\.1 \(PASSGATE_TRUSTED_PROXY_HOPS=1\)"
CHOSEN = r"WRONG  client address: a client chooses the address that it is taken for: let the outermost proxy .*"
ALIKE = r"WRONG  client address: the service takes every client for 127\.0\.0\.1, .* "
SAID = {
    "replaces": TAKEN,
    "appends": TAKEN,
    "passes on": CHOSEN,
    "writes a name": ALIKE + "The proxy writes no IP address .*",
    "drops": ALIKE + "No proxy writes X-Forwarded-For: .*",
    "two that append": ALIKE + "PASSGATE_TRUSTED_PROXY_HOPS is 1: set it to 2, .*",
    "none": CHOSEN + "or set PASSGATE_TRUSTED_PROXY_HOPS=0 if there is no proxy",
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probed") / "data"


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Serving]:
    with serving(data_dir, PASSGATE_TRUSTED_PROXY_HOPS="1") as running:
        yield running


@pytest.fixture(scope="module")
def ports(service: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The port of the service behind each proxy configuration, by its name."""
    found = {name: free_port() for name in (*HEADERS, "two that append")} | {"none": service.port}
    behind = dict.fromkeys(HEADERS, service.port) | {"two that append": found["appends"]}
    servers = "".join(
        f"server {{ listen 127.0.0.1:{found[name]}; location / "
        f"{{ proxy_pass http://127.0.0.1:{port}; {HEADERS.get(name, HEADERS['appends'])} }} }}\n"
        for name, port in behind.items()
    )
    with nginx(tmp_path_factory.mktemp("nginx"), found["replaces"], servers):
        yield found


@pytest.mark.skipif(NGINX is None, reason="apt-get install nginx-light")
@pytest.mark.parametrize("between", SAID)
def test_check_reports_which_client_address_the_service_sees(
    ports: dict[str, int], between: str, data_dir: Path
) -> None:
    ended = passgate("check", "--url", f"http://127.0.0.1:{ports[between]}/", data_dir=data_dir)

    [line] = [line for line in ended.stdout.splitlines() if "client address:" in line]
    assert re.fullmatch(SAID[between], line), line
    assert ended.returncode == (0 if between in {"replaces", "appends"} else 1)


def test_check_reports_no_answer_and_an_answer_of_another_service(service: Serving, tmp_path: Path) -> None:
    nowhere = passgate("check", "--url", f"http://127.0.0.1:{free_port()}", data_dir=tmp_path / "data")
    stranger = passgate("check", "--url", service.url, data_dir=tmp_path / "data")  # which has other keys

    assert "WRONG  client address: no answer from there: " in nowhere.stdout
    assert "WRONG  client address: the answer (404) is not this service's: " in stranger.stdout
    assert (nowhere.returncode, stranger.returncode) == (1, 1)


async def test_the_probe_path_is_not_found_without_a_valid_proof(tenant: Tenant) -> None:
    sealer, now = tenant.services.sealer, tenant.clock.now()
    stranger = Sealer(parse_keys(new_key_setting()))
    for given in (
        "",
        "Bearer ",
        "Bearer none",
        "Bearer \u00e9",
        proof(stranger, now),
        proof(sealer, now - timedelta(minutes=6)),
        proof(sealer, now + timedelta(minutes=6)),
    ):
        headers = {"Authorization": given.encode()}
        refused(await tenant.browser().get(ROOT + PATH, headers=headers), 404, "not_found")

    seen = await tenant.browser(ip="203.0.113.7").get(ROOT + PATH, headers={"Authorization": proof(sealer, now)})
    assert ok(seen) == {
        "peer": "203.0.113.7",
        "forwarded_for": [],
        "trusted_proxy_hops": 0,
        "address": "203.0.113.7",
    }
    assert seen.headers["cache-control"] == "no-store"


def seen(address: str, *entries: str, hops: int, peer: str = "10.0.0.1") -> SeenClient:
    return SeenClient(peer=peer, forwarded_for=list(entries), trusted_proxy_hops=hops, address=address)


@pytest.mark.parametrize(
    ("honest", "forged", "url", "says"),
    [
        (seen("9.9.9.9", hops=0, peer="9.9.9.9"), "9.9.9.9", "http://a.example", None),
        (seen("9.9.9.9", "9.9.9.9", hops=1), "9.9.9.9", "https://a.example", None),
        (seen("9.9.9.9", "9.9.9.9", "10.0.0.2", hops=2), "9.9.9.9", "https://a.example", None),
        (seen("10.0.0.1", hops=0), "10.0.0.1", "https://a.example", "No proxy writes"),
        (seen("127.0.0.1", hops=0, peer="127.0.0.1"), "127.0.0.1", "http://a.example", "No proxy writes"),
        (seen("10.0.0.1", "9.9.9.9", hops=0), "10.0.0.1", "https://a.example", "set it to 1"),
        (seen("10.0.0.2", "9.9.9.9", "10.0.0.2", hops=1), "10.0.0.2", "https://a.example", "set it to 2"),
        (seen("10.0.0.1", "9.9.9.9", hops=2), "10.0.0.1", "https://a.example", "set it to 1"),
        (seen("10.0.0.1", "9.9.9.9", hops=2), FORGED[-1], "https://a.example", "chooses .* set it to 1"),
        (seen("10.0.0.1", "9.9.9.9", hops=16), FORGED[-15], "https://a.example", "chooses .* set it to 1"),
        (seen("9.9.9.9", "9.9.9.9", hops=1), FORGED[-1], "https://a.example", "chooses .* let the outermost"),
    ],
)
def test_the_seen_client_address_is_judged(honest: SeenClient, forged: str, url: str, says: str | None) -> None:
    said = judge(honest, [honest, honest.model_copy(update={"address": forged})], url)

    assert said is None if says is None else re.search(says, said or "")
