"""Opening: from settings to what makes and exports spans."""

import socket
from typing import Final
from uuid import uuid4

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.util.types import AttributeValue

from processor import __version__
from processor.shell.clock import steady
from processor.shell.settings import Settings
from processor.shell.settings_tracing import Tracing, header_pairs
from processor.shell.tracing.collector import Collector, Headers
from processor.shell.tracing.outbox import Outbox
from processor.shell.tracing.spans import Spans, Surroundings

_NAME: Final = "rokt-cart-processor"
_UNNAMED: Final = "unknown_service"


def open_spans(settings: Settings, endpoint: str) -> Spans:
    """Return what follows records and exports their spans to `endpoint`.

    ValueError: OpenTelemetry cannot use one of its own variables.
    """
    tracing = settings.tracing
    provider = TracerProvider(sampler(tracing.sample_ratio), resource(), shutdown_on_exit=False)
    outbox = Outbox(Collector(endpoint, lambda: _headers(tracing), tracing.ca_file))
    provider.add_span_processor(outbox)
    tracer = provider.get_tracer(_NAME, __version__)
    surroundings = Surroundings(group=settings.kafka.group_id, base_url=settings.rokt.base_url)
    return Spans(tracer, surroundings, outbox.close)


def _headers(tracing: Tracing) -> Headers:
    headers = tracing.headers
    return () if headers is None else header_pairs(headers.current(steady()).reveal())


def sampler(ratio: float) -> Sampler:
    """Return what decides whether a trace is exported: whoever began it, by `ratio` if we do."""
    return ParentBased(TraceIdRatioBased(ratio))


def resource() -> Resource:
    """Return who exports; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word."""
    ours: dict[str, AttributeValue] = {
        "service.name": _NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid4()),
        "host.name": socket.gethostname(),
    }
    given = dict(Resource.create().attributes)
    if str(given.get("service.name", "")).startswith(_UNNAMED):
        del given["service.name"]
    return Resource(ours | given)
