"""Entry point of the HTTP application."""

import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import FastAPI
from starlette.middleware import Middleware

from app.administration.directory.router import router as directory
from app.administration.reports.router import router as reports
from app.administration.security_policy.router import router as security_policy
from app.audit.router import router as audit
from app.authentication.address_probe import router as address_probe
from app.authentication.context import AccountDirectory
from app.core.guarded_fetch import GuardedFetcher
from app.core.logs import configure_logs
from app.core.settings import load_settings
from app.credentials.api_tokens.router import router as api_tokens
from app.credentials.identity_tokens.router import router as identity_tokens
from app.credentials.identity_tokens.router import well_known
from app.credentials.identity_tokens.use_cases import KeyRing
from app.credentials.links.page_router import router as link_pages
from app.credentials.links.router import router as links
from app.credentials.passwords.router import router as passwords
from app.database.revisions import needed_revision
from app.enrollment.router import router as enrollment
from app.profile.router import router as profile
from app.second_factor.kinds.registry import kinds_with_challenge
from app.second_factor.settings.router import router as two_factor
from app.second_factor.trusted_devices.router import router as trusted_devices
from app.services import Services, make_services
from app.sessions.router import router as sessions
from app.sessions.step_up.challenging.router import router as step_up_challenges
from app.sessions.step_up.router import router as step_up
from app.sign_in.asserting.router import router as asserting
from app.sign_in.challenging.router import router as challenging
from app.sign_in.enrolling.router import router as enrolling
from app.sign_in.router import router as sign_in
from app.sign_in.sso.jwt.router import router as jwt
from app.sign_in.sso.login.router import router as sso_login
from app.sign_in.sso.oidc.issuer.issuers import Issuers
from app.sign_in.sso.oidc.router import callbacks as oidc_callbacks
from app.sign_in.sso.oidc.router import router as oidc
from app.sign_in.sso.providers.router import router as providers
from app.sign_in.sso.router import router as sso
from app.sign_in.sso.saml.router import forms as saml_forms
from app.sign_in.sso.saml.router import router as saml
from app.web.cross_origin import CrossOriginMiddleware
from app.web.docs import router as docs
from app.web.explanations import router as explanations
from app.web.head import HeadMiddleware
from app.web.health import router as health
from app.web.metrics import DatabaseMetrics
from app.web.metrics import router as metrics
from app.web.middleware import RequestLogMiddleware, ServerErrorMiddleware
from app.web.openapi import describe, metadata
from app.web.openapi_route import ServedDocument
from app.web.openapi_route import router as openapi
from app.web.problems import add_problem_handlers, problems
from app.web.tracing import NO_TELEMETRY, TracingMiddleware

# Order of matching: the most frequent routes first, and routes under `me` before routes under an id.
_FEATURES = (
    sign_in,
    sessions,
    step_up,
    enrolling,
    jwt,
    sso,
    sso_login,
    oidc,
    oidc_callbacks,
    saml,
    saml_forms,
    providers,
    asserting,
    identity_tokens,
    two_factor,
    enrollment,
    trusted_devices,
    passwords,
    links,
    security_policy,
    api_tokens,
    profile,  # before the directory: /users/me is not /users/{user_id}
    directory,
    audit,
    reports,
)

_OF_KINDS_WITH_CHALLENGE = (challenging, step_up_challenges)


def create_app(services: Services, *, jobs: bool = False) -> FastAPI:
    """Return the application; its lifespan runs a job worker if `jobs`, and closes the services."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with _worker_beside(services) if jobs else nullcontext():
            yield
        await services.close()

    app = FastAPI(
        **metadata(services.settings),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        middleware=[
            *([Middleware(TracingMiddleware, traces=services.traces)] if services.traces else []),
            Middleware(
                RequestLogMiddleware, https=services.settings.is_https, shared=bool(services.settings.cors_origins)
            ),
            Middleware(CrossOriginMiddleware, origins=services.settings.cors_origins),
            Middleware(HeadMiddleware),
            Middleware(ServerErrorMiddleware),
        ],
    )
    app.state.services = services
    app.state.accounts = AccountDirectory(services.database)
    app.state.key_ring = KeyRing(services)
    app.state.issuers = Issuers(GuardedFetcher(services.settings.fetch_policy))
    app.state.database_metrics = DatabaseMetrics()
    app.state.needed_revision = needed_revision()
    app.state.document = ServedDocument(app)
    everywhere = problems(404, 413, 415, 422, 500, 503)
    features = _FEATURES + (_OF_KINDS_WITH_CHALLENGE if kinds_with_challenge() else ())
    for feature in features:
        app.include_router(feature, prefix="/v1/accounts/{account}", responses=everywhere)
    app.include_router(health)
    if services.settings.metrics_token is not None:  # otherwise the route does not exist (404)
        app.include_router(metrics)
    app.include_router(address_probe)
    app.include_router(well_known)
    app.include_router(explanations, responses=problems(404))
    app.include_router(docs)
    app.include_router(openapi)
    app.include_router(link_pages, responses=problems(404))
    add_problem_handlers(app)
    describe(app)
    return app


def _worker_beside(services: Services) -> AbstractAsyncContextManager[None]:
    from app.worker import background_worker  # noqa: PLC0415 -- 14 MB of libraries that only jobs need

    return background_worker(services)


def from_environment(*, jobs: bool = True) -> FastAPI:
    """Return the application with the settings of the environment, for a worker process."""
    settings = load_settings()
    configure_logs(settings.log_level)
    app = create_app(make_services(settings), jobs=jobs)
    _tune_gc()
    return app


def _tune_gc() -> None:
    """Freeze start-up objects and collect less often: the GC took 5 % of each request."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def without_jobs() -> FastAPI:
    """Return the application with the settings of the environment, without a job worker."""
    return from_environment(jobs=False)
