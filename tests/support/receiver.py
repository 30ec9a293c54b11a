"""A receiver of spans: OTLP over HTTP on loopback, decoded; it refuses or hangs when told so."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded
from opentelemetry.proto.trace.v1.trace_pb2 import Status

PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A span as it arrived; ids in hexadecimal digits, `parent` empty for a root."""

    name: str
    kind: str
    trace: str
    span: str
    parent: str
    state: str
    attributes: Mapping[str, Any]
    is_failed: bool
    starts_at: int
    ends_at: int

    @property
    def traceparent(self) -> str:
        """The header that makes it the parent of what comes next, flags excepted."""
        return f"00-{self.trace}-{self.span}-"


@dataclass(slots=True)
class Receiver:
    """What arrived. `statuses` are given before it begins to take what comes."""

    endpoint: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    spans: list[Seen] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    statuses: deque[int] = field(default_factory=deque)
    flows: threading.Event = field(default_factory=threading.Event)
    """Cleared, it answers nobody."""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Take a request, and return the status of its answer."""
        self.requests.append((path, headers, body))
        if not self.flows.wait(PATIENCE):
            return 503
        with suppress(IndexError):
            return self.statuses.popleft()
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = _plain(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans.extend(map(_seen, scope.spans))
        return 200

    def named(self, name: str) -> list[Seen]:
        """Return the spans of a name, in the order in which they ended."""
        return [span for span in self.spans if span.name == name]


def _seen(span: Encoded) -> Seen:
    return Seen(
        name=span.name,
        kind=Encoded.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        state=span.trace_state,
        attributes=_plain(span.attributes),
        is_failed=span.status.code == Status.StatusCode.STATUS_CODE_ERROR,
        starts_at=span.start_time_unix_nano,
        ends_at=span.end_time_unix_nano,
    )


def _plain(attributes: Any) -> dict[str, Any]:  # noqa: ANN401  a repeated field of protobuf
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def receiving(tls: SSLContext | None = None) -> Iterator[Receiver]:
    """Open a receiver."""
    receiver = Receiver()
    receiver.flows.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(self.path, headers, body)
            with suppress(OSError):  # the sender may have left
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", self.path)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        receiver.endpoint = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.flows.set()
            server.shutdown()
            thread.join(PATIENCE)
