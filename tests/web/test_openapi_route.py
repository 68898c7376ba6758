"""`GET /openapi.json` is small on the wire: compressed, and not sent again to who has it."""

import gzip
import json

import pytest
from fastapi import FastAPI

from app.web.openapi_route import ServedDocument
from tests.support.account.arrange import Tenant
from tests.support.account.variants import with_settings

URL = "http://127.0.0.1:8000/openapi.json"
PLAIN = {"Accept-Encoding": "identity"}


async def test_the_document_is_compressed_for_who_can_read_that(tenant: Tenant) -> None:
    browser = tenant.browser()
    plain = await browser.get(URL, headers=PLAIN)
    compressed = await browser.get(URL, headers={"Accept-Encoding": "br, GZIP;q=0.5"})

    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.json() == plain.json()
    assert int(compressed.headers["content-length"]) < 40_000
    assert int(plain.headers["content-length"]) < 300_000
    assert plain.headers["vary"] == compressed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != compressed.headers["etag"]


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "br, gzip; q=0.000", "gzipped"])
async def test_who_does_not_accept_gzip_gets_the_plain_text(tenant: Tenant, accepted: str) -> None:
    response = await tenant.browser().get(URL, headers={"Accept-Encoding": accepted})

    assert "content-encoding" not in response.headers
    assert response.json()["info"]["title"] == "Passgate"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_who_has_this_version_is_not_sent_it_again(tenant: Tenant, encoding: str) -> None:
    browser = tenant.browser()
    first = await browser.get(URL, headers={"Accept-Encoding": encoding})
    tag = first.headers["etag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await browser.get(URL, headers={"Accept-Encoding": encoding, "If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["vary"] == "Accept-Encoding"
    for unknown in ('"other"', tag.strip('"'), f'"{tag}"', ""):
        again = await browser.get(URL, headers={"Accept-Encoding": encoding, "If-None-Match": unknown})
        assert again.status_code == 200


async def test_head_has_the_same_headers_and_no_body(tenant: Tenant) -> None:
    browser = tenant.browser()
    whole = await browser.get(URL, headers=PLAIN)
    head = await browser.request("HEAD", URL, headers=PLAIN)

    assert head.status_code == 200
    assert head.content == b""
    assert {**head.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}


async def test_a_cache_keeps_the_answers_to_several_origins_apart(tenant: Tenant) -> None:
    shared = with_settings(tenant, cors_origins=("https://app.example.com",))
    for headers in (PLAIN, PLAIN | {"Origin": "https://app.example.com"}):
        response = await shared.browser().get(URL, headers=headers)
        assert sorted(response.headers["vary"].split(", ")) == ["Accept-Encoding", "Origin"]


def test_every_instance_serves_the_same_bytes(app: FastAPI) -> None:
    one, other = ServedDocument(app), ServedDocument(app)

    assert one.compressed == other.compressed
    assert one.digest == other.digest
    assert gzip.decompress(one.compressed) == one.plain
    assert json.loads(one.plain) == json.loads(json.dumps(app.openapi()))
