"""A real nginx, configured as in docs/integrating.md, in front of an API without Passgate."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from app.database.embedded import running_url
from tests.support.programs.nginx import NGINX, nginx
from tests.support.programs.serving import Serving, free_port, passgate, serving

PASSWORD = "a long enough password"
ADMIN = (
    "create-user",
    "demo",
    "--email",
    "ada@demo.example",
    "--name",
    "Ada",
    "--role",
    "admin",
    "--password-stdin",
)

pytestmark = pytest.mark.skipif(NGINX is None, reason="apt-get install nginx-light")

PAGE = Path(__file__).parent.parent.parent / "docs" / "integrating.md"


class SmallApi(BaseHTTPRequestHandler):
    """Answers with the user id that the gateway passes in `X-User-Id`."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers.get("X-User-Id", "nobody").encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def small_api() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SmallApi)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def gateway(directory: Path, passgate_port: int, api_port: int) -> Iterator[str]:
    """Run nginx with the page's configuration on these ports, and yield the URL of its API."""
    [block] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    block = block.replace("127.0.0.1:8000", f"127.0.0.1:{passgate_port}").replace(
        "127.0.0.1:9000", f"127.0.0.1:{api_port}"
    )
    port = free_port()
    with nginx(directory, port, f"server {{ listen 127.0.0.1:{port};\n{block}\n}}"):
        yield f"http://127.0.0.1:{port}/api/"


def sign_in(service: Serving) -> str:
    body = {"email": "owner@demo.example", "password": service.owner_password}
    answer = httpx.post(f"{service.url}/v1/accounts/demo/sign-ins", json=body)
    token: str = answer.json()["session"]["token"]
    return token


def test_a_token_and_a_session_pass_and_a_password_does_not(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "data") as service,
        small_api() as api_port,
        gateway(tmp_path, service.port, api_port) as gate,
    ):
        session = {"Authorization": f"Bearer {sign_in(service)}"}
        account = f"{service.url}/v1/accounts/demo"
        made = httpx.post(f"{account}/api-tokens", json={"description": "api", "scopes": ["api"]}, headers=session)
        token = ("owner@demo.example/token", made.json()["token"])
        owner_id = httpx.get(f"{account}/session", headers=session).json()["user"]["id"]
        required = {"require_two_factor": {"team_members": True, "end_users": True}}
        assert httpx.patch(f"{account}/security-policy", json=required, headers=session).status_code == 200

        assert httpx.get(gate, auth=token).text == owner_id
        assert httpx.get(gate, headers=session).text == owner_id
        assert httpx.get(gate).status_code == 401
        assert httpx.get(gate, auth=("owner@demo.example", service.owner_password)).status_code == 401
        assert httpx.get(gate, headers={"X-User-Id": owner_id}).status_code == 401

        assert httpx.delete(f"{account}/api-tokens/{made.json()['id']}", headers=session).status_code == 204
        assert httpx.get(gate, auth=token).status_code == 401


def test_forged_forwarding_headers_do_not_change_the_client_address(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "data", PASSGATE_TRUSTED_PROXY_HOPS="1") as service,
        small_api() as api_port,
        gateway(tmp_path, service.port, api_port) as gate,
    ):
        session = {"Authorization": f"Bearer {sign_in(service)}"}
        account = f"{service.url}/v1/accounts/demo"
        allowed = httpx.patch(f"{account}/security-policy", json={"api_password_access": True}, headers=session)
        assert allowed.status_code == 200
        right = httpx.get(gate, auth=("owner@demo.example", service.owner_password))
        answers = [
            httpx.get(
                gate,
                auth=("owner@demo.example", f"wrong password {number}"),
                headers=[
                    ("X-Forwarded-For", f"203.0.113.{number}, 198.51.100.{number}"),
                    ("X-Forwarded-For", f"192.0.2.{number}"),
                    ("X-Real-IP", f"192.0.2.{number}"),
                    ("Forwarded", f"for=192.0.2.{number}"),
                ],
            ).status_code
            for number in range(40)
        ]
        events = httpx.get(f"{account}/audit-events?limit=100", headers=session).json()["items"]

    assert right.status_code == 200
    assert answers == [401] * 10 + [500] * 30  # nginx answers 500 if `auth_request` gets a 429
    assert {event["ip"] for event in events if event["ip"]} == {"127.0.0.1"}


def test_a_change_at_one_instance_applies_to_the_next_request_at_another(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as first:
        url = running_url(tmp_path / "data") or ""
        keys = (tmp_path / "data" / "secret-keys").read_text().strip()
        with serving(tmp_path / "other", PASSGATE_DATABASE_URL=url, PASSGATE_SECRET_KEYS=keys) as second:
            here, there = (f"{service.url}/v1/accounts/demo" for service in (first, second))
            owner = {"Authorization": f"Bearer {sign_in(first)}"}
            made = passgate(*ADMIN, data_dir=tmp_path / "data", stdin=PASSWORD)
            assert made.returncode == 0, made.stderr
            body = {"email": "ada@demo.example", "password": PASSWORD}
            signed = httpx.post(f"{there}/sign-ins", json=body).json()
            admin, user = {"Authorization": f"Bearer {signed['session']['token']}"}, signed["user"]["id"]
            scopes = {"description": "script", "scopes": ["api"]}
            token = httpx.post(f"{there}/api-tokens", json=scopes, headers=admin).json()
            auth = ("ada@demo.example/token", token["token"])
            assert httpx.get(f"{there}/authorize", auth=auth).status_code == 204

            assert httpx.delete(f"{here}/api-tokens/{token['id']}", headers=owner).status_code == 204
            assert httpx.get(f"{there}/authorize", auth=auth).status_code == 401

            assert httpx.get(f"{there}/api-tokens", headers=admin).status_code == 200
            assert httpx.patch(f"{here}/users/{user}", json={"role": "agent"}, headers=owner).status_code == 200
            assert (
                httpx.get(f"{there}/session", headers=admin).status_code == 401
            )  # the change of role ended the session

            signed = httpx.post(f"{there}/sign-ins", json=body).json()
            agent = {"Authorization": f"Bearer {signed['session']['token']}"}
            assert httpx.get(f"{there}/api-tokens", headers=agent).status_code == 403
            suspended = httpx.patch(f"{here}/users/{user}", json={"status": "suspended"}, headers=owner)
            assert suspended.status_code == 200
            assert httpx.get(f"{there}/session", headers=agent).status_code == 401

            httpx.delete(f"{here}/session", headers=owner)
            assert httpx.get(f"{there}/session", headers=owner).status_code == 401
