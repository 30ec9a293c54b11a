"""The application: starts all parts, and stops them in order."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import structlog
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from processor import __version__
from processor.core.engine import Engine
from processor.core.vocabulary import Reason
from processor.errors import BrokenInvariant, ConfigurationError, ProcessorError, RuntimeFailure
from processor.shell import schemas
from processor.shell.clock import steady
from processor.shell.composition import (
    engine_settings,
    open_encoder,
    open_ledgers,
    open_registry,
    open_rokt,
    open_traces,
)
from processor.shell.decoding import Decoder
from processor.shell.encoding import OutcomeReader
from processor.shell.framing import SchemaKey
from processor.shell.inputs import Inputs
from processor.shell.kafka.broker import Broker
from processor.shell.kafka.poller import Poller
from processor.shell.kafka.restorer import Restorer
from processor.shell.kafka.results import Results
from processor.shell.kafka.sink import Sink
from processor.shell.ledger.folder import ledger_folder
from processor.shell.ledger.lasting import LastingLedgers
from processor.shell.metrics import Metrics
from processor.shell.observers import Observers
from processor.shell.parts import Parts
from processor.shell.registry import Registry
from processor.shell.schema_cache import SchemaCache
from processor.shell.server import Server
from processor.shell.settings import Settings
from processor.shell.startup import Prepared, prepare
from processor.shell.tracebacks import words_of
from processor.shell.vetting import Refusal, VettedSchema
from processor.shell.watch import Watch
from processor.shell.worker import Worker

_LOG: Final = structlog.get_logger(__name__)
_STOP_WITHIN: Final = 5.0
_EXPORT_WITHIN: Final = 3.0
_TOPIC_ID_WITHIN: Final = 2.0
_NOTHING_LOST: Final = (
    "Nothing is lost: what was not committed comes again, and calls whose outcome is not known "
    "count as possibly applied."
)


class Application:
    """Everything that `processor run` is. `run` it once, on a loop of its own."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is opened yet."""
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._signals = 0
        self._decode_again: Callable[[SchemaKey], None] = lambda _: None
        registry = CollectorRegistry()
        self.metrics = Metrics(registry)
        self.watch = Watch(settings, self.metrics)
        self.server = Server(
            settings.server,
            registry,
            is_live=self.watch.is_live,
            is_ready=self.watch.is_ready,
            status=self.watch.status,
            view=self.watch.view,
        )
        self.is_serving = asyncio.Event()
        """Set once the server listens."""

    async def run(self) -> None:
        """Work until `stop`, or until something fails; raises what failed."""
        self._loop.set_exception_handler(self._unhandled)
        async with self.server:
            self.is_serving.set()
            _LOG.info("start", version=__version__, server=self.server.url)
            await self._serve()
        if self._failure is not None:
            raise self._failure
        _LOG.info("stop", version=__version__)

    def stop_on_signals(self) -> None:
        """Stop on SIGTERM and SIGINT; a second one ends the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: signal.Signals) -> None:
        self._signals += 1
        if self._signals == 1:
            note = "what is in the air is finished first; a second signal ends at once"
            _LOG.info("stopping", signal=number.name, note=note)
            self.stop()
            return
        _LOG.warning("stopped at once", signal=number.name, note=_NOTHING_LOST)
        failure = self._failure
        os._exit(failure.exit_code if isinstance(failure, ProcessorError) else 128 + number)

    def stop(self) -> None:
        """Hand everything over, leave the group and end `run`."""
        self._stopping.set()

    def fail(self, error: BaseException) -> None:
        """End `run` with an error."""
        if self._failure is None:
            self._failure = _explained(error)
            _LOG.error("ending", why=_why(self._failure))
        self._stopping.set()

    async def _serve(self) -> None:
        broker, registry = Broker(self._settings.kafka), open_registry(self._settings)
        preparing = asyncio.create_task(
            asyncio.to_thread(prepare, self._settings, broker, registry, self._stopping.is_set)
        )
        try:
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({preparing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not preparing.done():
                return
            stopping.cancel()
            prepared = preparing.result()
            cache = self._open_schemas(registry, prepared)
            # Where brokers give topics no id, a copy cannot be known to be of this one.
            kept = self._settings.state_dir if prepared.results_id is not None else None
            with ledger_folder(kept) as folder:
                ledgers = open_ledgers(self._settings, prepared, folder)
                worker = self._open_worker(broker, cache, ledgers, prepared)
                async with self._working(worker, prepared.partitions):
                    await self._stopping.wait()
        finally:
            registry.close()
            if preparing.done():  # else its thread still asks, and waits for each answer
                broker.close()

    def _open_worker(
        self, broker: Broker, cache: SchemaCache, ledgers: LastingLedgers, prepared: Prepared
    ) -> Worker:
        """Put the worker and the parts that call it together."""
        settings, topics = self._settings, self._settings.topics
        parts = Parts(
            engine=Engine(
                engine_settings(settings, prepared), ledgers, random.SystemRandom().random
            ),
            ledgers=ledgers,
            broker=broker,
            rokt=open_rokt(settings),
            decoder=Decoder(cache.get),
            schemas=cache,
            metrics=self.metrics,
            observers=Observers(self.metrics),
            traces=open_traces(settings),
        )
        inputs = Inputs(
            payments=topics.order_paid, abandonments=topics.cart_abandoned, replay=prepared.replay
        )
        worker = Worker(parts, inputs, self.fail, drain_deadline=settings.kafka.drain_deadline)
        poller = Poller(settings.kafka, tuple(inputs), broker, worker, steady)
        read = OutcomeReader(lambda schema: self._outcome_schema(cache, schema)).read
        results = Results(
            name=topics.results,
            topic_id=prepared.results_id,
            ask_id=lambda: broker.topic_id(topics.results, _TOPIC_ID_WITHIN),
        )
        restorer = Restorer(settings.kafka, results, read, worker.learning, steady)
        encoder = open_encoder(settings, prepared)
        sink = Sink(settings.kafka, topics, encoder, worker.acknowledged, steady)
        worker.connect(sink, poller, restorer)
        self._decode_again = worker.schema_settled
        return worker

    @contextlib.asynccontextmanager
    async def _working(self, worker: Worker, partitions: int) -> AsyncIterator[None]:
        """Start the parts in the order in which they need each other; stop them in reverse."""
        worker.start()
        watching = [
            self._loop.create_task(worker.parts.schemas.run()),
            self._loop.create_task(self.watch.run(worker, partitions)),
        ]
        for task in watching:
            task.add_done_callback(self._ended)
        try:
            yield
        finally:
            worker.poller.stop(is_failing=_is_ours(self._failure))
            await worker.finish(self._settings.kafka.drain_deadline)
            has_left = await asyncio.to_thread(worker.poller.join, _STOP_WITHIN)
            if not has_left or worker.membership.hand_over_trouble is not None:
                why = worker.membership.hand_over_trouble or "Kafka does not answer"
                self.fail(RuntimeFailure(f"Stopped without handing over ({why}). {_NOTHING_LOST}"))
            worker.restorer.stop()
            await asyncio.to_thread(worker.restorer.join, _STOP_WITHIN)
            for task in watching:
                task.cancel()
            worker.stop()
            worker.parts.ledgers.close(worker.parts.engine.assignments.ledgers())
            await worker.parts.rokt.aclose()
            await asyncio.to_thread(worker.parts.traces.close, _EXPORT_WITHIN)

    def _open_schemas(self, registry: Registry, prepared: Prepared) -> SchemaCache:
        cache = SchemaCache(
            registry,
            schemas.readers(),
            clock=steady,
            on_settled=self._settled,
        )
        cache.learn(prepared.outcome_schema_id, schemas.text(schemas.OUTCOME))
        return cache

    def _settled(self, schema: SchemaKey) -> None:
        self._decode_again(schema)

    def _outcome_schema(
        self, cache: SchemaCache, schema: SchemaKey
    ) -> VettedSchema | Refusal | None:
        """Look a schema of the results up; called on the restorer's thread."""
        known = cache.get(schema)
        is_given_up = isinstance(known, Refusal) and known.reason is Reason.UNDECODABLE
        if known is not None and not is_given_up:
            return known
        # However long the registry does not know it: an outcome is never passed over.
        topic = self._settings.topics.results
        self._loop.call_soon_threadsafe(cache.want, schema, topic, steady())
        return None

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take an error of a callback: nothing may go wrong unnoticed."""
        self.fail(context.get("exception") or RuntimeError(context["message"]))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


def _is_ours(error: BaseException | None) -> bool:
    """Whether what ends the process lies in it, or in what it has read."""
    return not isinstance(error, ConfigurationError | RuntimeFailure | None)


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, ProcessorError) else words_of(error)


def _explained(error: BaseException) -> BaseException:
    """Return an error that tells its reader what to do; what nobody foresaw is a bug of ours."""
    match error:
        case ProcessorError():
            return error
        case KafkaException():
            return RuntimeFailure(f"Kafka's client has failed: {error.args[0].str()}")
        case AssertionError() | KeyError() | ValueError():
            broken = BrokenInvariant(f"A promise of the processor is broken: {words_of(error)}")
            broken.__cause__ = error
            return broken
        case _:
            return error
