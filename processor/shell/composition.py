"""Composition: from settings to the parts that they shape."""

from collections.abc import Callable
from pathlib import Path

from processor import __version__
from processor.core.calls import CallShape
from processor.core.conclusions import RetrySettings
from processor.core.engine_settings import EngineSettings
from processor.core.fence import FenceSettings
from processor.core.records import Topics
from processor.core.retries import RELEASE_PATIENCE, Patience
from processor.errors import ConfigurationError
from processor.shell.clock import steady
from processor.shell.encoding import Encoder
from processor.shell.http import EdgeSettings, EdgeSettingsError, RoktClient, open_client
from processor.shell.http import Engine as HttpEngine
from processor.shell.http.destinations import networks
from processor.shell.ledger.disk import Disk
from processor.shell.ledger.lasting import LastingLedgers
from processor.shell.registry import Registry
from processor.shell.settings import RegistryAccess, Settings
from processor.shell.startup import Prepared
from processor.shell.traces import NO_TRACES, Traces


def engine_settings(settings: Settings, prepared: Prepared) -> EngineSettings:
    """Return what the engine decides by."""
    calls, retries = settings.calls, settings.retries
    return EngineSettings(
        topics=_topics(settings, prepared),
        shape=CallShape(
            tag_id=settings.rokt.tag_id,
            confirm_path=settings.rokt.confirm_path,
            release_path=settings.rokt.release_path,
            sends_catalog_item_id=settings.rokt.send_catalog_item_id,
        ),
        fence=FenceSettings(partitions=prepared.partitions, lease=settings.kafka.lease),
        retries=RetrySettings(
            confirm=Patience(attempts=retries.confirm_attempts, seconds=retries.confirm_min_time),
            release=Patience(attempts=retries.release_attempts, seconds=RELEASE_PATIENCE.seconds),
            give_up_after=retries.give_up_after,
            holds=settings.on_outage == "hold",
        ),
        max_in_flight=calls.max_in_flight,
        rate_limit=calls.rate_limit,
        max_unfinished=calls.max_unfinished,
        max_span=calls.max_span,
        release_delay=calls.release_delay,
    )


def _topics(settings: Settings, prepared: Prepared) -> Topics:
    return Topics(
        payments=settings.topics.order_paid,
        abandonments=settings.topics.cart_abandoned,
        replay=prepared.replay,
    )


def edge_settings(settings: Settings) -> EdgeSettings:
    """Return where and how calls go out; EdgeSettingsError says what cannot be used."""
    client = settings.http_client
    return EdgeSettings(
        base_url=settings.rokt.base_url,
        connect_timeout=client.connect_timeout,
        confirm_read_timeout=client.confirm_read_timeout,
        release_read_timeout=client.release_read_timeout,
        confirm_deadline=client.confirm_deadline,
        release_deadline=client.release_deadline,
        reply_limit=client.reply_limit,
        max_connections=settings.calls.max_in_flight,
        ca_file=client.ca_file,
        client_cert_file=client.client_certificate_file,
        client_key_file=client.client_key_file,
        allowed_addresses=networks(client.allowed_addresses),
    )


def open_rokt(settings: Settings) -> RoktClient:
    """Return the client that makes the calls; its key follows the file it is in."""
    try:
        engine = HttpEngine(settings.http_client.engine)
        return open_client(edge_settings(settings), engine, _api_key(settings))
    except EdgeSettingsError as error:
        raise ConfigurationError(
            f"Calls to Rokt cannot be made: {error}. Check PROCESSOR_ROKT__BASE_URL and "
            "PROCESSOR_HTTP_CLIENT__…."
        ) from None


def _api_key(settings: Settings) -> Callable[[], str]:
    return lambda: settings.rokt.api_key.current(steady()).reveal()


def open_traces(settings: Settings) -> Traces:
    """Return what follows the work; it does nothing where nobody asks for spans."""
    endpoint = settings.tracing.endpoint
    if endpoint is None:
        return NO_TRACES
    try:
        from processor.shell.tracing.opening import open_spans  # noqa: PLC0415  OpenTelemetry

        return open_spans(settings, endpoint)
    except ValueError:  # its text quotes the value
        raise ConfigurationError(
            "OpenTelemetry cannot use one of the variables OTEL_…, most likely a limit that is no "
            "whole number. Mend it, or leave it out."
        ) from None


def open_ledgers(settings: Settings, prepared: Prepared, folder: Path) -> LastingLedgers:
    """Return the ledgers whose copy lies in `folder`; ConfigurationError when that cannot be."""
    topics = settings.topics
    identity = {
        "results": topics.results,
        "topic_id": prepared.results_id,
        "partitions": prepared.partitions,
        "releases": topics.cart_abandoned,
    }
    return LastingLedgers(Disk(folder, identity), _topics(settings, prepared))


def open_registry(settings: RegistryAccess) -> Registry:
    """Return the client of the schema registry."""
    return Registry.of(settings.schema_registry)


def open_encoder(settings: Settings, prepared: Prepared) -> Encoder:
    """Return what turns outcomes and dead letters into bytes."""
    return Encoder(
        prepared.outcome_schema_id,
        prepared.dead_letter_schema_id,
        processor_version=__version__,
        consumer_group=settings.kafka.group_id,
    )
