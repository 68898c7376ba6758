"""A small front end in a real browser over https, on another origin, same-site or not."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from app.core.settings import Settings
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.clock import TurnableClock
from tests.support.programs.chromium import CHROMIUM, chromium, complaints_of
from tests.support.programs.nginx import NGINX, nginx
from tests.support.programs.serving import free_port, passgate, serving

FILES = Path(__file__).parent / "front_end"
EMAIL, PASSWORD = "owner@example.test", "a long enough password"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium"),
    pytest.mark.skipif(NGINX is None, reason="apt-get install nginx-light"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="apt-get install openssl"),
    pytest.mark.skipif(shutil.which("zbarimg") is None, reason="apt-get install zbar-tools"),
]


@dataclass
class World:
    """The API and two front ends behind one nginx, and a browser."""

    api: str
    same_site: str
    other_site: str
    plain_api: str
    localhost: str
    browser: Browser

    def visit(self, context: BrowserContext, origin: str, account: str) -> Page:
        """Open the front end for an account."""
        page = context.new_page()
        page.goto(f"{origin}/?account={self.api}/v1/accounts/{account}")
        return page


def servers(port: int, passgate_port: int, directory: Path, localhost: str) -> str:
    secure = f"ssl_certificate {directory}/cert.pem; ssl_certificate_key {directory}/key.pem;"
    listen = f"listen 127.0.0.1:{port} ssl; {secure}"
    forward = "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Host $http_host;"
    return f"""
        types {{ text/html html; text/javascript js; }}
        server {{ {listen} server_name api.example.test;
            location / {{ proxy_pass http://127.0.0.1:{passgate_port}; {forward} }} }}
        server {{ {listen} server_name app.example.test app.elsewhere.test; root {FILES}; }}
        server {{ listen 127.0.0.1:{urlsplit(localhost).port}; server_name localhost; root {FILES}; }}
    """


@pytest.fixture(scope="module")
def world(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory, port = tmp_path_factory.mktemp("front_end"), free_port()
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=example.test"
    command += " -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)
    api, app, elsewhere = (
        f"https://{host}:{port}" for host in ("api.example.test", "app.example.test", "app.elsewhere.test")
    )
    localhost = f"http://localhost:{free_port()}"
    assert settings.database_url is not None
    assert settings.secret_keys is not None
    told = {
        "PASSGATE_DATABASE_URL": settings.database_url.get_secret_value(),
        "PASSGATE_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "PASSGATE_PUBLIC_URL": api,
        "PASSGATE_CORS_ORIGINS": f"{app}, {elsewhere}, {localhost}",
        "PASSGATE_TRUSTED_PROXY_HOPS": "1",
    }
    for slug in ("front-end", "two-sites", "elsewhere", "localhost"):
        made = ("create-account", slug, "--name", "Front", "--owner-email", EMAIL, "--password-stdin")
        assert passgate(*made, data_dir=directory / "data", stdin=PASSWORD, **told).returncode == 0
    with (
        serving(directory / "data", "--no-jobs", **told) as service,
        nginx(directory, port, servers(port, service.port, directory, localhost)),
        chromium("--host-resolver-rules=MAP *.test 127.0.0.1") as browser,
    ):
        yield World(api, app, elsewhere, f"http://127.0.0.1:{service.port}", localhost, browser)


def expect(page: Page, said: str) -> None:
    page.wait_for_function("text => document.querySelector('#says').textContent === text", arg=said)


def send_password(page: Page, said: str) -> None:
    page.evaluate("say('')")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("#password-form button")
    expect(page, said)


def send_passcode(page: Page, passcode: str, said: str = "complete") -> None:
    page.fill("#passcode", passcode)
    page.click("#passcode-form button")
    expect(page, said)


def call(page: Page, method: str, path: str, body: Any = None) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate("([m, p, b]) => call(m, p, b ?? undefined)", [method, path, body])
    return answer


def require_two_factor(page: Page) -> None:
    body = {"require_two_factor": {"team_members": True}}
    assert call(page, "PATCH", "/security-policy", body)["status"] == 200


def scan(page: Page) -> AuthenticatorApp:
    """Return an authenticator app that has scanned the QR code on the screen."""
    page.add_style_tag(content="#qr-code svg { width: 600px }")
    picture = page.locator("#qr-code svg").screenshot()
    read = subprocess.run(["zbarimg", "--quiet", "--raw", "-"], input=picture, check=True, capture_output=True)
    return AuthenticatorApp(parse_qs(urlsplit(read.stdout.decode().strip()).query)["secret"][0], TurnableClock())


def test_signing_in_from_a_front_end_of_the_same_site(world: World) -> None:
    context = world.browser.new_context(ignore_https_errors=True)
    page = world.visit(context, world.same_site, "front-end")
    complaints = complaints_of(page)
    send_password(page, "complete")
    require_two_factor(page)
    send_password(page, "enrollment_required")
    phone = scan(page)
    send_passcode(page, phone.passcode())

    # The browser keeps the device cookie, for https only, and no script can read it.
    [cookie] = context.cookies()
    assert cookie["name"].startswith("__Host-passgate_device_")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert (cookie["domain"], cookie["path"]) == ("api.example.test", "/")
    beside = context.new_page()
    beside.goto(f"{world.api}/problems/forbidden")
    assert beside.evaluate("document.cookie") == ""
    assert page.evaluate("document.cookie") == ""

    # With the cookie no passcode is asked, here and in a new tab; another browser is asked.
    send_password(page, "complete")
    send_password(world.visit(context, world.same_site, "front-end"), "complete")
    another = world.browser.new_context(ignore_https_errors=True)
    send_password(world.visit(another, world.same_site, "front-end"), "passcode_required")
    another.close()

    # After revocation the cookie is deleted, and the old value does not help.
    assert call(page, "DELETE", "/users/me/trusted-devices")["status"] == 204
    assert context.cookies() == []
    context.add_cookies([{name: cookie[name] for name in ("name", "value", "domain", "path", "secure")}])  # type: ignore[list-item]  # a dictionary of the cookie's own type
    send_password(page, "passcode_required")
    send_passcode(page, phone.passcode(), "passcode_already_used")
    assert complaints == []
    context.close()


def test_on_another_site_the_cookie_is_not_sent(world: World) -> None:
    context = world.browser.new_context(ignore_https_errors=True)
    page = world.visit(context, world.same_site, "two-sites")
    send_password(page, "complete")
    require_two_factor(page)
    send_password(page, "enrollment_required")
    send_passcode(page, scan(page).passcode())
    send_password(page, "complete")

    send_password(world.visit(context, world.other_site, "two-sites"), "passcode_required")

    send_password(page, "complete")
    context.close()


@pytest.mark.parametrize("site", ["elsewhere", "localhost"])
def test_on_another_site_the_browser_keeps_no_cookie_and_the_page_is_told_so(world: World, site: str) -> None:
    """`localhost` and `127.0.0.1` are two sites, too."""
    api, origin = (world.api, world.other_site) if site == "elsewhere" else (world.plain_api, world.localhost)
    context = world.browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{origin}/?account={api}/v1/accounts/{site}")
    send_password(page, "complete")
    require_two_factor(page)
    send_password(page, "enrollment_required")
    phone = scan(page)
    with page.expect_response("**/confirmation") as caught:
        send_passcode(page, phone.passcode())

    answer = caught.value.json()
    assert (answer["trusted_device"], answer["not_trusted_because"]) == (None, "cross_site")
    assert context.cookies() == []
    assert call(page, "GET", "/users/me/trusted-devices")["body"]["items"] == []
    context.close()


def test_a_page_of_the_front_end_reads_the_headers_that_it_needs(world: World) -> None:
    context = world.browser.new_context(ignore_https_errors=True)
    page = world.visit(context, world.same_site, "front-end")
    with page.expect_response("**/session") as caught:
        signed_out = call(page, "GET", "/session")
    assert signed_out["status"] == 401
    assert {"www-authenticate", "x-request-id"} <= set(signed_out["headers"])
    answer = caught.value.all_headers()
    assert answer["vary"] == "Origin"
    assert answer["access-control-allow-origin"] == world.same_site
    assert answer["access-control-allow-credentials"] == "true"
    exposed = answer["access-control-expose-headers"].split(", ")
    assert sorted(exposed) == [
        "Content-Disposition",
        "ETag",
        "Location",
        "Passgate-Test-Account",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "WWW-Authenticate",
        "X-Request-ID",
    ]
    page.goto(f"{world.same_site}/?account={world.api}/v1/accounts/nowhere")
    unknown = call(page, "GET", "/session")
    assert (unknown["status"], unknown["body"]["code"]) == (404, "not_found")
    context.close()
