"""Asks the registry for the schemas that records wait for, as `SchemaQuestions` decides."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from processor.shell.framing import SchemaKey
from processor.shell.registry import RegistryAway, UnknownSchema
from processor.shell.rehearsal import rehearse_schema
from processor.shell.schema_questions import Answer, Ask, SchemaQuestions, Unknown
from processor.shell.schemas import subject
from processor.shell.vetting import ReaderSchema, Refusal

_LOG: Final = structlog.get_logger(__name__)
_ASKED_AT_ONCE: Final = 4
_TIME_FOR_AN_ANSWER: Final = 30.0
_WHAT_NOW: Final = (
    "give the registry its former schemas back, or, if all that waits was written by the new one, "
    "start all members anew"
)


class Asked(Protocol):
    """What the cache needs of a registry; both methods block."""

    def fetch(self, schema: SchemaKey) -> str | Refusal | UnknownSchema | RegistryAway:
        """Return the text of a schema."""

    def knows_another(self, subject: str, known: tuple[SchemaKey, ...]) -> bool:
        """Tell whether the registry has the subject or one of the known schemas."""


class SchemaCache:
    """Keeps asking the registry for the schemas that are wanted. Belongs to one event loop."""

    def __init__(
        self,
        registry: Asked,
        readers: Mapping[str, ReaderSchema],
        *,
        clock: Callable[[], float],
        on_settled: Callable[[SchemaKey], None],
    ) -> None:
        """Call `on_settled` when the records that wait for a schema can be decoded again."""
        self._registry = registry
        self._questions = SchemaQuestions(readers)
        self._clock = clock
        self._on_settled = on_settled
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_ASKED_AT_ONCE)
        self.get = self._questions.get
        self.is_careful = False
        """Whether a schema is vetted in a child process first: something has killed this one."""
        self.away: str | None = None
        """Why the registry's last answer could not be relied on, None when it could."""

    def learn(self, schema: SchemaKey, text: str) -> None:
        """Take a schema that is known already, such as our own."""
        self._questions.learn(schema, text, self._clock())

    def want(self, schema: SchemaKey, topic: str, now: float) -> None:
        """Note that a record of a topic waits for a schema; `now` as the clock has it."""
        self._questions.want(schema, topic, now)
        self._wake.set()

    async def run(self) -> None:
        """Ask for what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for ask in self._questions.due(self._clock()):
                    group.create_task(self._ask(ask))
                await self._sleep()

    async def _sleep(self) -> None:
        due = self._questions.next_due()
        timeout = None if due is None else max(0.0, due - self._clock())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _ask(self, ask: Ask) -> None:
        async with self._slots:
            try:
                async with asyncio.timeout(_TIME_FOR_AN_ANSWER):
                    answer = await asyncio.to_thread(answer_to, ask, self._registry)
            except TimeoutError:
                answer = RegistryAway(detail="the registry takes too long to answer")
            if self.is_careful and isinstance(answer, str):
                answer = await asyncio.to_thread(rehearse_schema, answer)
        before = self._questions.changed()
        can_go_on = self._questions.answered(ask.schema, answer, self._clock())
        changed = self._questions.changed()
        if ask.schema in changed and ask.schema not in before:
            _LOG.error("a schema is another than it was", schema=ask.schema, what_now=_WHAT_NOW)
        if not ask.is_comparison:  # else one schema that is told would hide that another is not
            self.away = _trouble(ask.schema, answer)
        if changed:
            ids = ", ".join(map(str, changed))
            self.away = f"schema {ids} is another than it was, its records wait: {_WHAT_NOW}"
        if can_go_on:
            self._on_settled(ask.schema)
        self._wake.set()


def answer_to(ask: Ask, registry: Asked) -> Answer:
    """Ask the registry for a schema, and, where it does not tell it, for another of its topics."""
    answer = registry.fetch(ask.schema)
    is_refusal = isinstance(answer, RegistryAway) and answer.is_refusal
    if not is_refusal and not isinstance(answer, UnknownSchema):
        return answer
    if ask.is_comparison:
        return Unknown(knows_another=True)
    subjects = map(subject, ask.topics)
    knows_another = any(registry.knows_another(name, ask.known) for name in subjects)
    if isinstance(answer, RegistryAway):  # who may not ask at all learns nothing of a schema
        return Unknown(knows_another=True, detail=answer.detail) if knows_another else answer
    return Unknown(knows_another=knows_another)


def _trouble(schema: SchemaKey, answer: Answer) -> str | None:
    if isinstance(answer, RegistryAway):
        return f"schema {schema}: {answer.detail}"
    if answer == Unknown(knows_another=False):
        return f"it knows neither schema {schema} nor the subject or another schema of its topic"
    return None
