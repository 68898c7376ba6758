"""The connection is cut between COMMIT and its answer: what was used stays used, and the client can go on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.settings import Settings
from app.crypto.passwords import Hasher
from app.main import create_app
from app.services import make_services
from tests.faults.cluster import Cluster, unavailable
from tests.faults.conftest import CHEAP
from tests.faults.cutting import Wire, wire_to
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import begin, confirm
from tests.support.account.sign_ins import submit
from tests.support.observe.locks import failures_of


@pytest.fixture
async def wired(cluster: Cluster, settings: Settings, clock: TurnableClock) -> AsyncIterator[tuple[Wire, Tenant]]:
    """An account behind a wire that can be cut."""
    cluster.start()
    async with wire_to(cluster) as (wire, url):
        given = settings.model_copy(update={"database_url": SecretStr(url)})
        services = make_services(given, clock=clock, hasher=Hasher(CHEAP))
        yield wire, await make_tenant(create_app(services), services, clock)
        await services.close()


async def cut(wire: Wire, request: Any) -> None:
    """Assert that the request is unavailable because the answer to its COMMIT, and nothing else, was lost."""
    before = wire.swallowed
    wire.cut_behind_next_commit()
    await unavailable(request)
    assert wire.swallowed == before + 1


@pytest.mark.parametrize("by_recovery_code", [False, True])
async def test_a_passcode_whose_answer_was_lost_is_used_and_the_next_one_helps(
    wired: tuple[Wire, Tenant],
    by_recovery_code: bool,  # noqa: FBT001 -- a parameter
) -> None:
    wire, tenant = wired
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    passcode = person.recovery_codes[0] if by_recovery_code else person.authenticator.passcode()

    await cut(wire, submit(tenant.browser(), token, passcode))

    refused(await submit(tenant.browser(), token, passcode), 401, "sign_in_expired")
    again = await tenant.asked(person)
    refused(await submit(tenant.browser(), again, passcode), 401, "passcode_already_used")
    another = person.recovery_codes[1] if by_recovery_code else person.authenticator.next_passcode()
    ok(await submit(tenant.browser(), again, another), 201)


async def test_a_wrong_passcode_whose_answer_was_lost_is_counted(wired: tuple[Wire, Tenant]) -> None:
    wire, tenant = wired
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    await submit(tenant.browser(), token, person.authenticator.wrong_passcode())
    assert await failures_of(tenant, person) == 1

    await cut(wire, submit(tenant.browser(), token, person.authenticator.wrong_passcode()))

    assert await failures_of(tenant, person) == 2
    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def test_an_enrollment_whose_confirmation_was_lost_stands_and_new_codes_are_to_be_had(
    wired: tuple[Wire, Tenant],
) -> None:
    wire, tenant = wired
    person = await tenant.signed_in()
    begun = await begin(person)
    person.app = AuthenticatorApp(begun["secret"], tenant.clock)

    await cut(wire, confirm(person, begun, person.app.passcode()))

    await tenant.pass_passcode(person)
    answer = ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)
    code = answer["recovery_codes"][0]
    ok(await submit(tenant.browser(), await tenant.asked(person), code), 201)
