"""Traces: where the time of a request or a job went, sent to an OpenTelemetry collector as OTLP over HTTP.

The one module that knows OpenTelemetry, which the extra `passgate[traces]` brings; without `PASSGATE_TRACES_URL`
it is never imported. (Its API alone comes with FastAPI.) A span holds what is put into it by name: no path, query,
header, body or parameter, and of an exception only its type, for any of them may hold a secret.
"""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, SpanKind, StatusCode, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import Connection, Engine, ExceptionContext, Pool, event
from structlog.contextvars import bound_contextvars

from app.core.clock import SystemClock

SEND_SECONDS = 3
"""How long handing spans over may take, in a thread beside; meanwhile they wait, and too many are dropped."""
FLUSH_SECONDS = 5
"""How long the last spans may keep a process that ends."""

_PARENTS = TraceContextTextMapPropagator()
_SPAN = "passgate_span"


class Traces:
    """The spans of this process. The other settings are OpenTelemetry's own variables: sampler, headers, names."""

    def __init__(self, url: str) -> None:
        this = Resource({"service.name": "passgate", "service.instance.id": str(uuid.uuid4())})
        self._exporter = OTLPSpanExporter(url, timeout=SEND_SECONDS)
        self._provider = TracerProvider(
            resource=this.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("passgate")
        for target, name, listener in self._listeners():
            event.listen(target, name, listener)

    def request(self, parent: str) -> AbstractContextManager[Span]:
        """Measure a request, which `parent` caused: the `traceparent` that it came with (W3C Trace Context).

        Nothing but ids and flags fits into that; what else may come with it is not read.
        """
        return self._span("request", SpanKind.SERVER, _PARENTS.extract({"traceparent": parent}))

    def job(self, task: str) -> AbstractContextManager[Span]:
        """Measure a job."""
        return self._span(task, SpanKind.CONSUMER)

    @staticmethod
    def fail(span: Span, kind: str) -> None:
        """Mark a span as failed, by the kind of the error alone."""
        span.set_attribute("error.type", kind)
        span.set_status(StatusCode.ERROR)

    @contextmanager
    def _span(self, name: str, kind: SpanKind, context: Context | None = None) -> Iterator[Span]:
        """Measure the block, and name the trace in its lines of the log."""
        with self._tracer.start_as_current_span(
            name, context, kind, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                with bound_contextvars(trace_id=format_trace_id(span.get_span_context().trace_id)):
                    yield span
            except BaseException as error:
                self.fail(span, _kind(error))
                raise

    def look(self) -> bool:
        """Whether the collector takes spans: it is handed none."""
        return self._exporter.export(()) is SpanExportResult.SUCCESS

    async def close(self) -> None:
        """Hand over the last spans, for `FLUSH_SECONDS` at most."""
        for target, name, listener in self._listeners():
            event.remove(target, name, listener)
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        await asyncio.to_thread(flushing.join, FLUSH_SECONDS)

    def _listeners(self) -> tuple[tuple[Any, str, Any], ...]:
        return (
            (Pool, "connect", self._listen_to),
            (Engine, "before_cursor_execute", self._begin_statement),
            (Engine, "after_cursor_execute", self._end_statement),
            (Engine, "handle_error", self._fail_statement),
        )

    def _listen_to(self, connection: Any, _: Any) -> None:
        """Hear of the statements that asyncpg is given; it tells nothing of those that SQLAlchemy prepares."""
        connection.driver_connection.add_query_logger(self._note_statement)

    def _note_statement(self, done: Any) -> None:  # asyncpg's `LoggedQuery`
        ended_at = int(SystemClock().now().timestamp() * 1e9)
        begun_at = ended_at - int(done.elapsed * 1e9)
        if span := self._statement(done.query, begun_at):
            if done.exception:
                self.fail(span, _kind(done.exception))
            span.end(ended_at)

    def _begin_statement(self, _: Connection, __: Any, statement: str, *more: Any) -> None:
        _, context, of_many_rows = more
        if not of_many_rows:  # which asyncpg tells of
            setattr(context, _SPAN, self._statement(statement))

    def _end_statement(self, _: Connection, __: Any, ___: str, *more: Any) -> None:
        _, context, _ = more
        if span := getattr(context, _SPAN, None):
            span.end()

    def _fail_statement(self, failed: ExceptionContext) -> None:
        if span := getattr(failed.execution_context, _SPAN, None):
            self.fail(span, _kind(failed.original_exception))
            span.end()

    def _statement(self, text: str, begun_at: int | None = None) -> Span | None:
        """Return the span of a statement; what is nobody's request or job has none."""
        # asyncpg tells of a statement a turn later, when its request or job may have ended.
        if not get_current_span().get_span_context().trace_flags.sampled:
            return None
        attributes = {"db.system.name": "postgresql", "db.query.text": text}
        name = text.split(maxsplit=1)[0]
        return self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=begun_at)


def _kind(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or type(error).__qualname__
