"""A request that fits the OpenAPI document is never refused for its form."""

import json
from collections.abc import Awaitable, Callable

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.config import GenerationConfig

from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.client import Client
from tests.support.programs.bridge import Bridge, beside
from tests.web.documented import Documented
from tests.web.test_any_request import Operation, Request, nobody, operations, owner, send

REJECTED = {400, 413, 415, 422}
ENDS_CREDENTIALS = {204, 401, 429}  # or may have: the next request comes from another account
# What JSON Schema cannot say, or only in a form that generators turn into classes that nobody can use. For these
# the example must be accepted.
BEYOND_SCHEMAS = {
    "assertFirstFactor": "exactly one of three fields names the user, and `ip` is an address",
    "issueIdentityToken": "the audience is an address without user, fragment and port zero",
    "makeApiToken": "`expires_at` is in the future",
    "putProvider": "the fields depend on the type, and certificates are parsed",
    "finishSamlLogin": "a form that SAML defines",
}
SOME = settings(
    max_examples=8,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# No body may have NUL (docs/api.md section 2), which no schema says.
# The client sends the credential: schemathesis would make up others.
GENERATED = GenerationConfig(allow_x00=False, with_security_parameters=False, modes=[GenerationMode.POSITIVE])


def is_plain(value: object) -> bool:
    """Whether all texts are printable, which no pattern says, and no number is written like `7.0`.

    JSON Schema calls that an integer; here it is refused as a wrong type.
    """
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value.isprintable() if isinstance(value, str) else not isinstance(value, float)


def rejected(bridge: Bridge, tenant: Tenant, caller: Callable[[Tenant], Awaitable[Client]]) -> list[str]:
    """Send valid requests to every operation, with fresh credentials, and return those that were rejected."""
    found: list[str] = []
    accepted: set[str] = set()

    async def arrive() -> tuple[str, Client]:
        there = await make_tenant(tenant.app, tenant.services, tenant.clock)
        return there.account.slug, await caller(there)

    def try_operation(operation: Operation) -> None:
        visits = [bridge.run(arrive())]

        @SOME
        @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def attempt(case: Request) -> None:
            assume(is_plain(case.body))
            slug, client = visits[-1]
            if "account" in case.path_parameters:
                case.path_parameters["account"] = slug
            response = bridge.run(send(case, client))
            if response.status_code in ENDS_CREDENTIALS:
                visits.append(bridge.run(arrive()))
            if response.status_code < 300:
                accepted.add(operation.label)
            if response.status_code in REJECTED:
                found.append(f"{operation.label} {case.query} {case.body!r}: {response.text}")

        attempt()

    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(tenant.app.openapi())))
    schema.config.generation = GENERATED
    for operation in operations(schema):
        if operation.definition.raw["operationId"] not in BEYOND_SCHEMAS:
            try_operation(operation)
    assert caller is nobody or len(accepted) > 20  # otherwise the credential was not accepted
    return found


@pytest.mark.parametrize("caller", [nobody, owner], ids=lambda found: found.__name__)
async def test_no_valid_request_is_rejected(tenant: Tenant, caller: Callable[[Tenant], Awaitable[Client]]) -> None:
    wrong: list[str] = []

    await beside(lambda bridge: wrong.extend(rejected(bridge, tenant, caller)))

    assert not wrong, "\n".join(wrong)


async def test_the_examples_of_all_bodies_are_accepted(tenant: Tenant) -> None:
    document = json.loads(json.dumps(tenant.app.openapi()))
    fitting = Documented(document)
    sent = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}) if method != "parameters" else {}
            if "application/json" not in content:
                continue
            example = content["application/json"]["example"]
            fitting.validate(example, content["application/json"]["schema"], path)
            client = await owner(await make_tenant(tenant.app, tenant.services, tenant.clock))
            below = path.removeprefix("/v1/accounts/{account}").replace("{name}", "corp")
            response = await client.request(method.upper(), below, json=example)
            assert response.status_code not in REJECTED, response.text
            sent += 1

    assert sent > 25
