"""The schemas that records were written with: what is known of them, and what is asked next.

`SchemaQuestions` decides; `SchemaCache` asks. A schema that was found, or refused by vetting, is
remembered for ever: ids never change their meaning. One that the registry does not know is asked
for again and again. Only when that has gone on for a minute, throughout which the registry knew
the topic's subject or another schema of the topic, are its records undecodable: a registry that
is wrong or empty must not send a day of orders to the dead letters. A registry that is away
proves nothing, so the minute begins anew.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from processor.core.vocabulary import Reason
from processor.shell.framing import SchemaKey
from processor.shell.registry import RegistryAway, UnknownSchema
from processor.shell.rehearsal import rehearse_schema
from processor.shell.schemas import subject
from processor.shell.vetting import ReaderSchema, Refusal, VettedSchema, vet

UNKNOWN_FOR: Final = 60.0
FIRST_DELAY: Final = 1.0
LONGEST_DELAY_UNKNOWN: Final = 10.0
LONGEST_DELAY_AWAY: Final = 30.0

_REMEMBER_UNKNOWN: Final = 60.0
_MOST_UNKNOWN: Final = 1000
_ASKED_AT_ONCE: Final = 4
_TIME_FOR_AN_ANSWER: Final = 30.0


class Ask(NamedTuple):
    """One schema to ask the registry for, the topics it is wanted in, and others known there."""

    schema: SchemaKey
    topics: tuple[str, ...]
    known: tuple[SchemaKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The registry has no such schema; `knows_another` of the topics it is wanted in."""

    knows_another: bool


Answer = str | Refusal | Unknown | RegistryAway


class Asked(Protocol):
    """What the cache needs of a registry; both methods block."""

    def fetch(self, schema: SchemaKey) -> str | Refusal | UnknownSchema | RegistryAway:
        """Return the text of a schema."""

    def knows_another(self, subject: str, known: tuple[SchemaKey, ...]) -> bool:
        """Tell whether the registry has the subject or one of the known schemas."""


@dataclass(slots=True)
class _Question:
    """A schema that records wait for. `due` is None while it is being asked for."""

    due: float | None
    topics: set[str] = field(default_factory=set)
    tries: int = 0
    unknown_since: float | None = None


class SchemaQuestions:
    """Decides which schemas to ask for, when, and what the answers come to.

    Times are seconds on any clock that does not go back.
    """

    def __init__(self, readers: Mapping[str, ReaderSchema]) -> None:
        self._readers = readers
        self._settled: dict[SchemaKey, VettedSchema | Refusal] = {}
        self._open: dict[SchemaKey, _Question] = {}
        self._found_in: dict[str, SchemaKey] = {}
        self._unknown: dict[SchemaKey, _Question] = {}

    def get(self, schema: SchemaKey) -> VettedSchema | Refusal | None:
        """Return what is known of a schema, None while that is nothing."""
        return self._settled.get(schema)

    def learn(self, schema: SchemaKey, text: str) -> None:
        """Take a schema that is known already, such as our own."""
        self._settled[schema] = vet(text, self._readers)

    def want(self, schema: SchemaKey, topic: str, now: float) -> None:
        """Note that a record of a topic waits for a schema."""
        if schema in self._settled:
            return
        question = self._open.get(schema)
        if question is None:
            question = self._open[schema] = self._unknown.pop(schema, _Question(now))
            question.due = now
        question.topics.add(topic)

    def due(self, now: float) -> tuple[Ask, ...]:
        """Return what is to be asked now; each waits for its answer then."""
        self._ask_again_for_unknown(now)
        asks = []
        for schema, question in self._open.items():
            if question.due is not None and question.due <= now:
                question.due = None
                topics = tuple(sorted(question.topics))
                known = {self._found_in[topic] for topic in topics if topic in self._found_in}
                asks.append(Ask(schema, topics, tuple(known)))
        return tuple(asks)

    def next_due(self) -> float | None:
        """Return when `due` has to be called next, None when there is no need."""
        questions = (*self._open.values(), *self._unknown.values())
        return min((each.due for each in questions if each.due is not None), default=None)

    def answered(self, schema: SchemaKey, answer: Answer, now: float) -> bool:
        """Take an answer; return whether the records that wait for the schema can go on."""
        question = self._open[schema]
        match answer:
            case str():
                return self._settle(schema, vet(answer, self._readers))
            case Refusal():
                return self._settle(schema, answer)
            case Unknown(knows_another=True):
                if question.unknown_since is None:
                    question.unknown_since = now
                if now - question.unknown_since >= UNKNOWN_FOR:
                    return self._give_up(schema, now)
                longest = LONGEST_DELAY_UNKNOWN
            case Unknown():
                question.unknown_since = None
                longest = LONGEST_DELAY_UNKNOWN
            case RegistryAway():
                question.unknown_since = None
                longest = LONGEST_DELAY_AWAY
        question.due = now + min(longest, FIRST_DELAY * 2.0 ** min(question.tries, 10))
        question.tries += 1
        return False

    def _settle(self, schema: SchemaKey, result: VettedSchema | Refusal) -> bool:
        question = self._open.pop(schema)
        self._settled[schema] = result
        if isinstance(result, VettedSchema):
            self._found_in |= dict.fromkeys(question.topics, schema)
        return True

    def _give_up(self, schema: SchemaKey, now: float) -> bool:
        question = self._open[schema]
        detail = f"The registry knows no schema {schema}, though it knows others of the topic."
        self._settle(schema, Refusal(reason=Reason.UNDECODABLE, detail=detail))
        question.due = now + _REMEMBER_UNKNOWN
        self._unknown[schema] = question
        if len(self._unknown) > _MOST_UNKNOWN:
            oldest = next(iter(self._unknown))
            del self._unknown[oldest]
            self._settled.pop(oldest, None)
        return True

    def _ask_again_for_unknown(self, now: float) -> None:
        """Forget verdicts on unknown schemas after a while: they may have been registered since.

        How long they have been unknown is kept, so that one more answer decides.
        """
        for schema, question in self._unknown.items():
            if question.due is not None and question.due <= now:
                question.due = None
                self._settled.pop(schema, None)


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
        self.learn = self._questions.learn
        self.is_careful = False
        """Whether a schema is vetted in a child process first: something has killed this one."""
        self.away: str | None = None
        """Why the registry's last answer could not be relied on, None when it could."""

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
                    answer = await asyncio.to_thread(_answer, self._registry, ask)
            except TimeoutError:
                answer = RegistryAway(detail="the registry takes too long to answer")
            if self.is_careful and isinstance(answer, str):
                answer = await asyncio.to_thread(rehearse_schema, answer)
        self.away = _trouble(ask.schema, answer)
        if self._questions.answered(ask.schema, answer, self._clock()):
            self._on_settled(ask.schema)
        else:
            self._wake.set()


def _answer(registry: Asked, ask: Ask) -> Answer:
    answer = registry.fetch(ask.schema)
    if not isinstance(answer, UnknownSchema):
        return answer
    subjects = map(subject, ask.topics)
    return Unknown(knows_another=any(registry.knows_another(name, ask.known) for name in subjects))


def _trouble(schema: SchemaKey, answer: Answer) -> str | None:
    if isinstance(answer, RegistryAway):
        return answer.detail
    if answer == Unknown(knows_another=False):
        return f"it knows neither schema {schema} nor the subject or another schema of its topic"
    return None
