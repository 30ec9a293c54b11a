"""Opening: from settings to what makes and exports spans."""

import socket
from typing import Final
from uuid import uuid4

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from processor import __version__
from processor.errors import ConfigurationError
from processor.shell.clock import steady
from processor.shell.settings import Settings
from processor.shell.settings_tracing import Tracing, header_pairs
from processor.shell.tracing.collector import Collector, Headers
from processor.shell.tracing.outbox import Outbox
from processor.shell.tracing.spans import Spans, Surroundings

_NAME: Final = "rokt-cart-processor"
_SDK_NAME: Final = "unknown_service"


def open_spans(settings: Settings, endpoint: str) -> Spans:
    """Return what follows records and exports their spans to `endpoint`.

    ConfigurationError: a variable of OpenTelemetry's own cannot be used.
    """
    tracing = settings.tracing
    outbox = Outbox(Collector(endpoint, lambda: _headers(tracing), tracing.ca_file))
    try:
        provider = TracerProvider(
            ParentBased(TraceIdRatioBased(tracing.sample_ratio)),
            _resource(),
            shutdown_on_exit=False,
        )
    except ValueError:  # its text quotes the value
        raise ConfigurationError(
            "OpenTelemetry cannot use one of the variables OTEL_…, most likely a limit that is no "
            "whole number. Mend it, or leave it out."
        ) from None
    provider.add_span_processor(outbox)
    tracer = provider.get_tracer(_NAME, __version__)
    surroundings = Surroundings(group=settings.kafka.group_id, base_url=settings.rokt.base_url)
    return Spans(tracer, surroundings, outbox.close)


def _headers(tracing: Tracing) -> Headers:
    headers = tracing.headers
    return () if headers is None else header_pairs(headers.current(steady()).reveal())


def _resource() -> Resource:
    """Return who exports; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word."""
    ours = {
        "service.name": _NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid4()),
        "host.name": socket.gethostname(),
    }
    given = Resource.create()
    unnamed = str(given.attributes.get("service.name", _SDK_NAME)).startswith(_SDK_NAME)
    taken = {name: value for name, value in given.attributes.items() if name != "service.name"}
    name = ours["service.name"] if unnamed else given.attributes["service.name"]
    return Resource({**ours, **taken, "service.name": name}, given.schema_url)
