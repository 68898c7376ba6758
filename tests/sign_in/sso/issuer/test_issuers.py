"""Fetching an issuer's documents: what is cached, fetched again, and never fetched."""

import asyncio
import time
from typing import Any
from uuid import UUID

import pytest
from fastapi import Response
from fastapi.responses import RedirectResponse

from app.core.addresses import FetchPolicy
from app.core.errors import Unavailable
from app.core.guarded_fetch import GuardedFetcher
from app.sign_in.sso.oidc.issuer.documents import IssuerDocuments
from app.sign_in.sso.oidc.issuer.issuers import Issuers, authorization_address
from tests.support.programs.oidc_provider import DISCOVERY, Issuer

ACCOUNT, OTHER = UUID(int=1), UUID(int=2)


class Asking:
    """The document cache of one instance, used at the time of the test's clock."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.issuers = Issuers(GuardedFetcher(FetchPolicy(loopback=True)))

    async def find(self, key_id: str | None = None, account: UUID = ACCOUNT) -> IssuerDocuments:
        return await self.issuers.find(account, self.issuer.url, now=self.issuer.clock.now(), key_id=key_id)


@pytest.fixture
def asking(issuer: Issuer) -> Asking:
    return Asking(issuer)


async def test_documents_are_fetched_once_and_then_remembered(asking: Asking) -> None:
    await asyncio.gather(*(asking.find("rsa-1") for _ in range(20)))
    assert asking.issuer.asked == [DISCOVERY, "/keys"]

    asking.issuer.clock.turn(minutes=11)
    await asyncio.gather(*(asking.find("rsa-1") for _ in range(20)))
    assert asking.issuer.asked == [DISCOVERY, "/keys"] * 2


async def test_an_unknown_key_refetches_the_documents_once_in_thirty_seconds(asking: Asking) -> None:
    await asking.find("rsa-1")
    asking.issuer.rotate("rsa-2")
    asking.issuer.asked.clear()

    found = await asyncio.gather(*(asking.find("rsa-2") for _ in range(20)))
    assert all(documents.has_key("rsa-2") for documents in found)
    for number in range(20):
        assert not (await asking.find(f"unknown {number}")).has_key(f"unknown {number}")
    assert asking.issuer.asked == [DISCOVERY, "/keys"]

    await asking.find("unknown", OTHER)  # another account has its own limit
    asking.issuer.clock.turn(seconds=30)
    await asking.find("unknown")
    assert asking.issuer.asked == [DISCOVERY, "/keys"] * 3


async def test_known_keys_are_used_for_a_day_while_the_issuer_is_down(asking: Asking) -> None:
    await asking.find()
    asking.issuer.turn_down()
    asking.issuer.clock.turn(hours=23)
    assert (await asking.find("rsa-1")).has_key("rsa-1")
    with pytest.raises(Unavailable):  # the issuer may know this key or not
        await asking.find("unknown")

    asking.issuer.clock.turn(hours=1)
    with pytest.raises(Unavailable):
        await asking.find("rsa-1")
    asking.issuer.answers.clear()
    assert (await asking.find("rsa-1")).has_key("rsa-1")


async def test_nobody_waits_for_a_slow_issuer_whose_key_is_known(asking: Asking) -> None:
    await asking.find()
    asking.issuer.clock.turn(minutes=11)
    asking.issuer.delay = 0.5
    refetch = asyncio.create_task(asking.find("rsa-1"))
    await asyncio.sleep(0.1)

    began = time.monotonic()
    await asking.find("rsa-1")

    assert time.monotonic() - began < 0.3
    await refetch


async def test_a_silent_issuer_times_out_within_four_seconds(asking: Asking) -> None:
    asking.issuer.delay = 6
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await asking.find()
    assert time.monotonic() - began < 4


HUGE = Response(b'{"keys": [' + b" " * 300_000 + b"]}", media_type="application/json")


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response(status_code=500), id="500"),
        pytest.param(Response(status_code=204), id="204"),
        pytest.param(Response(b"[" * 100_000), id="deep"),
        pytest.param(Response(b"[]"), id="a list"),
        pytest.param(Response(b"\xff"), id="no UTF-8"),
        pytest.param(Response(b'{"keys": {}}'), id="no list of keys"),
        pytest.param(HUGE, id="huge"),
    ],
)
async def test_an_invalid_answer_of_an_issuer_is_unavailable(asking: Asking, path: str, answer: Response) -> None:
    asking.issuer.answers[path] = answer
    with pytest.raises(Unavailable):
        await asking.find()


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
async def test_no_redirect_is_followed(asking: Asking, path: str) -> None:
    asking.issuer.answers[path] = RedirectResponse(f"{asking.issuer.url}/elsewhere", 302)
    with pytest.raises(Unavailable):
        await asking.find()
    assert "/elsewhere" not in asking.issuer.asked


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://accounts.example.com"},
        {"issuer": None},
        {"issuer": ["x"]},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "http://keys.example.com/"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://somebody@127.0.0.1:1/keys"},
        {"jwks_uri": "//127.0.0.1/keys"},
    ],
)
async def test_a_document_of_another_issuer_or_with_a_bad_address_is_refused(asking: Asking, says: Any) -> None:
    asking.issuer.says = says
    with pytest.raises(Unavailable):
        await asking.find()
    assert asking.issuer.asked == [DISCOVERY]


async def test_a_slash_at_the_end_makes_another_issuer(asking: Asking) -> None:
    with pytest.raises(Unavailable):
        await asking.issuers.find(ACCOUNT, asking.issuer.url + "/", now=asking.issuer.clock.now())
    assert asking.issuer.asked == [DISCOVERY]


async def test_an_issuer_elsewhere_is_asked_by_https_only(asking: Asking) -> None:
    with pytest.raises(Unavailable):
        await asking.issuers.find(ACCOUNT, "http://id.example.com", now=asking.issuer.clock.now())


async def test_an_invalid_endpoint_address_is_ignored(asking: Asking) -> None:
    asking.issuer.says = {
        "token_endpoint": "http://id.example.com/token",
        "authorization_endpoint": "javascript:1",
    }
    documents = await asking.find()
    assert (documents.token_endpoint, documents.authorization_endpoint) == (None, None)
    with pytest.raises(Unavailable):
        authorization_address(documents, Any, state="", nonce="", verifier="")  # type: ignore[arg-type]  # unused
