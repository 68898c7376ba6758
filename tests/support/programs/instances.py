"""Several instances on one database, each with its own event loop, pool and threads."""

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from fastapi.routing import iter_route_contexts

from app.core.settings import Settings
from app.crypto.passwords import Argon2Parameters, Hasher
from app.main import create_app
from app.services import make_services
from tests.support.account.clock import TurnableClock

_CHEAP = Argon2Parameters(time_cost=1, memory_kib=64)
_PATIENCE_SECONDS = 20
_TRIES = 10


class Instance:
    """A running server, listening at `url`."""

    def __init__(self, settings: Settings, clock: TurnableClock) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.host, self.port = self._listening.getsockname()[:2]
        self.url = f"http://{self.host}:{self.port}"
        app = create_app(make_services(settings, clock=clock, hasher=Hasher(_CHEAP)))
        # FastAPI builds routes on first use and suppresses a warning for the whole process meanwhile. If two
        # threads did this at once, one would get the warning.
        list(iter_route_contexts(app.routes))
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                lifespan="on",
                proxy_headers=False,
                server_header=False,
                log_config=None,
                access_log=False,
                ws="none",
                timeout_graceful_shutdown=5,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True
        )

    def start(self) -> None:
        self._thread.start()
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while not self._server.started:
            assert self._thread.is_alive(), "the instance ended while it started"
            assert time.monotonic() < give_up_at, "the instance did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_PATIENCE_SECONDS)
        self._listening.close()
        assert not self._thread.is_alive(), "the instance did not stop"


@contextmanager
def running_instances(settings: Settings, clock: TurnableClock, *, count: int = 2) -> Iterator[list[Instance]]:
    """Yield `count` instances with the same database and the same clock."""
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            instance = Instance(settings, clock)
            instance.start()
            stack.callback(instance.stop)
            started.append(instance)
        yield started


class Crowd:
    """A client that sends many requests at once, to the instances in turn."""

    def __init__(self, http: httpx.AsyncClient, instances: Sequence[Instance], slug: str) -> None:
        self._http = http
        self._urls = itertools.cycle([f"{instance.url}/v1/accounts/{slug}" for instance in instances])

    async def request(
        self, method: str, path: str, *, token: str | None = None, **arguments: Any
    ) -> httpx.Response:
        """Send one request; repeat it after a 503, which means that nothing was done."""
        headers = arguments.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        url = next(self._urls) + path
        for _ in range(_TRIES):
            response = await self._http.request(method, url, headers=headers, **arguments)
            if response.status_code != 503:
                break
            await asyncio.sleep(int(response.headers["retry-after"]))
        return response

    async def post(self, path: str, body: dict[str, Any], *, token: str | None = None) -> httpx.Response:
        return await self.request("POST", path, token=token, json=body)


@asynccontextmanager
async def crowd_of(instances: Sequence[Instance], slug: str) -> AsyncIterator[Crowd]:
    """Yield a crowd of clients of one account; every instance has already cached the account."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as http:
        crowd = Crowd(http, instances, slug)
        for _ in instances:
            assert (await crowd.request("GET", "/session")).status_code == 401
        yield crowd


def outcomes(responses: Sequence[httpx.Response]) -> dict[str, int]:
    """Count the answers by problem code, sign-in `status`, or else HTTP status."""
    said = []
    for response in responses:
        body = response.json() if response.content else {}
        said.append(str(body.get("code") or body.get("status") or response.status_code))
    return dict(Counter(said))
