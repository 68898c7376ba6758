"""Liveness and readiness checks."""

from typing import Literal

from fastapi import APIRouter, Request

from app.core.errors import Unavailable
from app.database.revisions import current_revision
from app.web.dependencies import AppServices
from app.web.problems import problems
from app.web.wire import Answer

router = APIRouter(tags=["health"])


class Health(Answer):
    """The service is healthy; otherwise it answers with another status."""

    status: Literal["ok"]


@router.get("/healthz", operation_id="getHealth")
async def get_health() -> Health:
    """Answer 200 while the process runs, even if the database does not."""
    return Health(status="ok")


@router.get("/readyz", operation_id="getReadiness", responses=problems(503))
async def get_readiness(request: Request, services: AppServices) -> Health:
    """Answer 200 if the database answers and its schema is new enough for this release."""
    async with services.database.read() as tx:
        revision = await current_revision(tx)
    if revision is None or revision < request.app.state.needed_revision:
        raise Unavailable("The database's schema is older than this release. Run: passgate migrate")
    return Health(status="ok")
