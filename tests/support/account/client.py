"""An HTTP client for one account, like a browser or a native app."""

from typing import Any

import httpx
from fastapi import FastAPI

from tests.support.observe.declared_codes import declared_codes

BASE_URL = "http://127.0.0.1:8000"


class Client:
    """Calls paths under one account; `token` is sent as bearer when there is one."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None, slug: str, base_url: str = BASE_URL) -> None:
        self.slug = slug
        self.token: str | None = None
        self.http = httpx.AsyncClient(
            transport=transport,
            base_url=f"{base_url}/v1/accounts/{slug}",
            headers={"User-Agent": "a test browser"},
        )

    @property
    def cookies(self) -> httpx.Cookies:
        return self.http.cookies

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = dict(arguments.pop("headers", {}))
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        return await self.http.request(method, path, headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("GET", path, **arguments)

    async def post(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("POST", path, **arguments)

    async def put(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("PUT", path, **arguments)

    async def patch(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("PATCH", path, **arguments)

    async def delete(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("DELETE", path, **arguments)


def client_of(app: FastAPI, slug: str, *, ip: str = "127.0.0.1", base_url: str = BASE_URL) -> Client:
    """Return a client that calls the application in this process, from the address `ip`.

    It asserts that the OpenAPI document declares the code of every problem.
    """
    client = Client(httpx.ASGITransport(app=app, client=(ip, 50_000)), slug, base_url)
    client.http.event_hooks = {"request": [], "response": [declared_codes(app).check]}
    return client


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that the answer is the problem document with this status and code, and return it."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    retry_after = problem.get("retry_after")
    assert response.headers.get("retry-after") == (None if retry_after is None else str(retry_after))
    if status == 401:
        assert response.headers["www-authenticate"].startswith("Bearer ")
    return problem


def ok(response: httpx.Response, status: int = 200) -> Any:
    """Assert the status, and return the parsed body."""
    assert response.status_code == status, response.text
    return response.json() if response.content else None
