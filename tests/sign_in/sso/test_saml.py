"""SAML sign-in with a real identity provider and forged answers (docs/api.md section 9)."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from lxml import etree
from structlog.testing import capture_logs

from app.core.callers import Role
from app.core.settings import Settings
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.account.saml_login import (
    arrive,
    begin,
    brought_back,
    finish,
    name_saml_provider,
    post,
)
from tests.support.account.sign_ins import set_status
from tests.support.observe.audit import AuditTrail
from tests.support.programs.instances import running_instances
from tests.support.programs.saml import attribute, encoded, signing_key
from tests.support.programs.saml_provider import RealProvider, real_provider

REFUSED = ("error", "invalid_credentials")
pytestmark = pytest.mark.usefixtures("saml_owner")


@pytest.fixture(scope="module")
def pysaml2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    with real_provider(tmp_path_factory.mktemp("idp")) as found:
        yield found


async def test_with_2fa_required_saml_completes_and_a_password_needs_a_passcode(
    tenant: Tenant, saml_owner: SimulatedUser, pysaml2: RealProvider
) -> None:
    agent = await tenant.enrolled(Role.AGENT)
    await tenant.require(saml_owner, team_members=True, end_users=True)
    certificate = "".join(pysaml2.certificate.split("\n")[1:-2])  # bare base64, as in metadata
    settings = {"idp_entity_id": pysaml2.entity_id, "idp_sso_url": pysaml2.sso_url}
    await name_saml_provider(saml_owner, **settings, idp_certificates=[signing_key("old").pem, certificate])
    browser = tenant.browser()
    metadata = await browser.get("/sso/corp/metadata")
    assert metadata.headers["content-type"] == "application/samlmetadata+xml"
    pysaml2.know(metadata.content)

    acs_url, answer = pysaml2.sign_in(await begin(browser), agent.user.email)
    assert httpx.URL(acs_url).path == f"/v1/accounts/{tenant.account.slug}/sso/corp/acs"
    signed_in = await finish(browser, answer)

    assert (signed_in["status"], signed_in["user"]["id"]) == ("complete", agent.id)
    session = signed_in["session"]
    assert (session["amr"], session["assurance"], session["second_factor_at"]) == (["sso"], "aal1", None)
    assert (await tenant.sign_in(agent, tenant.browser()))["status"] == "passcode_required"
    _, answer = pysaml2.sign_in(await begin(browser), "new@example.com")
    made = (await finish(browser, answer))["user"]
    assert (made["role"], made["email"], made["name"]) == ("end_user", "new@example.com", "Some Body")
    events = [event for event in await AuditTrail(tenant).new() if event.type == "sso.signed_in"]
    assert [event.details for event in events] == [{"amr": ["sso"], "provider": "corp"}] * 2


async def test_the_name_id_identifies_the_same_user_when_the_address_changes(
    tenant: Tenant, saml_owner: SimulatedUser
) -> None:
    browser = tenant.browser()
    first = await finish(browser, (await arrive(tenant, browser)).honest())

    provider = await arrive(tenant, browser)
    again = await finish(
        browser, provider.honest(id="_next", attributes=attribute("email", saml_owner.user.email))
    )

    assert again["user"]["id"] == first["user"]["id"]
    assert again["user"]["email"] == "somebody@example.com"


FORGED = (
    "unsigned",
    "another key",
    "another audience",
    "another recipient",
    "another request",
    "expired",
    "entity",
)


@pytest.mark.parametrize("lie", FORGED)
async def test_an_invalid_answer_is_refused_and_the_log_says_why(tenant: Tenant, lie: str) -> None:
    browser, trail = tenant.browser(), AuditTrail(tenant)
    await trail.new()
    provider = await arrive(tenant, browser)
    if lie == "unsigned":
        document = provider.response(provider.assertion())
    elif lie == "another key":
        document = provider.response(provider.sign(provider.assertion(), signing_key("other")))
    elif lie == "expired":
        document = provider.honest()
        tenant.clock.turn(minutes=6)
    elif lie == "entity":
        document = b"<!DOCTYPE r [<!ENTITY e 'x'>]>" + etree.tostring(provider.honest())
    else:
        says = {
            "another audience": {"audiences": ""},
            "another recipient": {"recipient": provider.acs_url + "/"},
            "another request": {"in_response_to": "_another"},
        }[lie]
        document = provider.honest(**says)

    with capture_logs() as log:
        response = await post(browser, document)

    assert brought_back(response) == REFUSED
    [line] = [line for line in log if line["event"] == "saml answer refused"]
    assert line["reason"]
    assert "somebody" not in str(log)
    assert [(event.type, event.details["provider"]) for event in await trail.new()] == [("sign_in.failed", "corp")]


def cookie_header(browser: Client) -> str:
    [(name, value)] = browser.cookies.items()
    return f"{name}={value}"


async def test_an_answer_is_good_once(tenant: Tenant) -> None:
    browser = tenant.browser()
    provider = await arrive(tenant, browser)
    cookie = cookie_header(browser)
    document = provider.honest()
    await finish(browser, document)

    refused(await post(browser, document), 401, "sign_in_expired")
    refused(await post(tenant.browser(), document, headers={"Cookie": cookie}), 401, "sign_in_expired")
    another = await arrive(tenant, browser)
    assert brought_back(await post(browser, document)) == REFUSED
    another = await arrive(tenant, browser)
    assert brought_back(await post(browser, another.honest())) == REFUSED  # the same assertion, for a new request
    another = await arrive(tenant, browser)
    await finish(browser, another.honest(id="_next"))


async def test_recreating_a_provider_makes_no_answer_valid_again(
    tenant: Tenant, saml_owner: SimulatedUser
) -> None:
    browser = tenant.browser()
    await finish(browser, (await arrive(tenant, browser)).honest())
    ok(await saml_owner.browser.delete("/sso-providers/corp"), 204)
    await name_saml_provider(saml_owner)

    again = await arrive(tenant, browser)

    assert brought_back(await post(browser, again.honest())) == REFUSED


async def test_one_answer_sent_to_two_instances_at_once_makes_one_session(
    tenant: Tenant, settings: Settings, clock: TurnableClock
) -> None:
    browser = tenant.browser()
    provider = await arrive(tenant, browser)
    form = {"SAMLResponse": encoded(provider.honest())}
    cookie = cookie_header(browser)
    path = f"/v1/accounts/{tenant.account.slug}/sso/corp/acs"
    with running_instances(settings, clock) as instances:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            responses = await asyncio.gather(
                *(http.post(one.url + path, data=form, headers={"Cookie": cookie}) for one in instances * 4)
            )

    assert sorted(response.status_code for response in responses) == [303] + [401] * 7
    codes = [brought_back(response)[1] for response in responses if response.status_code == 303]
    [kept] = [dict(response.cookies) for response in responses if response.status_code == 303]
    browser.cookies.update(kept)
    exchanges = await asyncio.gather(*(browser.post("/sign-ins/exchange", json={"code": codes[0]}) for _ in "ab"))
    assert sorted(response.status_code for response in exchanges) == [201, 401]


async def test_only_the_browser_that_began_can_finish(tenant: Tenant, saml_owner: SimulatedUser) -> None:
    await name_saml_provider(saml_owner, "other")
    browser, victim = tenant.browser(), tenant.browser()
    document = (await arrive(tenant, browser)).honest()

    refused(await post(victim, document), 401, "sign_in_expired")
    await arrive(tenant, victim)
    assert brought_back(await post(victim, document)) == REFUSED
    await finish(browser, document)
    other = await arrive(tenant, browser, "other")
    refused(await post(browser, other.honest()), 401, "sign_in_expired")  # at `corp`


async def test_a_login_expires_after_ten_minutes(tenant: Tenant) -> None:
    browser = tenant.browser()
    provider = await arrive(tenant, browser)
    tenant.clock.turn(minutes=10)
    provider.now = tenant.clock.now()

    refused(await post(browser, provider.honest()), 401, "sign_in_expired")


async def test_what_the_account_forbids_goes_back_as_an_error(tenant: Tenant, saml_owner: SimulatedUser) -> None:
    browser = tenant.browser()
    person = await tenant.person()
    who = {"attributes": attribute("email", person.user.email)}
    provider = await arrive(tenant, browser)
    await set_status(tenant, person, "suspended")
    assert brought_back(await post(browser, provider.honest(**who))) == ("error", "forbidden")

    provider = await arrive(tenant, browser)
    bad = provider.honest(id="_bad", attributes=attribute("email", "no address@example.com"))
    assert brought_back(await post(browser, bad)) == ("error", "invalid_request")
    await name_saml_provider(saml_owner, create_users=False)
    provider = await arrive(tenant, browser)
    assert brought_back(await post(browser, provider.honest(id="_new"))) == ("error", "forbidden")
