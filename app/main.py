"""The door of HTTP: puts the application together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.database.migrate import needed_revision
from app.enrollment.router import router as enrollment
from app.logs import configure_logs
from app.passwords.router import router as passwords
from app.security_policy.router import router as security_policy
from app.services import Services, make_services
from app.sessions.router import router as sessions
from app.settings import load_settings
from app.sign_in.enrolling.router import router as enrolling
from app.sign_in.router import router as sign_in
from app.trusted_devices.router import router as trusted_devices
from app.two_factor.router import router as two_factor
from app.web.dependencies import AccountDirectory
from app.web.health import router as health
from app.web.middleware import EveryRequest
from app.web.openapi import describe
from app.web.problems import add_problem_handlers

# What is under `me` stands before what is under an id.
_FEATURES = (sign_in, enrolling, sessions, two_factor, enrollment, trusted_devices, passwords, security_policy)


def create_app(services: Services) -> FastAPI:
    """Return the application; entering its lifespan and leaving it closes the services."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    app = FastAPI(
        title="Passgate",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(EveryRequest, https=services.settings.is_https),
            *_cors(services.settings.cors_origins),
        ],
    )
    app.state.services = services
    app.state.accounts = AccountDirectory(services.database)
    app.state.needed_revision = needed_revision()
    account = APIRouter(prefix="/v1/accounts/{account}")
    for feature in _FEATURES:
        account.include_router(feature)
    app.include_router(account)
    app.include_router(health)
    add_problem_handlers(app)
    describe(app)
    return app


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "X-Request-ID"],
            expose_headers=["ETag", "Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
        )
    ]


def from_environment() -> FastAPI:
    """Return the application for the settings of the environment: what a server's worker process calls."""
    settings = load_settings()
    configure_logs(settings.log_level)
    return create_app(make_services(settings))
