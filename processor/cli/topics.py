"""`processor topics`: what a cluster needs for us; and going on where records are gone."""

import time
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from confluent_kafka import Consumer, KafkaException, TopicPartition

from processor.cli import ConfigFile
from processor.cli.folding import tell
from processor.cli.topics_acls import acls
from processor.cli.topics_plan import create, plan
from processor.core.records import Partition
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.clock import steady
from processor.shell.inputs import inputs
from processor.shell.kafka import clients
from processor.shell.kafka.absence import SETTINGS, absent
from processor.shell.kafka.broker import Broker, Inquiry
from processor.shell.kafka.gaps import Gap
from processor.shell.kafka.marks import Acceptance, acceptances, topic_id_of, write
from processor.shell.settings import Connections, Kafka, load_connections

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_ANSWER_WITHIN: Final = 15.0
_COMMITTED_WITHIN: Final = 5.0
_AGAIN_AFTER: Final = 0.5


@app.callback()
def topics() -> None:
    """Look after the topics of the processor."""


app.command()(plan)
app.command()(create)
app.command()(acls)


@app.command()
def accept_gap(
    topic: Annotated[str, typer.Option(help="The input whose partition is parked.")],
    partition: Annotated[int, typer.Option(min=0, help="The number of that partition.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show what a parked partition misses, and let it go on without it.

    Find out first which orders were lost: nothing will confirm them. It works while processors
    run, and takes effect within seconds; none has to be restarted.
    """
    settings = load_connections(config)
    place = Partition(topic, partition)
    found = find_gap(settings, place)
    if found is None:
        tell(
            f"Nothing is missing in {topic} [{partition}] from what group "
            f"{settings.kafka.group_id} has committed on. If a processor shows it as parked all "
            "the same, restart that processor."
        )
        return
    gap, acceptance = found.gap, found.acceptance
    tell(f"{topic} [{partition}], group {settings.kafka.group_id}: {gap.missing}.")
    if not yes:
        typer.confirm(f"Go on at offset {acceptance.go_on}, without what is missing?", abort=True)
    _accept(settings.kafka, place, acceptance)
    tell(f"Accepted: {topic} [{partition}] goes on at offset {acceptance.go_on}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A gap, and what accepts it."""

    gap: Gap
    acceptance: Acceptance


def find_gap(settings: Connections, place: Partition) -> Found | None:
    """Compare what the group has committed with the log; None when nothing is missing."""
    topic, number = place
    names = (*inputs(settings.topics), settings.topics.replay)
    if topic not in names:
        listed = ", ".join(names)
        raise ConfigurationError(f"{topic} is no input: those are {listed}.")
    _check_place(settings.kafka, place)
    told, inquiry = _committed(settings.kafka, place)
    if told.offset < 0:
        raise ConfigurationError(
            f"Group {settings.kafka.group_id} has no offset for {topic} [{number}], so nothing is "
            "missing: set PROCESSOR_KAFKA__START to say where `run` is to begin."
        )
    gap = Gap.of(place, told.offset, topic_id_of(told.metadata), inquiry)
    if gap is None:
        raise RuntimeFailure(
            f"Kafka does not tell where {topic} [{number}] begins and ends: check "
            f"{SETTINGS}, and that there is such a partition."
        )
    if not gap.is_replaced and gap.begin <= told.offset <= gap.end:
        return None
    accepting = Acceptance(position=told.offset, go_on=gap.begin, topic_id=inquiry.topic_id(topic))
    return Found(gap=gap, acceptance=accepting)


def _check_place(kafka: Kafka, place: Partition) -> None:
    """Raise unless the brokers answer and know the partition."""
    topic, number = place
    try:
        count = Broker(kafka).partitions([topic], _ANSWER_WITHIN)[topic]
    except KafkaException as away:
        raise absent(kafka, away) from None
    if count is None:
        raise ConfigurationError(f"There is no topic {topic}: check PROCESSOR_TOPICS__….")
    if number >= count:
        raise ConfigurationError(f"{topic} has no partition {number}: it has 0 to {count - 1}.")


def _committed(kafka: Kafka, place: Partition) -> tuple[TopicPartition, Inquiry]:
    """Ask what the group has committed, and the log.

    A topic's offsets go with it: those of a group at work are there again within moments.
    """
    broker, deadline = Broker(kafka), steady() + _COMMITTED_WITHIN
    while True:
        inquiry = broker.inquire([place.topic], [place], kafka.group_id, _ANSWER_WITHIN)
        inquiry.wait(_ANSWER_WITHIN)
        told = inquiry.offset(place)
        if told is None:
            raise RuntimeFailure(
                f"Kafka does not tell what group {kafka.group_id} has committed for "
                f"{place.topic} [{place.number}]: check {SETTINGS}."
            )
        if told.offset >= 0 or steady() >= deadline:
            return told, inquiry
        time.sleep(_AGAIN_AFTER)


def _accept(kafka: Kafka, place: Partition, acceptance: Acceptance) -> None:
    consumer = Consumer(clients.offsets_only(kafka) | {"group.id": acceptances(kafka.group_id)})
    try:
        position = TopicPartition(*place, acceptance.go_on, write(acceptance))
        (taken,) = consumer.commit(offsets=[position], asynchronous=False)
    except KafkaException as refused:
        raise RuntimeFailure(f"Kafka did not take it: {refused.args[0].str()}") from None
    finally:
        consumer.close()
    if taken.error is not None:
        raise RuntimeFailure(f"Kafka did not take it: {taken.error.str()}")
