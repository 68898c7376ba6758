"""If the response to COMMIT is lost, what was used stays used and the user can continue."""

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
from tests.faults.cutting import CuttingProxy, cutting_proxy_to
from tests.idempotency.calls import api_token, confirmation_in_a_session, my_recovery_codes
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.enrolling import begin, confirm
from tests.support.account.sign_ins import submit
from tests.support.observe.locks import failures_of


@pytest.fixture
async def proxied(
    cluster: Cluster, settings: Settings, clock: TurnableClock
) -> AsyncIterator[tuple[CuttingProxy, Tenant]]:
    """An account whose database connection the proxy can cut."""
    cluster.start()
    async with cutting_proxy_to(cluster) as (proxy, url):
        changed = settings.model_copy(update={"database_url": SecretStr(url)})
        services = make_services(changed, clock=clock, hasher=Hasher(CHEAP))
        yield proxy, await make_tenant(create_app(services), services, clock)
        await services.close()


async def cut(proxy: CuttingProxy, request: Any) -> None:
    """Assert that the request is unavailable because only the response to its COMMIT was lost."""
    before = proxy.dropped
    proxy.cut_after_next_commit()
    await unavailable(request)
    assert proxy.dropped == before + 1


@pytest.mark.parametrize("by_recovery_code", [False, True])
async def test_a_passcode_whose_response_was_lost_is_used_and_the_next_one_works(
    proxied: tuple[CuttingProxy, Tenant],
    by_recovery_code: bool,  # noqa: FBT001 -- a test parameter
) -> None:
    proxy, tenant = proxied
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    passcode = person.recovery_codes[0] if by_recovery_code else person.authenticator.passcode()

    await cut(proxy, submit(tenant.browser(), token, passcode))

    refused(await submit(tenant.browser(), token, passcode), 401, "sign_in_expired")
    again = await tenant.asked(person)
    refused(await submit(tenant.browser(), again, passcode), 401, "passcode_already_used")
    another = person.recovery_codes[1] if by_recovery_code else person.authenticator.next_passcode()
    ok(await submit(tenant.browser(), again, another), 201)


async def test_a_wrong_passcode_whose_response_was_lost_is_counted(proxied: tuple[CuttingProxy, Tenant]) -> None:
    proxy, tenant = proxied
    person = await tenant.enrolled()
    token = await tenant.asked(person)
    await submit(tenant.browser(), token, person.authenticator.wrong_passcode())
    assert await failures_of(tenant, person) == 1

    await cut(proxy, submit(tenant.browser(), token, person.authenticator.wrong_passcode()))

    assert await failures_of(tenant, person) == 2
    ok(await submit(tenant.browser(), token, person.authenticator.passcode()), 201)


async def test_an_answer_that_was_lost_is_read_back_by_its_key(proxied: tuple[CuttingProxy, Tenant]) -> None:
    proxy, tenant = proxied
    for arrange in (confirmation_in_a_session, my_recovery_codes, api_token):
        call = await arrange(tenant)

        await cut(proxy, call.send())

        ok(await call.send(), 201)
        refused(await call.send(), 410, "answer_gone")


async def test_an_enrollment_whose_response_was_lost_is_confirmed_and_new_codes_can_be_made(
    proxied: tuple[CuttingProxy, Tenant],
) -> None:
    proxy, tenant = proxied
    person = await tenant.signed_in()
    begun = await begin(person)
    person.app = AuthenticatorApp(begun["secret"], tenant.clock)

    await cut(proxy, confirm(person, begun, person.app.passcode()))

    await tenant.pass_passcode(person)
    answer = ok(await person.browser.post("/users/me/two-factor/recovery-codes"), 201)
    code = answer["recovery_codes"][0]
    ok(await submit(tenant.browser(), await tenant.asked(person), code), 201)
