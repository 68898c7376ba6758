"""Prometheus metrics: the counters of all processes of this `serve`, and database numbers."""

import asyncio
import importlib.metadata
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import text

from app.core.errors import Unauthenticated, Unavailable
from app.core.metrics import MULTIPROCESS
from app.core.settings import Settings
from app.crypto.digests import digest, same
from app.database.tables.delivery_counts import DELIVERY_RESULTS
from app.services import Services
from app.web.dependencies import AppServices

router = APIRouter()

Families: TypeAlias = tuple[Metric, ...]

_CACHE_TIME = timedelta(seconds=60)

# These queries are about the whole installation, so they do not filter by account.
_JOBS = "SELECT queue_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2"
_OLDEST = """
    SELECT queue_name, CASE WHEN attempts = 0 THEN 'first' ELSE 'retry' END, min(at) FROM procrastinate_jobs
    JOIN procrastinate_events ON job_id = procrastinate_jobs.id AND type = 'deferred'
    WHERE status = 'todo' GROUP BY 1, 2
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
_DELIVERIES = "SELECT channel, result, sum(count) FROM delivery_counts GROUP BY 1, 2"


log = structlog.get_logger()


class DatabaseMetrics:
    """Metrics read from the database, cached for 60 s; concurrent scrapes wait for one read."""

    def __init__(self) -> None:
        self._asking = asyncio.Lock()
        self._at: datetime | None = None
        self._families: Families = ()

    async def families(self, services: Services) -> Families:
        """Return the metrics; only `passgate_database_up` if the database does not answer."""
        async with self._asking:
            now = services.clock.now()
            if self._at is None or abs(now - self._at) >= _CACHE_TIME:
                self._families = await _read(services, now)
                self._at = now
            return self._families


class _PrebuiltCollector(Collector):
    """A Prometheus collector of metrics that already exist."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        yield from self._families


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request, services: AppServices) -> Response:
    """Return the metrics; raises `Unauthenticated` without the token `PASSGATE_METRICS_TOKEN`.

    The public port has this route only if that setting is set. A local peer address would be no protection,
    because a reverse proxy is a local peer too. Without a token the metrics are on a separate port
    (`app.web.metrics_port`).
    """
    _check_token(request, services.settings)
    given = CollectorRegistry()
    families = await request.app.state.database_metrics.families(services)
    given.register(_PrebuiltCollector((_build_info(), *families)))
    return Response(generate_latest(_process_registry()) + generate_latest(given), media_type=CONTENT_TYPE_LATEST)


def _check_token(request: Request, settings: Settings) -> None:
    if settings.metrics_token is None:
        return
    wanted = f"Bearer {settings.metrics_token.get_secret_value()}"
    if not same(digest(request.headers.get("authorization", "")), digest(wanted)):
        raise Unauthenticated("The metrics require the bearer token of PASSGATE_METRICS_TOKEN.")


def _process_registry() -> CollectorRegistry:
    directory = os.environ.get(MULTIPROCESS)
    if directory is None:
        return REGISTRY
    for file in Path(directory).glob("gauge_live*.db"):  # do not count the gauges of a killed process
        if not is_running(int(file.stem.rpartition("_")[2])):
            file.unlink(missing_ok=True)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library's own
    return registry


def is_running(process: int) -> bool:
    """Return whether this process of ours exists."""
    try:
        os.kill(process, 0)  # signal 0 only checks that the process exists
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user has the pid of a worker that was killed
        return False
    return True


async def _read(services: Services, now: datetime) -> Families:
    jobs = GaugeMetricFamily("passgate_jobs", "Jobs by queue and state.", labels=["queue", "state"])
    oldest = GaugeMetricFamily(
        "passgate_oldest_job_seconds",
        "How long the oldest job waits for its first try, or for a retry.",
        labels=["queue", "attempt"],
    )
    shares = GaugeMetricFamily(
        "passgate_enrollment_share", "Users with an authenticator, by users of the account.", labels=["at_most"]
    )
    deliveries = CounterMetricFamily(
        "passgate_deliveries", "Letters handed over, by result.", labels=["channel", "result"]
    )
    try:
        async with services.database.read() as tx:
            for queue, state, count in await tx.execute(text(_JOBS)):
                jobs.add_metric([queue, state], count)
            for queue, attempt, since in await tx.execute(text(_OLDEST)):
                oldest.add_metric([queue, attempt], max(0.0, (now - since).total_seconds()))
            throttled = await tx.scalar(text(_THROTTLED), {"now": now})
            for size, share in await tx.execute(text(_SHARES)):
                shares.add_metric([size], float(share))
            # Zero where nothing was counted yet: Prometheus does not see the first event of a new series.
            counts = {("email", result): 0 for result in DELIVERY_RESULTS}
            counts |= {(channel, result): int(n) for channel, result, n in await tx.execute(text(_DELIVERIES))}
            for labels, count in counts.items():
                deliveries.add_metric(labels, count)
    except Unavailable as error:
        log.warning("metrics without the database", reason=error.detail)
        return (_gauge("passgate_database_up", "Whether the database answers.", 0),)
    return (
        _gauge("passgate_database_up", "Whether the database answers.", 1),
        _gauge("passgate_throttled_users", "Users whose passcodes are refused for now.", throttled or 0),
        jobs,
        oldest,
        shares,
        deliveries,
    )


def _build_info() -> GaugeMetricFamily:
    info = GaugeMetricFamily("passgate_build_info", "The release that runs; always 1.", labels=["version"])
    info.add_metric([importlib.metadata.version("passgate")], 1)
    return info


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=value)
