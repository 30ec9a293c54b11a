"""The stock: the records that a plan speaks of, one after the other, and what would come of each.

Whoever surveys a plan and whoever executes it read the same stock, from any position of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final, Self

from processor.core.replays import Candidate, Container, Kind, Passed, Plan, Slice
from processor.errors import ConfigurationError
from processor.shell import schemas
from processor.shell.decoding import Decoder
from processor.shell.encoding import OutcomeReader
from processor.shell.history.careful import CarefulDecoder
from processor.shell.history.dead_letters import DeadLetterReader, history_readers
from processor.shell.history.files import ContainerFile, Rows
from processor.shell.history.ledgers import Ledgers
from processor.shell.history.means import Forecasters, Means, Odometer
from processor.shell.history.originals import Originals
from processor.shell.history.reader import Reader
from processor.shell.history.redrives import Redrives
from processor.shell.history.writers_schemas import WritersSchemas
from processor.shell.kafka.broker import Broker
from processor.shell.registry import Registry
from processor.shell.settings import Connections

PATIENCE: Final = 60.0
"""How long (seconds) brokers may be silent before a command that reads history gives up."""


class Stock:
    """What a plan reads. Belongs to one thread; a context manager, to close its connections."""

    def __init__(
        self,
        plan: Plan,
        settings: Connections,
        files: Sequence[ContainerFile] = (),
        began_at: int | None = None,
    ) -> None:
        """Connect. `files` are those of the plan's containers, in their order.

        Ages count from `began_at` (epoch milliseconds), or from now.
        """
        self.plan = plan
        self.odometer = Odometer()
        with ExitStack() as stack:
            registry = Registry.of(settings.schema_registry)
            stack.callback(registry.close)
            _check_registry(registry, settings)
            writers = WritersSchemas(registry, history_readers(), patience=settings.start_timeout)
            reader, side, past = (
                stack.enter_context(Reader(settings.kafka, patience=PATIENCE)) for _ in range(3)
            )
            read = OutcomeReader(writers).read
            is_redrive = plan.kind is Kind.REDRIVE
            means = Means(
                plan=plan,
                reader=reader,
                side=side,
                decoder=CarefulDecoder(writers) if is_redrive else Decoder(writers),
                letters=DeadLetterReader(writers),
                forecasters=Forecasters(
                    plan,
                    Ledgers(past, settings.topics, read, plan.counts[settings.topics.results]),
                    keeps_all=plan.partitioner is not None,
                    began_at=began_at,
                ),
                odometer=self.odometer,
            )
            self._source: Originals | Redrives
            if is_redrive:
                self._source = Redrives(means, Broker(settings.kafka))
            else:
                ids = _schema_ids(registry, plan.containers, settings)
                rows = Rows(files, ids, plan.cart_field) if files else None
                self._source = Originals(means, settings.topics, rows)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def candidates(self, part: Slice, position: int) -> Iterator[Candidate | Passed]:
        """Yield the candidates of a slice from `position` on, and how far it has been read. Blocks.

        Slices are cheapest in the plan's order; any other is as right.
        """
        return self._source.candidates(part, position)


def _check_registry(registry: Registry, settings: Connections) -> None:
    """Refuse a registry that knows nothing of the processors: to it all would be undecodable."""
    subject = schemas.subject(settings.topics.results)
    if not registry.has_subject(subject):
        raise ConfigurationError(
            f"The registry {settings.schema_registry.url} has no subject {subject}, under which "
            "the processors write their outcomes: it is not theirs. Check "
            "PROCESSOR_SCHEMA_REGISTRY__URL and PROCESSOR_TOPICS__RESULTS."
        )


def _schema_ids(
    registry: Registry, containers: Sequence[Container], settings: Connections
) -> dict[str, int]:
    """Return the ids with which rows of files are framed."""
    topics = {
        schemas.ORDER_PAID: settings.topics.order_paid,
        schemas.CART_ABANDONED: settings.topics.cart_abandoned,
    }
    found = {}
    for name in dict.fromkeys(each.event for each in containers):
        subject = schemas.subject(topics[name])
        schema_id = registry.lookup(subject, schemas.text(name))
        if schema_id is None:
            raise ConfigurationError(
                f"The registry does not have our schema under {subject}, with which rows of files "
                "are written: run `processor schemas register`."
            )
        found[name] = schema_id
    return found
