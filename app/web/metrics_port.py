"""`/metrics` on a separate port, so that no reverse proxy exposes it by accident."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from app.core.settings import Settings, SettingsError
from app.services import Services, make_services
from app.web.header_limits import HTTP_SERVER
from app.web.metrics import DatabaseMetrics
from app.web.metrics import router as metrics
from app.web.problems import add_problem_handlers
from app.web.tracing import NO_TELEMETRY

GRACE_SECONDS = 2


def metrics_app(services: Services) -> FastAPI:
    """Return the application of that port: only `/metrics`, with the token if one is set."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, telemetry=NO_TELEMETRY)
    app.state.services = services
    app.state.database_metrics = DatabaseMetrics()
    app.include_router(metrics)
    add_problem_handlers(app)
    return app


@contextmanager
def metrics_port(settings: Settings) -> Iterator[None]:
    """Serve the metrics in a thread while the block runs, if `PASSGATE_METRICS_LISTEN` is set.

    The calling process either counts requests itself or is the parent of the processes that count. Raises
    `SettingsError` if the port is taken, before any other port is opened.
    """
    if settings.metrics_listen is None:
        yield
        return
    listening = _listen(*settings.metrics_address)
    server = uvicorn.Server(
        uvicorn.Config(
            metrics_app(make_services(settings.model_copy(update={"traces_url": None}))),
            timeout_graceful_shutdown=GRACE_SECONDS,
            **HTTP_SERVER,
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],), name="metrics")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]  # Python appends the address to the message
        raise SettingsError(f"PASSGATE_METRICS_LISTEN: cannot listen on {host} port {port}: {reason}") from None
