"""The route class of everything under an account: what is checked before FastAPI looks at the request.

The order of docs/api.md section 2 begins here (account, content type, size, well-formedness) and goes on in
`app.authentication.allow` (credential, role, freshness), then FastAPI (fields) and the use case (object, state).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.authentication.context import get_accounts
from app.core.errors import InvalidRequest, NotFound
from app.web.bodies import NO_BODY, read_form, read_json

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AccountRoute(APIRoute):
    """A route under `/v1/accounts/{account}`."""

    def get_route_handler(self) -> _Handler:
        """Return FastAPI's handler, behind the checks that come first."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def checked(request: Request) -> Response:
            account_id = await get_accounts(request).find(request.path_params["account"])
            if account_id is None:
                raise NotFound("There is no such account.")
            request.state.account_id = account_id
            await self.read_body(request, takes_body=takes_body)
            # What has begun is finished, whatever the client does: a counted failure stays counted.
            return await asyncio.shield(_started(handle(request)))

        return checked

    async def read_body(self, request: Request, *, takes_body: bool) -> None:
        """Read the body: JSON, for FastAPI to look at."""
        body = await read_json(request)
        # FastAPI asks for these again; what Starlette caches there is what it gets.
        request._json = body  # noqa: SLF001 -- Starlette's own cache of `request.json()`
        request._body = b"" if body is NO_BODY else b"{}"  # noqa: SLF001 -- likewise, of `request.body()`
        request.state.unexpected_body = not takes_body and body is not NO_BODY and body != {}


class FormRoute(AccountRoute):
    """A route to which a page of somebody else's posts a form; its handler finds it in `request.state.form`."""

    async def read_body(self, request: Request, *, takes_body: bool) -> None:  # noqa: ARG002 -- it always does
        """Read the body: a form."""
        request.state.form = await read_form(request)


def _started(work: Coroutine[Any, Any, Response]) -> Awaitable[Response]:
    return asyncio.ensure_future(work)


def refuse_unexpected_body(request: Request) -> None:
    """Raise `InvalidRequest` when a call that takes no body has one; `{}` counts as none."""
    if request.state.unexpected_body:
        raise InvalidRequest("This call takes no body.")
