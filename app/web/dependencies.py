"""What every handler may ask for: the services of this process, and the outcome of a use case."""

from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from app.core.errors import Refusal
from app.services import Services

_T = TypeVar("_T")


def services_of(request: Request) -> Services:
    """Return the services of this process."""
    return cast("Services", request.app.state.services)


# What FastAPI asks for is a coroutine even where nothing is awaited: it would run a plain function in a thread.
# Each thing costs it as much as a query: where people wait for a sign-in, handlers take them from the request.
async def get_services(request: Request) -> Services:
    """Return the services of this process, to FastAPI."""
    return services_of(request)


def accepted(outcome: _T | Refusal) -> _T:
    """Return what a use case returned, or raise the refusal that it returned instead.

    Call it after the transaction: a returned refusal is one that the database remembers.
    """
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


AppServices = Annotated[Services, Depends(get_services)]
