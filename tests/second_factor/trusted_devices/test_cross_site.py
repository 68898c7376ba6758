"""A page of another site: its browser keeps no device cookie, so no device is trusted for it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.account.devices import cookies_set
from tests.support.account.enrolling import app_of, begin, confirm
from tests.support.account.sign_ins import begin_demanded_enrollment
from tests.support.observe.audit import AuditTrail
from tests.support.observe.jobs import letters
from tests.support.observe.sql import run_sql

Headers = dict[str, str]
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:5173"}
NOT_CROSS_SITE: list[Headers] = [
    {},
    *({"Sec-Fetch-Site": value} for value in ("same-origin", "same-site", "none", "", "CROSS-SITE", "x" * 60_000)),
]


async def by_passcode(tenant: Tenant, headers: Headers, **body: Any) -> httpx.Response:
    """Sign in with a passcode."""
    person = await tenant.enrolled()
    given = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.next_passcode()}
    return await tenant.browser().post("/sign-ins/passcode", json=given | body, headers=headers)


async def by_enrollment_at_sign_in(tenant: Tenant, headers: Headers, **body: Any) -> httpx.Response:
    """Sign in with the enrollment that the account requires."""
    await tenant.require(await tenant.signed_in(Role.OWNER), team_members=True)
    begun = await begin_demanded_enrollment(tenant, await tenant.person())
    given = {"sign_in_token": begun["sign_in_token"], "passcode": app_of(tenant, begun).passcode()} | body
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    return await tenant.browser().post(path, json=given, headers=headers)


async def by_enrollment_in_a_session(tenant: Tenant, headers: Headers, **body: Any) -> httpx.Response:
    """Enroll in a session."""
    person = await tenant.signed_in()
    begun = await begin(person)
    asked = {"remember_device": True} | body
    return await confirm(person, begun, app_of(tenant, begun).passcode(), headers=headers, **asked)


Way = Callable[..., Awaitable[httpx.Response]]
each_way = pytest.mark.parametrize("way", [by_passcode, by_enrollment_at_sign_in, by_enrollment_in_a_session])


@each_way
async def test_a_page_of_another_site_is_told_why_its_device_is_not_trusted(tenant: Tenant, way: Way) -> None:
    trail = AuditTrail(tenant)

    response = await way(tenant, CROSS_SITE)

    answer = ok(response, 201)
    assert (answer["trusted_device"], answer["not_trusted_because"]) == (None, "cross_site")
    assert cookies_set(response) == []
    assert not await run_sql(tenant, "SELECT id FROM trusted_devices WHERE account_id = :account")
    assert "trusted_device_added" not in [letter["kind"] for letter in await letters(tenant)]
    assert "trusted_device.added" not in await trail.new_types()


@each_way
@pytest.mark.parametrize("headers", NOT_CROSS_SITE, ids=lambda headers: str(headers)[:40])
async def test_any_other_client_is_trusted(tenant: Tenant, way: Way, headers: Headers) -> None:
    response = await way(tenant, headers)

    answer = ok(response, 201)
    assert answer["not_trusted_because"] is None
    assert answer["trusted_device"]
    assert len(cookies_set(response)) == 1
    assert [letter["kind"] for letter in await letters(tenant)].count("trusted_device_added") == 1


@each_way
async def test_a_client_that_keeps_the_token_itself_needs_no_cookie(tenant: Tenant, way: Way) -> None:
    response = await way(tenant, {"Sec-Fetch-Site": "cross-site"}, device_storage="body")

    assert ok(response, 201)["trusted_device"]["token"].startswith("pgd_")


@each_way
async def test_a_client_that_does_not_ask_is_told_so_on_every_site(tenant: Tenant, way: Way) -> None:
    response = await way(tenant, CROSS_SITE, remember_device=False)

    assert ok(response, 201)["not_trusted_because"] == "not_asked"


@pytest.fixture
async def trusted(tenant: Tenant) -> tuple[SimulatedUser, Client]:
    """A user whose browser is trusted on the API's own site."""
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    return person, person.browser


async def test_a_device_that_is_trusted_on_its_own_site_stays_so(
    tenant: Tenant, trusted: tuple[SimulatedUser, Client]
) -> None:
    person, browser = trusted
    body = {"sign_in_token": await tenant.asked(person), "passcode": person.authenticator.next_passcode()}

    ok(await tenant.browser().post("/sign-ins/passcode", json=body, headers=CROSS_SITE), 201)

    assert (await tenant.sign_in(person, browser))["status"] == "complete"


async def test_a_recovery_code_has_a_reason_of_its_own(tenant: Tenant) -> None:
    person = await tenant.enrolled()

    answer = await tenant.pass_passcode(person, passcode=person.recovery_codes[0])

    assert (answer["trusted_device"], answer["not_trusted_because"]) == (None, "recovery_code")
