"""The outbox: spans on their way to the collector, in a bounded queue, sent by a thread of its own.

Whatever the collector does, whoever ends a span never waits. What there is no room for, and what
the collector does not take, is dropped, counted, and said once in a while.
"""

from collections import deque
from collections.abc import Sequence
from threading import Event, Thread
from typing import Final, Protocol

import structlog
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from processor.shell.clock import steady
from processor.shell.tracing.collector import Refusal

_LOG: Final = structlog.get_logger(__name__)
_ROOM: Final = 4_096
_BATCH: Final = 512
_SEND_EVERY: Final = 2.0
_PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
_LONGEST_PAUSE: Final = 30.0
_SAY_AGAIN_AFTER: Final = 60.0
_DO: Final = (
    "check PROCESSOR_TRACING__ENDPOINT (OTLP over HTTP, whose port is mostly 4318), __HEADERS, and "
    "the receiver; records are worked all the same"
)


class Receiving(Protocol):
    """Whoever takes spans: used by one thread, which may have to wait for it."""

    def send(self, spans: Sequence[ReadableSpan]) -> Refusal | None:
        """Send a batch; return None once it is taken."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class Outbox(SpanProcessor):
    """Sends spans that have ended. `on_end` belongs to one thread; `close` it at the end."""

    def __init__(self, receiver: Receiving) -> None:
        """Send to `receiver`, and close it after the last batch."""
        self._receiver = receiver
        self._queue: deque[ReadableSpan] = deque(maxlen=_ROOM)
        self._is_due = Event()
        self._is_closing = Event()
        self._no_room = 0
        """How many found no room; counted by the thread that ends spans alone."""
        self._refused = 0
        """How many were given up; counted by the sending thread alone."""
        self._in_air = 0
        self._said = 0
        self._said_at = steady()
        self._trouble: str | None = None
        self._thread = Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many spans were dropped so far."""
        return self._no_room + self._refused

    def on_start(self, span: Span, parent_context: object = None) -> None:
        """Do nothing: a span is of interest once it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span; the oldest goes when there is no room."""
        queue = self._queue
        if len(queue) == _ROOM:
            self._no_room += 1
        queue.append(span)
        if len(queue) >= _BATCH:
            self._is_due.set()

    def shutdown(self) -> None:
        """Close with the time that a batch takes."""
        self.close(_SEND_EVERY)

    def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002  the interface has it
        """Ask for what there is to be sent soon; does not wait."""
        self._is_due.set()
        return True

    def close(self, within: float) -> None:
        """Send what there is, once, for at most `within` seconds; then drop it."""
        self._is_closing.set()
        self._is_due.set()
        self._thread.join(within)
        left = len(self._queue) + self._in_air + self.dropped - self._said
        if left:
            why = "there was no time" if self._thread.is_alive() else self._trouble
            _LOG.warning("spans dropped", count=left, why=why, do=_DO)

    def _work(self) -> None:
        is_last = False
        while not is_last:
            self._is_due.wait(_SEND_EVERY)
            self._is_due.clear()
            is_last = self._is_closing.is_set()
            self._send_all()
        self._receiver.close()

    def _send_all(self) -> None:
        while batch := self._next_batch():
            self._in_air = len(batch)
            if not self._deliver(batch):
                self._refused += len(batch)
            self._in_air = 0
            self._say_dropped()

    def _next_batch(self) -> list[ReadableSpan]:
        queue = self._queue
        return [queue.popleft() for _ in range(min(_BATCH, len(queue)))]

    def _deliver(self, batch: list[ReadableSpan]) -> bool:
        for pause in (*_PAUSES, None):
            refusal = self._try(batch)
            self._note(refusal)
            if refusal is None:
                return True
            if refusal.again_in is None or pause is None:
                break
            self._say_dropped()
            if self._is_closing.wait(min(max(pause, refusal.again_in), _LONGEST_PAUSE)):
                break
        return False

    def _try(self, batch: list[ReadableSpan]) -> Refusal | None:
        try:
            return self._receiver.send(batch)
        except Exception as error:  # noqa: BLE001  spans are worth no thread, and no process
            return Refusal(why=type(error).__name__, again_in=None)

    def _note(self, refusal: Refusal | None) -> None:
        if refusal is None:
            if self._trouble is not None:
                _LOG.info("spans are taken again", dropped=self.dropped)
            self._trouble = None
            return
        if self._trouble is None:
            _LOG.warning("spans not taken", why=refusal.why, do=_DO)
        self._trouble = refusal.why

    def _say_dropped(self) -> None:
        """Say how many were dropped since it was last said, once a minute."""
        count = self.dropped - self._said
        if count and steady() - self._said_at >= _SAY_AGAIN_AFTER:
            self._said_at = steady()
            self._said += count
            why = self._trouble or "they come faster than they are taken"
            _LOG.warning("spans dropped", count=count, why=why, do=_DO)
