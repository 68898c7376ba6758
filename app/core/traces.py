"""Traces of requests and jobs, sent to an OpenTelemetry collector as OTLP over HTTP.

The only module that uses the OpenTelemetry SDK, which the extra `passgate[traces]` installs. It is imported only
if `PASSGATE_TRACES_URL` is set. (FastAPI itself requires only the OpenTelemetry API.) Spans contain no path,
query, header, body or parameter, and only the type of an exception, because any of these may contain a secret.
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
"""Timeout of one export, which runs in a thread. Meanwhile spans are queued, and dropped if the queue is full."""
FLUSH_SECONDS = 5
"""How long the export of the last spans may delay the end of the process."""

_PARENTS = TraceContextTextMapPropagator()
_SPAN = "passgate_span"


class Traces:
    """The tracer of this process.

    Sampler, headers and resource names are set by OpenTelemetry's own environment variables.
    """

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
        """Trace a request; `parent` is its `traceparent` header (W3C Trace Context).

        That header contains only ids and flags. `tracestate` and baggage are not read.
        """
        return self._span("request", SpanKind.SERVER, _PARENTS.extract({"traceparent": parent}))

    def job(self, task: str) -> AbstractContextManager[Span]:
        """Trace a job."""
        return self._span(task, SpanKind.CONSUMER)

    @staticmethod
    def fail(span: Span, kind: str) -> None:
        """Mark a span as failed, with the kind of the error only."""
        span.set_attribute("error.type", kind)
        span.set_status(StatusCode.ERROR)

    @contextmanager
    def _span(self, name: str, kind: SpanKind, context: Context | None = None) -> Iterator[Span]:
        """Trace the block, and add the trace id to its log lines."""
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
        """Whether the collector accepts an export; an empty one is sent."""
        return self._exporter.export(()) is SpanExportResult.SUCCESS

    async def close(self) -> None:
        """Send the last spans, for at most `FLUSH_SECONDS`."""
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
        """Listen to statements that asyncpg runs directly; it does not report prepared ones."""
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
        if not of_many_rows:  # those are reported by asyncpg
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
        """Start the span of a statement; None outside a sampled request or job."""
        # asyncpg reports a statement one event loop iteration later, when the request or job may have ended.
        if not get_current_span().get_span_context().trace_flags.sampled:
            return None
        attributes = {"db.system.name": "postgresql", "db.query.text": text}
        name = text.split(maxsplit=1)[0]
        return self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=begun_at)


def _kind(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or type(error).__qualname__
