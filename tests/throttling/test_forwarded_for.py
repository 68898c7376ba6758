"""The client address in X-Forwarded-For, as gateways write it."""

import ipaddress

import pytest
from structlog.testing import capture_logs

from app.authentication.context import parse_forwarded, warn_of_hops
from tests.support.account.arrange import Tenant
from tests.support.account.client import refused
from tests.support.account.variants import with_settings


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.7", str(ipaddress.ip_address("::ffff:203.0.113.7"))),
    ],
)
def test_an_address_is_read_with_or_without_port(entry: str, address: str) -> None:
    assert parse_forwarded(entry) == address


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "unknown",
        "_hidden",
        "203.0.113.7:",
        "203.0.113.7:x",
        "203.0.113.7:123456",
        "203.0.113",
        "[2001:db8::1",
        "2001:db8::1]",
        "[203.0.113.7:80",
        "[2001:db8::1]443",
        "203.0.113.7 ",
        "1" * 100_000,
        "[" * 60,
        ":" * 60,
    ],
)
def test_anything_else_is_no_address(entry: str) -> None:
    assert parse_forwarded(entry) is None


async def test_a_client_is_the_same_from_each_of_its_ports(limited: Tenant) -> None:
    proxied = with_settings(limited, trusted_proxy_hops=1)
    person = await proxied.person()
    proxy, body = proxied.browser(ip="10.0.0.1"), {"email": person.user.email, "password": "wrong password"}
    answers = [
        await proxy.post("/sign-ins", json=body, headers={"X-Forwarded-For": f"192.0.2.77:{port}"})
        for port in range(50_000, 50_004)
    ]
    elsewhere = await proxy.post("/sign-ins", json=body, headers={"X-Forwarded-For": "192.0.2.78:50000"})

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    refused(elsewhere, 401, "invalid_credentials")


async def test_entries_that_do_not_fit_the_hops_are_warned_of_once(tenant: Tenant) -> None:
    warn_of_hops.cache_clear()
    proxied = with_settings(tenant, trusted_proxy_hops=2)
    with capture_logs() as lines:
        for forwarded in ("192.0.2.77", "192.0.2.77", "unknown, 192.0.2.77", "192.0.2.1, 192.0.2.77"):
            headers = {"X-Forwarded-For": forwarded}
            await proxied.browser(ip="10.0.0.1").post(
                "/sign-ins", json={"email": "a@b.example", "password": "x"}, headers=headers
            )

    assert [line["hops"] for line in lines if "X-Forwarded-For" in line["event"]] == [2]
