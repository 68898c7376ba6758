"""The route class of an account's routes: the checks before FastAPI parses the request.

The checks of docs/api.md section 2 start here (account, content type, size, well-formedness). They continue in
`app.authentication.allow` (credential, role, freshness), then FastAPI (fields) and the use case (object, state).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from structlog.contextvars import bound_contextvars

from app.authentication.context import get_accounts
from app.core.errors import InvalidRequest, NotFound
from app.web.bodies import NO_BODY, read_form, read_json
from app.web.field_errors import query_errors
from app.web.guards import Guard

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AccountRoute(APIRoute):
    """A route under `/v1/accounts/{account}`."""

    any_query: ClassVar[bool] = False  # whether unknown query parameters are accepted

    def get_route_handler(self) -> _Handler:
        """Return FastAPI's handler, wrapped in the first checks."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        is_public = not any(isinstance(part.call, Guard) for part in self.dependant.dependencies)
        parameters = list(dict.fromkeys(_query_parameters(self.dependant)))

        async def checked(request: Request) -> Response:
            account = await get_accounts(request).find(request.path_params["account"])
            if account is None:
                raise NotFound("There is no such account.")
            request.state.account_id = account.id
            request.state.in_test_account = account.test
            with bound_contextvars(test_account=True) if account.test else nullcontext():  # in its log lines
                await self.read_body(request, takes_body=takes_body)
                has_query = bool(request.scope["query_string"]) and not self.any_query
                given = request.query_params.multi_items() if has_query else []
                request.state.query_errors = query_errors(given, parameters)
                if is_public:
                    _refuse_bad_query(request)
                # If the client disconnects, the handler still finishes, so that a failure is always counted.
                return await asyncio.shield(_started(handle(request)))

        return checked

    async def read_body(self, request: Request, *, takes_body: bool) -> None:
        """Read the body as JSON, and store it where FastAPI reads it."""
        body = await read_json(request)
        # FastAPI calls `request.json()` and `request.body()`, which return these caches.
        request._json = body  # noqa: SLF001 -- Starlette's own cache of `request.json()`
        request._body = b"" if body is NO_BODY else b"{}"  # noqa: SLF001 -- likewise, of `request.body()`
        request.state.unexpected_body = not takes_body and body is not NO_BODY and body != {}


class CallbackRoute(AccountRoute):
    """A route to which a third party sends the browser, with query parameters of its own."""

    any_query = True


class FormRoute(CallbackRoute):
    """A route that takes a form posted by a page of a third party.

    The handler reads it from `request.state.form`.
    """

    async def read_body(self, request: Request, *, takes_body: bool) -> None:  # noqa: ARG002 -- it always takes a body
        """Read the body as a form."""
        request.state.form = await read_form(request)


def _query_parameters(dependant: Dependant) -> list[str]:
    """Return the names of the query parameters of a handler and of its dependencies."""
    own = [field.alias for field in dependant.query_params]
    return own + [name for part in dependant.dependencies for name in _query_parameters(part)]


def _started(work: Coroutine[Any, Any, Response]) -> Awaitable[Response]:
    return asyncio.ensure_future(work)


def refuse_unexpected_input(request: Request) -> None:
    """Raise `InvalidRequest` for a body or query parameters that the call does not take."""
    refuse_unexpected_body(request)
    _refuse_bad_query(request)


def refuse_unexpected_body(request: Request) -> None:
    """Raise `InvalidRequest` if a call that takes no body has one; `{}` counts as no body."""
    if request.state.unexpected_body:
        raise InvalidRequest("This call takes no body.")


def _refuse_bad_query(request: Request) -> None:
    if request.state.query_errors:
        raise InvalidRequest("The query is not valid.", *request.state.query_errors)
