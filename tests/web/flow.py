"""Calls of an owner that use secrets, for tests that logs and traces contain none of them."""

import base64
from typing import Any

import httpx

from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.clock import TurnableClock
from tests.support.programs.serving import Serving
from tests.web.route_table import SOME_ID

OWNER = "owner@demo.example"


class Flow:
    """Calls of an owner at a real service, and the secrets that they used."""

    def __init__(self, service: Serving, client: httpx.AsyncClient) -> None:
        self.client = client
        self.password = service.owner_password
        self.secrets = {self.password, "mArKeR", OWNER}

    async def send(self, status: int, method: str, path: str, **arguments: Any) -> Any:
        response = await self.client.request(method, path, **arguments)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def use_session(self, answer: dict[str, Any]) -> None:
        self.client.headers["Authorization"] = f"Bearer {answer['session']['token']}"
        self.secrets.add(answer["session"]["token"])

    async def sign_in(self) -> dict[str, Any]:
        body = {"email": OWNER, "password": self.password}
        answer: dict[str, Any] = await self.send(201, "POST", "/sign-ins", json=body)
        return answer

    async def use_all_secrets(self) -> None:
        await self.send(401, "POST", "/sign-ins", json={"email": OWNER, "password": "mArKeR password"})
        self.use_session(await self.sign_in())
        enrollments = "/users/me/two-factor/enrollments"
        begun = await self.send(201, "POST", enrollments, json={"kind": "totp", "label": "mArKeR"})
        app = AuthenticatorApp(begun["secret"], TurnableClock())
        path = f"{enrollments}/{begun['id']}/confirmation"
        confirmed = await self.send(201, "POST", path, json={"passcode": app.passcode(), "remember_device": False})
        waiting = await self.sign_in()
        self.secrets |= {begun["secret"], *confirmed["recovery_codes"], waiting["sign_in_token"]}
        body = {"sign_in_token": waiting["sign_in_token"]}
        await self.send(401, "POST", "/sign-ins/passcode", json=body | {"passcode": "aaaaaaa-bbbbbbb"})
        done = await self.client.post("/sign-ins/passcode", json=body | {"passcode": app.passcode(1)})
        self.use_session(done.json())
        self.secrets |= {cookie.value or "" for cookie in self.client.cookies.jar}
        body = {"current_password": "mArKeR password", "new_password": "mArKeR new password"}
        await self.send(401, "PUT", "/users/me/password", json=body)
        await self.send(201, "POST", "/users/me/two-factor/recovery-codes")

    async def send_bad_requests(self) -> None:
        basic = base64.b64encode(f"{OWNER}:{self.password}".encode()).decode()
        self.secrets.add(basic)
        for credential in (f"Basic {basic}", "Bearer mArKeR", "mArKeR"):
            await self.send(
                401, "GET", "/session", headers={"Authorization": credential, "Cookie": "mArKeR=mArKeR"}
            )
        await self.send(404, "GET", "/mArKeR?token=mArKeR")
        await self.send(401, "GET", f"/reports/{SOME_ID}/csv?link=mArKeR", headers={"Authorization": "mArKeR"})
        for call in ("/report-downloads", "/report-link-details", "/link-details"):
            await self.send(410, "POST", call, json={"token": "mArKeR"})
        await self.send(401, "DELETE", "/users/me/sessions/mArKeR", headers={"Authorization": "mArKeR"})
        await self.send(422, "POST", "/sign-ins", json={"mArKeR": "mArKeR", "email": ["mArKeR"]})
        await self.send(422, "POST", "/sign-ins", content=b"mArKeR", headers={"Content-Type": "application/json"})
