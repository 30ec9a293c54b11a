"""Parts: what the worker works with."""

from dataclasses import dataclass

from processor.core.engine import Engine
from processor.shell.decoding import Decoder
from processor.shell.http import RoktClient
from processor.shell.kafka.broker import Broker
from processor.shell.ledger.lasting import LastingLedgers
from processor.shell.metrics import Metrics
from processor.shell.observers import Observers
from processor.shell.schema_cache import SchemaCache
from processor.shell.traces import NO_TRACES, Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the worker works with."""

    engine: Engine
    ledgers: LastingLedgers
    broker: Broker
    rokt: RoktClient
    decoder: Decoder
    schemas: SchemaCache
    metrics: Metrics
    observers: Observers
    traces: Traces = NO_TRACES
