"""Each SSO protocol is one entry of the registry; what the API takes is what the entries declare."""

from typing import get_args

from app.core.callers import Role
from app.sign_in.sso.protocols import PROTOCOLS
from app.sign_in.sso.providers.schemas import ProviderChange
from app.sign_in.sso.rules import ProviderType
from tests.support.account.arrange import Tenant
from tests.support.account.client import refused

COMMON = {"type", "create_users", "default_role", "roles", "trusted_domains"}


def test_every_type_has_its_protocol_and_the_api_takes_exactly_these() -> None:
    accepted = get_args(ProviderChange.model_fields["type"].annotation)

    assert set(PROTOCOLS) == set(ProviderType)
    assert list(accepted) == [type_.value for type_ in ProviderType]


def test_the_api_takes_the_settings_that_some_protocol_declares_and_no_others() -> None:
    declared = {name for protocol in PROTOCOLS.values() for name in protocol.settings.known}
    secrets = {protocol.settings.secret for protocol in PROTOCOLS.values() if protocol.settings.secret}

    assert set(ProviderChange.model_fields) - COMMON == declared | secrets


async def test_a_setting_of_another_protocol_is_refused(tenant: Tenant) -> None:
    owner = await tenant.enrolled(Role.OWNER)
    values = {"issuer": "https://id.example.com", "idp_sso_url": "https://id.example.com", "client_secret": "x"}
    for type_, protocol in PROTOCOLS.items():
        foreign = values.keys() - protocol.settings.known.keys() - {protocol.settings.secret}
        assert foreign
        for name in foreign:
            body = {"type": type_.value, name: values[name]}
            problem = refused(await owner.browser.put("/sso-providers/corp", json=body), 422, "invalid_request")
            assert problem["errors"][0]["pointer"] == f"/{name}"
            assert problem["errors"][0]["code"] == "not_allowed"
