"""A trace collector that accepts OTLP over HTTP and keeps the spans."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Collected:
    """A received span; ids are in hexadecimal."""

    name: str
    kind: int
    trace_id: str
    id: str
    parent_id: str
    nanoseconds: int
    failed: bool
    attributes: dict[str, Any]
    instance: str


class Collector:
    """The received spans; `url` is the endpoint that the service sends them to."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/traces"
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Collected]:
        return [span for body in self.bodies for span in _read(body)]


def _read(body: bytes) -> Iterator[Collected]:
    for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = _values(of_process.resource.attributes)
        for scope in of_process.scope_spans:
            for span in scope.spans:
                yield Collected(
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
                    failed=span.status.code == 2,
                    attributes=_values(span.attributes),
                    instance=about["service.instance.id"],
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {found.key: getattr(found.value, found.value.WhichOneof("value")) for found in attributes}


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Yield a running collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf":
                collector.bodies.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield collector
        finally:
            server.shutdown()
            serving.join()
