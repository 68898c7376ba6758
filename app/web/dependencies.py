"""Helpers for all handlers: the services of this process, and the outcome of a use case."""

from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from app.core.errors import Refusal
from app.services import Services

_T = TypeVar("_T")


def services_of(request: Request) -> Services:
    """Return the services of this process."""
    return cast("Services", request.app.state.services)


# `async` because FastAPI runs plain dependencies in a thread. Each dependency costs about as much as a query, so
# the handlers of hot paths such as sign-in call `services_of(request)` themselves.
async def get_services(request: Request) -> Services:
    """Return the services of this process, as a FastAPI dependency."""
    return services_of(request)


def accepted(outcome: _T | Refusal) -> _T:
    """Return the outcome of a use case, or raise it if it is a refusal.

    Call it after the transaction, so that what the use case wrote with its refusal is committed.
    """
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


AppServices = Annotated[Services, Depends(get_services)]
