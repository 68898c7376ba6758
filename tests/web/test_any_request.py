"""Every request that schemathesis generates, by any caller, gets a declared answer."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.core.callers import Role
from app.credentials.api_tokens.rules import Scope
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.account.client import BASE_URL, Client, refused
from tests.support.account.credentials import by_password, by_token
from tests.support.programs.bridge import Bridge, beside

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Request: TypeAlias = Case[Any]
FEW = settings(
    max_examples=4,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


async def nobody(tenant: Tenant) -> Client:
    return tenant.browser()


async def owner(tenant: Tenant) -> Client:
    return (await tenant.signed_in(Role.OWNER)).browser


async def end_user(tenant: Tenant) -> Client:
    return (await tenant.signed_in(Role.END_USER)).browser


async def api_token(tenant: Tenant) -> Client:
    return await by_token(tenant, await tenant.signed_in(Role.OWNER), *Scope)


async def password(tenant: Tenant) -> Client:
    person = await tenant.signed_in(Role.OWNER)
    return await by_password(tenant, person, person)


def operations(schema: BaseSchema) -> Iterator[Operation]:
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def requests_of(operation: Operation) -> st.SearchStrategy[Request]:
    """Return valid requests and, if the operation has inputs, invalid ones."""
    valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.path_parameters or operation.query or operation.body):
        return valid
    return valid | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


async def send(case: Request, client: Client) -> httpx.Response:
    """Send the request with the bytes that the requests library would send."""
    wire = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
    headers = {name: value for name, value in wire.headers.items() if name.lower() != "content-length"}
    return await client.request(wire.method or "", str(wire.url), headers=headers, content=wire.body)


def explore(bridge: Bridge, tenant: Tenant, caller: Callable[[Tenant], Awaitable[Client]]) -> list[str]:
    """Try every operation, each in its own account, and return all wrong answers."""
    wrong: list[str] = []

    async def arrive() -> tuple[Tenant, Client, str]:
        there = await make_tenant(tenant.app, tenant.services, tenant.clock)
        client = await caller(there)
        return there, client, (await there.person()).id

    def try_operation(operation: Operation) -> None:
        there, client, somebody = bridge.run(arrive())

        @FEW
        @given(requests_of(operation), st.booleans())
        def attempt(case: Request, known: bool) -> None:  # noqa: FBT001 -- given
            if "account" in case.path_parameters:
                case.path_parameters["account"] = there.account.slug
            if known and "user_id" in case.path_parameters:
                case.path_parameters["user_id"] = somebody
            response = bridge.run(send(case, client))
            try:
                case.validate_response(response, checks=CHECKS)
                if response.status_code >= 400:
                    refused(response, response.status_code, response.json()["code"])
            except (AssertionError, Failure, FailureGroup) as error:
                wrong.append(f"{operation.label}: {error}")

        attempt()

    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(tenant.app.openapi())))
    # The client sends the credential: schemathesis would make up others, and every answer would be 401.
    schema.config.generation = GenerationConfig(with_security_parameters=False)
    for operation in operations(schema):
        try_operation(operation)
    return wrong


@pytest.mark.parametrize(
    "caller", [nobody, owner, end_user, api_token, password], ids=lambda found: found.__name__
)
async def test_every_answer_is_declared(tenant: Tenant, caller: Callable[[Tenant], Awaitable[Client]]) -> None:
    wrong: list[str] = []

    await beside(lambda bridge: wrong.extend(explore(bridge, tenant, caller)))

    assert not wrong, "\n".join(wrong)
