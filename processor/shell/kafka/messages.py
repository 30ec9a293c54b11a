"""Messages: what the client hands over, as records."""

from collections.abc import Iterator

from confluent_kafka import Message

from processor.core.records import Partition, Record, Source


def record_of(message: Message, partition: Partition, offset: int) -> Record:
    """Return a message as a record; `partition` and `offset` are its own, known to be there."""
    kind, timestamp = message.timestamp()
    return Record(
        Source(partition.topic, partition.number, offset, timestamp if kind else None),
        message.key(),
        message.value(),
        tuple(headers_of(message)),
    )


def headers_of(message: Message) -> Iterator[tuple[str, bytes | None]]:
    """Yield a message's headers: none where the name of one is not UTF-8."""
    try:
        headers = message.headers()
    except UnicodeDecodeError:  # the client gives none of them then
        return
    # The client hands out a list of bytes, although its types allow what a producer may give.
    for name, value in headers if isinstance(headers, list) else ():
        yield name, value.encode() if isinstance(value, str) else value


def partition_of(message: Message) -> Partition:
    """Return the partition that a message came from."""
    return Partition(message.topic() or "", message.partition() or 0)
