"""Browser login at an OpenID Connect issuer (docs/api.md section 9)."""

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
async def login(tenant: Tenant, owner: SimulatedUser, issuer: Issuer) -> BrowserLogin:
    await name_issuer(owner, issuer, trusted_domains=["example.com"])
    return BrowserLogin(tenant)


def end_of(response: httpx.Response) -> str:
    """Return the fragment of the URL that the browser is sent back to."""
    assert response.status_code == 303, response.text
    address, _, fragment = response.headers["location"].partition("#")
    assert address == RETURN_TO
    assert "max-age=0" in response.headers["set-cookie"].lower()
    return fragment


async def test_a_login_ends_in_a_session_of_the_user_that_the_issuer_names(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    agent = await login.tenant.enrolled(Role.AGENT)
    await login.tenant.require(owner, team_members=True)
    issuer.claims = {"email": agent.user.email}

    code = end_of(await login.come_back(await login.log_in())).removeprefix("code=")
    answer = ok(await login.browser.post("/sign-ins/exchange", json={"code": code}), 201)

    assert (answer["user"]["id"], answer["session"]["amr"]) == (agent.id, ["sso"])
    assert not login.browser.cookies
    refused(await login.browser.post("/sign-ins/exchange", json={"code": code}), 401, "sign_in_expired")


async def test_the_issuer_learns_nothing_of_the_cookie(login: BrowserLogin) -> None:
    first, second = [parse_qs(urlsplit(await login.begin()).query) for _ in range(2)]
    [cookie] = login.browser.cookies.jar

    assert cookie.name == "passgate_sso"
    assert cookie.value
    assert cookie.value not in str(second)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert len({second[name][0] for name in ("state", "nonce", "code_challenge")}) == 3


async def test_by_https_the_cookie_is_bound_to_the_host(login: BrowserLogin, owner: SimulatedUser) -> None:
    services = with_changes(login.tenant.services, public_url="https://auth.example.com")
    app = create_app(services)
    app.state.issuers = login.tenant.app.state.issuers  # may fetch from loopback; a public instance may not
    browser = client_of(app, login.tenant.account.slug, base_url="https://auth.example.com")
    assert owner.app

    response = await browser.get(LOGIN, params={"return_to": RETURN_TO})

    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-passgate_sso=pgo_")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert attribute in cookie.split("; ")
    [callback] = parse_qs(urlsplit(response.headers["location"]).query)["redirect_uri"]
    path = f"/v1/accounts/{login.tenant.account.slug}/sso/issuer/callback"
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
async def test_return_to_must_be_a_return_url_of_the_provider(login: BrowserLogin, return_to: str) -> None:
    response = await login.browser.get(LOGIN, params={"return_to": return_to})

    problem = refused(response, 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/return_to"
    assert "set-cookie" not in response.headers


async def test_an_answer_for_another_browser_is_refused(login: BrowserLogin) -> None:
    address = await login.log_in()
    other = BrowserLogin(login.tenant)
    refused(await other.come_back(address), 401, "sign_in_expired")  # without a cookie
    await other.begin()
    refused(await other.come_back(address), 401, "sign_in_expired")  # with the cookie of its own login
    for changed in (
        address.replace("state=", "state=x"),
        address.replace("state=", "other="),
        address + "&state=",
    ):
        refused(await login.come_back(changed), 401, "sign_in_expired")

    assert end_of(await login.come_back(address)).startswith("code=pgc_")


async def test_a_login_finishes_once_and_within_ten_minutes(login: BrowserLogin) -> None:
    address = await login.log_in()
    [kept] = login.browser.cookies.jar
    assert end_of(await login.come_back(address)).startswith("code=")
    login.browser.cookies.jar.set_cookie(kept)
    refused(await login.come_back(address), 401, "sign_in_expired")

    late = await login.log_in()
    login.tenant.clock.turn(minutes=10)
    refused(await login.come_back(late), 401, "sign_in_expired")


async def test_a_login_at_one_provider_cannot_finish_at_another(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, "other")
    address = await login.log_in()

    refused(await login.come_back(address.replace("/issuer/", "/other/")), 401, "sign_in_expired")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("error=access_denied", "invalid_credentials"),
        ("error=temporarily_unavailable", "unavailable"),
        ("code=", "invalid_credentials"),
        ("code=stolen", "invalid_credentials"),
    ],
)
async def test_a_login_that_fails_goes_back_with_an_error(login: BrowserLogin, answer: str, code: str) -> None:
    address = await login.log_in()
    start, _, query = address.partition("?")
    changed = f"{start}?{answer}&state={parse_qs(query)['state'][0]}"

    assert end_of(await login.come_back(changed)) == f"error={code}"


async def test_a_token_that_is_not_for_this_login_goes_back_with_an_error(
    login: BrowserLogin, issuer: Issuer
) -> None:
    for claims in ({"nonce": "another"}, {"aud": "somebody else"}, {"email": ["a list"]}):
        issuer.claims = claims
        assert end_of(await login.come_back(await login.log_in())) == "error=invalid_credentials"


async def test_an_issuer_that_does_not_answer_goes_back_with_an_error(login: BrowserLogin, issuer: Issuer) -> None:
    address = await login.log_in()
    issuer.turn_down("/token")
    assert end_of(await login.come_back(address)) == "error=unavailable"


async def test_an_issuer_never_reached_is_unavailable(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, issuer="http://127.0.0.1:1")

    refused(await login.browser.get(LOGIN, params={"return_to": RETURN_TO}), 503, "unavailable")


async def test_an_unknown_user_goes_back_with_an_error_without_create_users(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer, create_users=False)
    assert end_of(await login.come_back(await login.log_in())) == "error=forbidden"


async def test_the_client_secret_is_sent_in_the_form_if_the_issuer_wants_it(
    login: BrowserLogin, issuer: Issuer
) -> None:
    issuer.says = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await login.come_back(await login.log_in())
    assert issuer.form["client_secret"] == CLIENT_SECRET


async def test_a_public_client_has_no_secret_to_send(
    login: BrowserLogin, owner: SimulatedUser, issuer: Issuer
) -> None:
    ok(await owner.browser.delete("/sso-providers/issuer"), 204)
    given = {"type": "oidc", "issuer": issuer.url, "client_id": "public", "return_urls": [RETURN_TO]}
    ok(await owner.browser.put("/sso-providers/issuer", json=given | {"create_users": True}), 201)
    issuer.client_id = "public"

    assert end_of(await login.come_back(await login.log_in())).startswith("code=")
    assert "client_secret" not in issuer.form
    assert issuer.form["client_id"] == "public"


async def test_neither_a_jwt_provider_nor_an_unknown_one_has_a_login(login: BrowserLogin) -> None:
    for name in ("intranet", "unknown", "ISSUER", "%00"):
        response = await login.browser.get(f"/sso/{name}/login", params={"return_to": RETURN_TO})
        refused(response, 404, "not_found")
        refused(await login.browser.get(f"/sso/{name}/callback", params={"state": "x"}), 404, "not_found")
