"""The export of spans: to a real receiver, to one that refuses, hangs or is not there."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from structlog.testing import capture_logs

from processor.shell.tracing import outbox as module
from processor.shell.tracing.collector import Collector, Headers, Refusal
from processor.shell.tracing.outbox import Outbox
from tests.support.http_edge import new_authority
from tests.support.programs import free_port, wait_until
from tests.support.receiver import Receiver, receiving

WITHIN: Final = 10.0
CANARY: Final = "canary-otlp-header"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SEND_EVERY", 0.05)
    monkeypatch.setattr(module, "_PAUSES", (0.01, 0.01))


class Stub:
    """Receives by a function."""

    def __init__(self, send: Callable[[Sequence[ReadableSpan]], Refusal | None]) -> None:
        self.send = send

    def close(self) -> None:
        """Have nothing to close."""


class Sender:
    """Spans that end into an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(outbox)
        self.outbox = outbox
        self.tracer = provider.get_tracer("tests")

    def end(self, *names: str) -> None:
        for name in names:
            self.tracer.start_span(name).end()

    def close(self) -> None:
        self.outbox.close(WITHIN)


@contextmanager
def sending(endpoint: str, headers: Headers = (), ca_file: Path | None = None) -> Iterator[Sender]:
    with closing(Sender(Outbox(Collector(endpoint, lambda: headers, ca_file)))) as sender:
        yield sender


def test_spans_arrive_with_the_headers_that_are_set(receiver: Receiver) -> None:
    with sending(receiver.endpoint, headers=[("Authorization", CANARY)]) as sender:
        sender.end("one", "two")
        wait_until(lambda: len(receiver.spans) == 2, within=WITHIN, what="both are there")
    path, headers, _ = receiver.requests[0]
    assert [span.name for span in receiver.spans] == ["one", "two"]
    assert (path, headers["authorization"]) == ("/v1/traces", CANARY)
    assert headers["content-type"] == "application/x-protobuf"


def test_what_ended_last_is_sent_at_the_close(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SEND_EVERY", 60.0)
    with sending(receiver.endpoint) as sender:
        sender.end(*map(str, range(500)))
    assert len(receiver.spans) == 500
    assert sender.outbox.dropped == 0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_batch_that_may_be_taken_later_is_sent_again(receiver: Receiver, status: int) -> None:
    receiver.statuses.extend([status, status])
    with capture_logs() as logs, sending(receiver.endpoint) as sender:
        sender.end("one")
        wait_until(lambda: receiver.spans, within=WITHIN, what="it is there")
        wait_until(lambda: len(logs) == 2, within=WITHIN, what="it is said")
    assert [log["event"] for log in logs] == ["spans not taken", "spans are taken again"]
    assert logs[0]["why"] == f"status {status}"


@pytest.mark.parametrize("status", [307, 400, 401, 404, 413, 500])
def test_a_batch_that_is_refused_for_good_is_dropped(receiver: Receiver, status: int) -> None:
    receiver.statuses.append(status)
    with capture_logs() as logs, sending(receiver.endpoint, [("Authorization", CANARY)]) as sender:
        sender.end("one")
        wait_until(lambda: sender.outbox.dropped == 1, within=WITHIN, what="it is dropped")
        sender.end("two")
        wait_until(lambda: receiver.spans, within=WITHIN, what="the next is there")
    assert [span.name for span in receiver.spans] == ["two"]
    assert len(receiver.requests) == 2
    assert CANARY not in str(logs)


def test_a_receiver_that_is_away_costs_spans_only() -> None:
    with capture_logs() as logs, sending(f"http://127.0.0.1:{free_port()}") as sender:
        sender.end("one")
        wait_until(lambda: sender.outbox.dropped == 1, within=WITHIN, what="it is dropped")
    assert logs[0]["event"] == "spans not taken"
    assert "no connection" in logs[0]["why"]
    assert "PROCESSOR_TRACING__ENDPOINT" in logs[0]["do"]
    assert (logs[-1]["event"], logs[-1]["count"]) == ("spans dropped", 1)


def test_whoever_ends_spans_never_waits_and_the_newest_are_kept(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROOM", 600)
    receiver.flows.clear()
    with capture_logs() as logs, sending(receiver.endpoint) as sender:
        sender.end("first")
        wait_until(lambda: receiver.requests, within=WITHIN, what="the receiver hangs")
        began = time.monotonic()
        sender.end(*map(str, range(2_000)))
        assert time.monotonic() - began < 2  # a hundred times what it takes
        assert sender.outbox.dropped == 1_400
        receiver.flows.set()
    names = ["first", *map(str, range(1_400, 2_000))]
    assert [span.name for span in receiver.spans] == names
    assert (logs[-1]["event"], logs[-1]["count"]) == ("spans dropped", 1_400)


def test_a_receiver_that_hangs_holds_no_stop_up(receiver: Receiver) -> None:
    receiver.flows.clear()
    with capture_logs() as logs, sending(receiver.endpoint) as sender:
        sender.end("one")
        wait_until(lambda: receiver.requests, within=WITHIN, what="the receiver hangs")
        sender.end("two")
        began = time.monotonic()
        sender.outbox.close(0.3)
        assert time.monotonic() - began < 2
        assert (logs[-1]["count"], logs[-1]["why"]) == (2, "there was no time")
        receiver.flows.set()


def test_dropped_spans_are_said_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAY_AGAIN_AFTER", 0.2)
    outbox = Outbox(Stub(lambda _: Refusal(why="never", again_in=None)))
    with capture_logs() as logs, closing(Sender(outbox)) as sender:

        def is_said_twice() -> bool:
            sender.end("one")
            return len([log for log in logs if log["event"] == "spans dropped"]) == 2

        wait_until(is_said_twice, within=WITHIN, what="it is said twice")
    said = [log["count"] for log in logs if log["event"] == "spans dropped"]
    assert sum(said) == outbox.dropped
    assert len(said) < outbox.dropped / 2


def test_the_thread_outlives_whatever_sending_does() -> None:
    batches: list[int] = []

    def send(spans: Sequence[ReadableSpan]) -> Refusal | None:
        batches.append(len(spans))
        if len(batches) == 1:
            raise RuntimeError(CANARY)
        return None

    with capture_logs() as logs, closing(Sender(Outbox(Stub(send)))) as sender:
        sender.end("one")
        wait_until(lambda: sender.outbox.dropped == 1, within=WITHIN, what="it is dropped")
        sender.end("two")
        wait_until(lambda: len(batches) == 2, within=WITHIN, what="the next is sent")
    assert logs[0]["why"] == "RuntimeError"
    assert CANARY not in str(logs)


def test_a_receiver_is_trusted_by_the_file_that_is_set(tmp_path: Path) -> None:
    authority = new_authority(tmp_path)
    with receiving(authority.server()) as receiver:
        with sending(receiver.endpoint) as sender:
            sender.end("one")
            wait_until(lambda: sender.outbox.dropped == 1, within=WITHIN, what="it is dropped")
        with sending(receiver.endpoint, ca_file=authority.file) as sender:
            sender.end("two")
            wait_until(lambda: receiver.spans, within=WITHIN, what="it is there")
    assert [span.name for span in receiver.spans] == ["two"]


def test_nothing_of_the_environment_is_taken(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.setenv(name, away)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x={CANARY}")
    with sending(receiver.endpoint) as sender:
        sender.end("one")
        wait_until(lambda: receiver.spans, within=WITHIN, what="it is there")
    assert CANARY not in str(receiver.requests)
