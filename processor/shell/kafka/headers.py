"""Headers of the outputs: what a consumer may want to know without decoding the value."""

from processor.core.outcomes import DeadLetter, Outcome

Headers = list[tuple[str, str | bytes | None]]


def headers_of(content: Outcome | DeadLetter) -> Headers:
    """Return the headers of an output's record, all of them UTF-8 texts.

    Dead letters carry Kafka Connect's names as well, so that its tools can read them.
    """
    match content:
        case Outcome():
            return [("processor.outcome.id", content.outcome_id), *_shared(content)]
        case DeadLetter(outcome=outcome, message=message):
            source = outcome.source
            return [
                ("processor.dead-letter.id", outcome.outcome_id),
                *_shared(outcome),
                ("__connect.errors.topic", source.topic),
                ("__connect.errors.partition", str(source.partition)),
                ("__connect.errors.offset", str(source.offset)),
                ("__connect.errors.exception.message", _one_line(message)),
            ]


def _shared(outcome: Outcome) -> Headers:
    origin = outcome.origin or outcome.source
    headers: Headers = [
        ("processor.status", outcome.status),
        ("processor.effect", outcome.effect),
        ("processor.operation", outcome.operation),
        ("processor.origin.topic", origin.topic),
        ("processor.origin.partition", str(origin.partition)),
        ("processor.origin.offset", str(origin.offset)),
    ]
    if outcome.reason is not None:
        headers.append(("processor.reason", outcome.reason))
    if origin.timestamp is not None:
        headers.append(("processor.origin.timestamp", str(origin.timestamp)))
    if outcome.replay_id is not None:
        headers.append(("processor.replay.id", outcome.replay_id))
    headers += outcome.trace
    return headers


def _one_line(message: str) -> str:
    return " ".join(message.split())[:1_000]
