"""What Prometheus reads: the counts of every process, the state of the queue, and nobody's name or secret."""

from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.callers import Role
from app.main import create_app
from app.web.metrics import MULTIPROCESS
from tests.support.arrange import Place
from tests.support.client import ok, refused
from tests.support.services import with_changes
from tests.support.serving import serving
from tests.support.sign_ins import submit

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


async def read(place: Place) -> str:
    place.app.state.metrics_held = None  # what the database holds is remembered for a minute
    response = await place.browser().get(URL)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return response.text


async def test_sign_ins_and_refusals_are_counted(place: Place) -> None:
    before = await read(place)
    person = await place.enrolled()
    await place.pass_passcode(person, place.browser())
    refused(await submit(place.browser(), await place.asked(person), "000000"), 401, "passcode_incorrect")
    after = await read(place)

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
    for secret in (person.user.email, person.id, place.account.slug, str(place.account.id)):
        assert secret not in after


async def test_throttled_users_are_counted(place: Place) -> None:
    person = await place.enrolled(Role.END_USER)
    token = await place.asked(person)
    before = value(await read(place), "passgate_throttled_users")
    for _ in range(5):
        await submit(place.browser(), token, "000000")

    assert value(await read(place), "passgate_throttled_users") == before + 1


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_others_find_no_such_path(place: Place, header: str) -> None:
    refused(await place.browser(ip="203.0.113.7").get(URL), 404, "not_found")
    refused(await place.browser().get(URL, headers={header: "127.0.0.1"}), 404, "not_found")


async def test_with_a_token_they_are_for_whoever_has_it(place: Place) -> None:
    services = with_changes(place.services, metrics_token=SecretStr("a token for Prometheus"))
    transport = httpx.ASGITransport(create_app(services), client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=transport) as client:
        for given in ({}, {"Authorization": "Bearer another"}, {"Authorization": "a token for Prometheus"}):
            refused(await client.get(URL, headers=given), 401, "unauthenticated")
        good = {"Authorization": "Bearer a token for Prometheus"}
        assert (await client.get(URL, headers=good)).status_code == 200


def test_two_workers_count_together(tmp_path: Path) -> None:
    assert MULTIPROCESS == "PROMETHEUS_MULTIPROC_DIR"
    with serving(tmp_path / "data", "--workers", "2") as service:
        for _ in range(40):  # each on a connection of its own: either worker gets some
            ok(httpx.get(f"{service.url}/healthz"))
        first, second = (httpx.get(f"{service.url}/metrics").text for _ in range(2))

    for metrics in (first, second):
        assert value(metrics, "passgate_requests_total", route="/healthz", status="200") >= 40
