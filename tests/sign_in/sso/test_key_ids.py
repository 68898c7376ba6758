"""An ID token without `kid` is judged by the only key of an issuer that has one (Core 10.1)."""

from typing import Any

import httpx
import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.programs.oidc_provider import (
    DISCOVERY,
    Issuer,
    asked_nonce,
    id_token_sign_in,
    name_issuer,
)

NO_KID = {"kid": None}


@pytest.fixture
async def place(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> Tenant:
    """An account whose issuer has a single key."""
    await name_issuer(owner, issuer)
    issuer.keys = issuer.keys[:1]
    return tenant


async def send(place: Tenant, issuer: Issuer, key: Any = None) -> httpx.Response:
    """Sign in with an ID token without `kid`."""
    browser = place.browser()
    nonce = await asked_nonce(browser)
    token = issuer.id_token(nonce, key=key, header=NO_KID)
    return await browser.post("/sign-ins/oidc", json=id_token_sign_in(token, nonce))


async def test_the_only_key_judges(place: Tenant, issuer: Issuer) -> None:
    ok(await send(place, issuer), 201)

    issuer.rotate("rsa-1")  # another key of the same name, which is not fetched yet
    refused(await send(place, issuer, issuer.rsa.generate_key(2048, private=True)), 401, "invalid_credentials")


async def test_of_two_keys_neither_judges(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> None:
    await name_issuer(owner, issuer)

    for key in issuer.keys:
        refused(await send(tenant, issuer, key), 401, "invalid_credentials")


async def test_a_replaced_key_is_fetched_at_most_once_in_thirty_seconds(place: Tenant, issuer: Issuer) -> None:
    ok(await send(place, issuer), 201)
    old = issuer.keys[0]
    issuer.rotate("rsa-2")
    issuer.asked.clear()

    ok(await send(place, issuer), 201)
    for _ in range(5):
        refused(await send(place, issuer, old), 401, "invalid_credentials")

    assert issuer.asked == [DISCOVERY, "/keys"]
    place.clock.turn(seconds=30)
    refused(await send(place, issuer, old), 401, "invalid_credentials")
    assert issuer.asked == [DISCOVERY, "/keys"] * 2


async def test_a_second_key_ends_the_judging_without_a_name(place: Tenant, issuer: Issuer) -> None:
    ok(await send(place, issuer), 201)
    old = issuer.keys[0]
    issuer.rotate("rsa-2")
    issuer.keys.append(old)

    refused(await send(place, issuer), 401, "invalid_credentials")


async def test_with_the_issuer_down_an_unknown_key_is_unavailable(place: Tenant, issuer: Issuer) -> None:
    ok(await send(place, issuer), 201)
    issuer.turn_down()

    ok(await send(place, issuer), 201)
    issuer.rotate("rsa-2")
    refused(await send(place, issuer), 503, "unavailable")
