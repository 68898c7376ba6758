"""Interoperation with Debian's SimpleSAMLphp, whose default NameIDs are transient."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client
from tests.support.account.saml_login import begin, brought_back, finish, name_saml_provider, post
from tests.support.programs.simplesamlphp import SimpleSamlPhp, simplesamlphp


@pytest.fixture(scope="module")
def as_it_comes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    with simplesamlphp(tmp_path_factory.mktemp("idp")) as provider:
        yield provider


@pytest.fixture(scope="module")
def with_persistent_ids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    with simplesamlphp(tmp_path_factory.mktemp("idp"), name_id="uid") as provider:
        yield provider


async def set_up(tenant: Tenant, owner: SimulatedUser, provider: SimpleSamlPhp, **changes: Any) -> None:
    """Configure each at the other: the provider in Passgate, and Passgate's metadata there."""
    await name_saml_provider(owner, **provider.settings, **changes)
    provider.know((await tenant.browser().get("/sso/corp/metadata")).content)


async def answer_of(tenant: Tenant, browser: Client, provider: SimpleSamlPhp, person: str) -> str:
    """Log the person in there, and return the `SAMLResponse`."""
    acs_url, answer = provider.log_in(await begin(browser), person)
    assert httpx.URL(acs_url).path == f"/v1/accounts/{tenant.account.slug}/sso/corp/acs"
    return answer


async def sign_in(tenant: Tenant, provider: SimpleSamlPhp, person: str) -> dict[str, Any]:
    browser = tenant.browser()
    user: dict[str, Any] = (await finish(browser, await answer_of(tenant, browser, provider, person)))["user"]
    return user


async def test_its_transient_name_ids_are_refused_at_the_first_answer(
    tenant: Tenant, owner: SimulatedUser, as_it_comes: SimpleSamlPhp
) -> None:
    await set_up(tenant, owner, as_it_comes)
    browser = tenant.browser()
    answer = await answer_of(tenant, browser, as_it_comes, "alice")

    with capture_logs() as log:
        assert brought_back(await post(browser, answer)) == ("error", "identity_incomplete")

    [line] = [line for line in log if line["event"] == "identity incomplete"]
    assert "transient NameID" in line["reason"]


async def test_with_a_named_attribute_everybody_is_found_again(
    tenant: Tenant, owner: SimulatedUser, as_it_comes: SimpleSamlPhp
) -> None:
    await set_up(tenant, owner, as_it_comes, subject_attribute="uid")

    alice = await sign_in(tenant, as_it_comes, "alice")
    bob = await sign_in(tenant, as_it_comes, "bob")

    assert (alice["email"], alice["name"]) == ("alice@example.com", "By SimpleSAMLphp")
    assert bob["id"] != alice["id"]
    assert (await sign_in(tenant, as_it_comes, "alice"))["id"] == alice["id"]


async def test_our_metadata_asks_for_the_persistent_name_ids_that_it_can_make(
    tenant: Tenant, owner: SimulatedUser, with_persistent_ids: SimpleSamlPhp
) -> None:
    await set_up(tenant, owner, with_persistent_ids)

    alice = await sign_in(tenant, with_persistent_ids, "alice")

    assert (await sign_in(tenant, with_persistent_ids, "alice"))["id"] == alice["id"]
    assert (await sign_in(tenant, with_persistent_ids, "bob"))["id"] != alice["id"]
