"""A browser's way to an OpenID Connect issuer and back (docs/api.md section 9)."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.core.callers import Role
from app.main import create_app
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.browser_login import BrowserLogin
from tests.support.account.client import client_of, ok, refused
from tests.support.account.services import with_changes
from tests.support.programs.oidc_provider import CLIENT_SECRET, RETURN_TO, Issuer, name_issuer

LOGIN = "/sso/issuer/login"


@pytest.fixture
async def way(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> BrowserLogin:
    await name_issuer(owner, issuer, trusted_domains=["example.com"])
    return BrowserLogin(tenant)


def end_of(response: httpx.Response) -> str:
    """Return the fragment with which the browser comes to where it began."""
    assert response.status_code == 303, response.text
    address, _, fragment = response.headers["location"].partition("#")
    assert address == RETURN_TO
    assert "max-age=0" in response.headers["set-cookie"].lower()
    return fragment


async def test_it_ends_in_a_session_of_whom_the_issuer_names(
    way: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    agent = await way.tenant.enrolled(Role.AGENT)
    await way.tenant.require(owner, team_members=True)
    issuer.claims = {"email": agent.user.email}

    code = end_of(await way.come_back(await way.log_in())).removeprefix("code=")
    answer = ok(await way.browser.post("/sign-ins/exchange", json={"code": code}), 201)

    assert (answer["user"]["id"], answer["session"]["amr"]) == (agent.id, ["sso"])
    assert not way.browser.cookies
    refused(await way.browser.post("/sign-ins/exchange", json={"code": code}), 401, "sign_in_expired")


async def test_what_the_issuer_sees_tells_nothing_of_the_cookie(way: BrowserLogin) -> None:
    first, second = [parse_qs(urlsplit(await way.begin()).query) for _ in range(2)]
    [cookie] = way.browser.cookies.jar

    assert cookie.name == "passgate_sso"
    assert cookie.value
    assert cookie.value not in str(second)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert len({second[name][0] for name in ("state", "nonce", "code_challenge")}) == 3


async def test_by_https_the_cookie_is_bound_to_the_host(way: BrowserLogin, owner: SimulatedUser) -> None:
    services = with_changes(way.tenant.services, public_url="https://auth.example.com")
    app = create_app(services)
    app.state.issuers = way.tenant.app.state.issuers  # which ask this machine: a public instance would not
    browser = client_of(app, way.tenant.account.slug, base_url="https://auth.example.com")
    assert owner.app

    response = await browser.get(LOGIN, params={"return_to": RETURN_TO})

    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-passgate_sso=pgo_")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert attribute in cookie.split("; ")
    [callback] = parse_qs(urlsplit(response.headers["location"]).query)["redirect_uri"]
    path = f"/v1/accounts/{way.tenant.account.slug}/sso/issuer/callback"
    assert callback == f"https://auth.example.com{path}"


@pytest.mark.parametrize(
    "return_to",
    [
        "https://evil.example/",
        RETURN_TO + "&x=1",
        RETURN_TO + "#",
        RETURN_TO.upper(),
        "https://app.example.com",
        "//app.example.com/signed-in",
        "javascript:alert(1)",
        "",
    ],
)
async def test_it_goes_back_to_an_address_of_the_provider_only(way: BrowserLogin, return_to: str) -> None:
    response = await way.browser.get(LOGIN, params={"return_to": return_to})

    problem = refused(response, 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/return_to"
    assert "set-cookie" not in response.headers


async def test_an_answer_for_another_browser_is_none(way: BrowserLogin) -> None:
    address = await way.log_in()
    other = BrowserLogin(way.tenant)
    refused(await other.come_back(address), 401, "sign_in_expired")  # without a cookie
    await other.begin()
    refused(await other.come_back(address), 401, "sign_in_expired")  # with that of its own login
    for bent in (address.replace("state=", "state=x"), address.replace("state=", "other="), address + "&state="):
        refused(await way.come_back(bent), 401, "sign_in_expired")

    assert end_of(await way.come_back(address)).startswith("code=pgc_")


async def test_a_login_ends_once_and_within_ten_minutes(way: BrowserLogin) -> None:
    address = await way.log_in()
    [kept] = way.browser.cookies.jar
    assert end_of(await way.come_back(address)).startswith("code=")
    way.browser.cookies.jar.set_cookie(kept)
    refused(await way.come_back(address), 401, "sign_in_expired")

    late = await way.log_in()
    way.tenant.clock.turn(minutes=10)
    refused(await way.come_back(late), 401, "sign_in_expired")


async def test_a_login_at_one_provider_does_not_end_at_another(
    way: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, "other")
    address = await way.log_in()

    refused(await way.come_back(address.replace("/issuer/", "/other/")), 401, "sign_in_expired")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("error=access_denied", "invalid_credentials"),
        ("error=temporarily_unavailable", "unavailable"),
        ("code=", "invalid_credentials"),
        ("code=stolen", "invalid_credentials"),
    ],
)
async def test_a_login_that_fails_goes_back_with_an_error(way: BrowserLogin, answer: str, code: str) -> None:
    address = await way.log_in()
    start, _, query = address.partition("?")
    bent = f"{start}?{answer}&state={parse_qs(query)['state'][0]}"

    assert end_of(await way.come_back(bent)) == f"error={code}"


async def test_a_token_that_is_not_for_this_login_goes_back_with_an_error(
    way: BrowserLogin, issuer: Issuer
) -> None:
    for claims in ({"nonce": "another"}, {"aud": "somebody else"}, {"email": None}):
        issuer.claims = claims
        assert end_of(await way.come_back(await way.log_in())) == "error=invalid_credentials"


async def test_an_issuer_that_does_not_answer_goes_back_with_an_error(way: BrowserLogin, issuer: Issuer) -> None:
    address = await way.log_in()
    issuer.turn_down("/token")
    assert end_of(await way.come_back(address)) == "error=unavailable"


async def test_an_issuer_never_reached_is_unavailable(
    way: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, issuer="http://127.0.0.1:1")

    refused(await way.browser.get(LOGIN, params={"return_to": RETURN_TO}), 503, "unavailable")


async def test_whom_no_user_is_made_for_goes_back_with_an_error(
    way: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, create_users=False)
    assert end_of(await way.come_back(await way.log_in())) == "error=forbidden"


async def test_the_secret_goes_in_the_form_where_the_issuer_wants_it(way: BrowserLogin, issuer: Issuer) -> None:
    issuer.says = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await way.come_back(await way.log_in())
    assert issuer.form["client_secret"] == CLIENT_SECRET


async def test_a_public_client_has_no_secret_to_send(
    way: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    ok(await owner.browser.delete("/sso-providers/issuer"), 204)
    given = {"type": "oidc", "issuer": issuer.url, "client_id": "public", "return_urls": [RETURN_TO]}
    ok(await owner.browser.put("/sso-providers/issuer", json=given | {"create_users": True}), 201)
    issuer.client_id = "public"

    assert end_of(await way.come_back(await way.log_in())).startswith("code=")
    assert "client_secret" not in issuer.form
    assert issuer.form["client_id"] == "public"


async def test_neither_a_jwt_provider_nor_an_unknown_one_has_a_login(way: BrowserLogin) -> None:
    for name in ("intranet", "unknown", "ISSUER", "%00"):
        response = await way.browser.get(f"/sso/{name}/login", params={"return_to": RETURN_TO})
        refused(response, 404, "not_found")
        refused(await way.browser.get(f"/sso/{name}/callback", params={"state": "x"}), 404, "not_found")
