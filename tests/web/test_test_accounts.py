"""Everything that a test account answers and logs says that it is one."""

from collections.abc import Sequence

import httpx
import pytest
from joserfc import jws
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok
from tests.support.account.reviewers import make_test_account
from tests.support.account.third_parties import jwt_sign_in, name_provider
from tests.support.account.variants import with_settings

HEADER = "passgate-test-account"


async def some_answers(tenant: Tenant, owner: SimulatedUser) -> Sequence[httpx.Response]:
    """Return answers of every sort: a success, refusals at each check, and one that takes no JSON."""
    nobody = tenant.browser()
    return [
        await owner.browser.get("/session"),
        await owner.browser.get("/authorize", headers={"Authorization": "Basic eA=="}),
        await owner.browser.get("/users/01900000-0000-7000-8000-00000000abcd"),
        await owner.browser.post("/api-tokens", json={"scopes": []}),
        await nobody.get("/session"),
        await nobody.post("/sign-ins", json={"email": "a@b.example", "password": "wrong"}),
        await nobody.post("/sign-ins", content=b"{", headers={"Content-Type": "text/plain"}),
        await nobody.get("/sso/none/login"),
        await owner.browser.delete("/session"),
    ]


async def test_every_answer_of_a_test_account_has_the_header(tenant: Tenant) -> None:
    sandbox = await make_test_account(tenant)
    boss = await sandbox.signed_in(Role.OWNER)

    answers = await some_answers(sandbox, boss)

    assert [answer.headers.get_list(HEADER) for answer in answers] == [["true"]] * len(answers)
    assert {answer.status_code for answer in answers} >= {200, 204, 401, 404, 415, 422}


async def test_no_answer_of_a_real_account_has_it(tenant: Tenant, owner: SimulatedUser) -> None:
    answers = await some_answers(tenant, owner)

    assert not [answer for answer in answers if HEADER in answer.headers]


async def test_a_page_of_another_origin_reads_the_header(tenant: Tenant) -> None:
    origin = "https://app.example.com"
    shared = with_settings(await make_test_account(tenant), cors_origins=(origin,))

    answer = await shared.browser().get("/session", headers={"Origin": origin})

    assert "Passgate-Test-Account" in answer.headers["access-control-expose-headers"]


async def test_every_log_line_of_a_test_account_is_marked(tenant: Tenant, owner: SimulatedUser) -> None:
    sandbox = await make_test_account(tenant)
    boss = await sandbox.signed_in(Role.OWNER)
    for admin in (boss, owner):
        await name_provider(admin)
    with capture_logs([merge_contextvars]) as log:
        await sandbox.browser().post("/sign-ins/jwt", json=jwt_sign_in("no token"))
        await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in("no token"))

    assert [(line["event"], line.get("test_account")) for line in log] == [
        ("token refused", True),
        ("request", True),
        ("token refused", None),
        ("request", None),
    ]


@pytest.mark.parametrize("test", [True, False])
async def test_an_identity_token_says_so(tenant: Tenant, owner: SimulatedUser, *, test: bool) -> None:
    person = await (await make_test_account(tenant)).signed_in() if test else owner
    body = {"audience": "https://api.example.com"}

    token = ok(await person.browser.post("/session/identity-token", json=body))["token"]

    claims = jws.extract_compact(token.encode()).payload.decode()
    assert ('"test_account":true' in claims.replace(" ", "")) is test
