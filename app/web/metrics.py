"""Metrics for Prometheus: what this process and its siblings have counted, and what the database holds."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import text

from app.crypto.digests import digest, same
from app.errors import NotFound, Unauthenticated, Unavailable
from app.services import Services
from app.settings import Settings, is_loopback
from app.web.dependencies import AppServices

router = APIRouter()

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one `serve` keep their counts, so that any of them can tell the sum."""

_FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip")
_REMEMBERED = timedelta(seconds=60)

# Of the whole installation, so these name no account (as purges do not).
_JOBS = "SELECT queue_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2"
_OLDEST = """
    SELECT queue_name, min(at) FROM procrastinate_jobs
    JOIN procrastinate_events ON job_id = procrastinate_jobs.id AND type = 'deferred'
    WHERE status = 'todo' GROUP BY 1
"""
_THROTTLED = "SELECT count(*) FROM second_factor_state WHERE blocked_until > :now"
_SHARES = """
    WITH enrolled AS (SELECT DISTINCT account_id, user_id FROM authenticators),
    sizes AS (
        SELECT users.account_id, count(*) AS users, count(enrolled.user_id) AS enrolled
        FROM users LEFT JOIN enrolled
            ON enrolled.account_id = users.account_id AND enrolled.user_id = users.id
        GROUP BY 1
    )
    SELECT CASE WHEN users <= 10 THEN '10' WHEN users <= 100 THEN '100' WHEN users <= 1000 THEN '1000'
        ELSE 'more' END, sum(enrolled) / sum(users)
    FROM sizes GROUP BY 1
"""

log = structlog.get_logger()


@dataclass(frozen=True)
class _Held:
    """What the database held at a moment, as metrics; without any of it when it did not answer."""

    at: datetime
    families: tuple[GaugeMetricFamily, ...]


class _Given(Collector):
    """Hands metrics that were made already to Prometheus' own text format."""

    def __init__(self, families: tuple[GaugeMetricFamily, ...]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return them."""
        yield from self._families


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request, services: AppServices) -> Response:
    """Return the metrics.

    To whoever has the token of `PASSGATE_METRICS_TOKEN`; without that setting, to peers on this machine whose
    request nobody has forwarded, and for all others there is no such path. Raises `Unauthenticated` for another
    token than the set one.
    """
    _check_reader(request, services.settings)
    held = getattr(request.app.state, "metrics_held", None)
    now = services.clock.now()
    if held is None or abs(now - held.at) >= _REMEMBERED:
        held = _Held(now, await _read(services, now))
        request.app.state.metrics_held = held
    counted = generate_latest(_counted())
    given = CollectorRegistry()
    given.register(_Given((*held.families, *_of_this_process(services))))
    return Response(counted + generate_latest(given), media_type=CONTENT_TYPE_LATEST)


def _check_reader(request: Request, settings: Settings) -> None:
    if settings.metrics_token is not None:
        wanted = f"Bearer {settings.metrics_token.get_secret_value()}"
        if not same(digest(request.headers.get("authorization", "")), digest(wanted)):
            raise Unauthenticated("The metrics are for whoever has their token.")
        return
    peer = request.client.host if request.client else ""
    if not is_loopback(peer) or any(name in request.headers for name in _FORWARDING):
        raise NotFound("There is no such path.")


def _counted() -> CollectorRegistry:
    if MULTIPROCESS not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own
    return registry


def _of_this_process(services: Services) -> Iterator[GaugeMetricFamily]:
    yield _gauge("passgate_hash_queue", "Hashes that wait or run in this process.", services.hasher.waiting)
    yield _gauge("passgate_pool_in_use", "Database connections in use in this process.", services.database.in_use)


async def _read(services: Services, now: datetime) -> tuple[GaugeMetricFamily, ...]:
    jobs = GaugeMetricFamily("passgate_jobs", "Jobs by queue and state.", labels=["queue", "state"])
    oldest = GaugeMetricFamily("passgate_oldest_job_seconds", "How long the oldest job waits.", labels=["queue"])
    shares = GaugeMetricFamily(
        "passgate_enrollment_share", "Users with an authenticator, by users of the account.", labels=["at_most"]
    )
    try:
        async with services.database.read() as tx:
            for queue, state, count in await tx.execute(text(_JOBS)):
                jobs.add_metric([queue, state], count)
            for queue, since in await tx.execute(text(_OLDEST)):
                oldest.add_metric([queue], max(0.0, (now - since).total_seconds()))
            throttled = await tx.scalar(text(_THROTTLED), {"now": now})
            for size, share in await tx.execute(text(_SHARES)):
                shares.add_metric([size], float(share))
    except Unavailable as error:
        log.warning("metrics without the database", reason=error.detail)
        return (_gauge("passgate_database_up", "Whether the database answers.", 0),)
    return (
        _gauge("passgate_database_up", "Whether the database answers.", 1),
        _gauge("passgate_throttled_users", "Users whose passcodes are refused for now.", throttled or 0),
        jobs,
        oldest,
        shares,
    )


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=value)
