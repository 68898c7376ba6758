"""An OpenID Connect issuer on loopback, with joserfc; tests can change, slow or stop it."""

import asyncio
import base64
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.support.account.arrange import SimulatedUser
from tests.support.account.client import Client, ok
from tests.support.account.clock import TurnableClock

CLIENT_ID = "passgate at the issuer"
CLIENT_SECRET = "what: the issuer + we share"
RETURN_TO = "https://app.example.com/signed-in?from=issuer"
DISCOVERY = "/.well-known/openid-configuration"
ACCESS_TOKEN = "an-access.token_of~the+issuer/=="
BASIC = base64.b64encode(b"passgate+at+the+issuer:what%3A+the+issuer+%2B+we+share").decode()


class Issuer:
    """Its attributes decide its behavior; `asked` lists the paths requested since `begin`."""

    def __init__(self, clock: TurnableClock) -> None:
        self.clock = clock
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS256"}, private=True)
        self.begin()

    def begin(self) -> None:
        """Reset to the initial state: up, honest, with two keys, and a user logged in."""
        self.asked: list[str] = []
        self.answers: dict[str, Response] = {}
        self.delay = 0.0
        self.delays: dict[str, float] = {}
        self.keys: list[Any] = [self.rsa, ECKey.generate_key("P-256", {"kid": "ec-1"}, private=True)]
        self.says: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.client_id = CLIENT_ID
        self.codes: dict[str, dict[str, str]] = {}
        self.form: dict[str, str] = {}
        self.query: dict[str, str] = {}
        self.gives: dict[str, Any] = {"access_token": ACCESS_TOKEN, "token_type": "Bearer"}
        self.userinfo: dict[str, Any] = {}

    def turn_down(self, *paths: str) -> None:
        """Answer 500 at these paths, or everywhere."""
        for path in paths or (DISCOVERY, "/keys", "/token"):
            self.answers[path] = Response(status_code=500)

    def rotate(self, key_id: str) -> None:
        """Replace all keys by a new one."""
        self.keys = [RSAKey.generate_key(2048, {"kid": key_id}, private=True)]

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?prompt=login",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
        } | self.says

    def id_token(self, nonce: str, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return an ID token; a claim or header parameter of None is left out."""
        key = key or self.keys[0]
        now = int(self.clock.now().timestamp())
        given = {
            "iss": self.url,
            "sub": "subject-1",
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": "somebody@example.com",
            "email_verified": True,
            "name": "Somebody New",
        }
        given = {name: value for name, value in (given | self.claims | claims).items() if value is not None}
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        named = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
        return jwt.encode({name: value for name, value in named.items() if value is not None}, given, key)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def as_told(request: Request, call_next: Any) -> Response:
            path = request.url.path
            self.asked.append(path)
            await asyncio.sleep(self.delays.get(path, self.delay))
            answer: Response = self.answers.get(path) or await call_next(request)
            return answer

        app.get(DISCOVERY)(self.discovery)
        app.get("/keys")(lambda: {"keys": [key.as_dict(private=False) for key in self.keys]})
        app.get("/authorize")(self._authorize)
        app.post("/token")(self._token)
        app.get("/userinfo")(self._userinfo)
        return app

    def _authorize(self, request: Request) -> Response:
        self.query = asked = dict(request.query_params)
        assert (asked["client_id"], asked["response_type"], asked["prompt"]) == (self.client_id, "code", "login")
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 302)

    async def _token(self, request: Request) -> Response:
        self.form = given = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        asked = self.codes.pop(given["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).decode()
        if (
            asked is None
            or challenge.rstrip("=") != asked["code_challenge"]
            or given["redirect_uri"] != asked["redirect_uri"]
            or given["grant_type"] != "authorization_code"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        by_basic = request.headers.get("authorization") == f"Basic {BASIC}"
        by_form = given.get("client_secret") == CLIENT_SECRET
        if self.client_id == CLIENT_ID and by_basic == by_form:
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"id_token": self.id_token(asked["nonce"])} | self.gives)

    def _userinfo(self, request: Request) -> Response:
        """Give the claims that are not in the ID token, as OpenID Connect Core 5.4 says."""
        if request.headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
            return Response(status_code=401)
        return JSONResponse({"sub": "subject-1"} | self.userinfo)


@contextmanager
def running_issuer(clock: TurnableClock) -> Iterator[Issuer]:
    """Yield a running issuer."""
    issuer = Issuer(clock)
    config = uvicorn.Config(
        issuer.app(), log_config=None, access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [issuer.listening]}, daemon=True)
    thread.start()
    give_up_at = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < give_up_at, "the issuer did not start"
        time.sleep(0.01)
    yield issuer
    server.should_exit = True
    thread.join(20)
    issuer.listening.close()


async def name_issuer(owner: SimulatedUser, at: Issuer, name: str = "issuer", **changes: Any) -> dict[str, Any]:
    """Configure the issuer as a provider of the owner's account."""
    given = {
        "type": "oidc",
        "issuer": at.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "create_users": True,
        "return_urls": [RETURN_TO],
    } | changes
    response = await owner.browser.put(f"/sso-providers/{name}", json=given)
    shown: dict[str, Any] = ok(response, response.status_code)
    assert response.status_code in {200, 201}, shown
    return shown


async def asked_nonce(browser: Client) -> str:
    """Return a new nonce."""
    return str(ok(await browser.post("/sign-ins/oidc/nonces"), 201)["nonce"])


def id_token_sign_in(id_token: str, nonce: str, provider: str = "issuer") -> dict[str, str]:
    """Return the body of POST /sign-ins/oidc."""
    return {"provider": provider, "id_token": id_token, "nonce": nonce}
