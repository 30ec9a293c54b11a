"""The schemas that records were written with: what is known of them, and what is asked next.

A schema that was refused by vetting is remembered for ever. One that the registry does not know is
asked for again and again. Only when that has gone on for a minute, throughout which the registry
knew the topic's subject or another schema of the topic, are its records undecodable: a registry
that is wrong or empty must not send a day of orders to the dead letters. A registry that is away
proves nothing, so the minute begins anew.

A schema that was found is compared with the registry's now and then: ids never change their
meaning, unless somebody has set the registry up anew or restored another one. Then nobody can tell
by which schema a record was written, and its records wait for a person.

The registry is asked for so many schemas a second, however many ids are made up. What most records
wait for goes first. While many ids are unknown at once, those that hardly a record waits for are
asked for twice: when they come, and when their minute is over.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from processor.core.vocabulary import Reason
from processor.shell.framing import SchemaKey
from processor.shell.registry import RegistryAway
from processor.shell.vetting import ReaderSchema, Refusal, VettedSchema, vet

UNKNOWN_FOR: Final = 60.0
FIRST_DELAY: Final = 1.0
LONGEST_DELAY_UNKNOWN: Final = 10.0
LONGEST_DELAY_AWAY: Final = 30.0
COMPARED_EVERY: Final = 60.0
ASKED_A_SECOND: Final = 50
MANY_UNKNOWN: Final = 40
"""So many at once are made up for the most part; new schemas come one by one."""
OFTEN_WANTED: Final = 5
"""What so many records wait for is asked for as often as if it were alone."""

_REMEMBER_UNKNOWN: Final = 60.0
_SAME_FOR: Final = 300.0  # that it was unknown before counts
_MOST_UNKNOWN: Final = 1000
_COMPARED_A_SECOND: Final = 1.0


class Ask(NamedTuple):
    """One schema to ask the registry for, the topics it is wanted in, and others known there.

    `is_comparison`: no record waits for it.
    """

    schema: SchemaKey
    topics: tuple[str, ...]
    known: tuple[SchemaKey, ...]
    is_comparison: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The registry does not tell the schema; `knows_another` of the topics it is wanted in.

    `detail` is how it refuses to, empty when it has none.
    """

    knows_another: bool
    detail: str = ""


Answer = str | Refusal | Unknown | RegistryAway


@dataclass(slots=True)
class _Question:
    """A schema that records wait for, or that is `former` and has to stay what it is.

    `due` is None while it is being asked for, `records` is how many wait.
    """

    due: float | None
    topics: set[str] = field(default_factory=set)
    records: int = 0
    tries: int = 0
    unknown_since: float | None = None
    given_up_at: float | None = None
    former: VettedSchema | Refusal | None = None


class SchemaQuestions:
    """Decides which schemas to ask for, when, and what the answers come to.

    Times are seconds on any clock that does not go back.
    """

    def __init__(self, readers: Mapping[str, ReaderSchema]) -> None:
        self._readers = readers
        self._settled: dict[SchemaKey, VettedSchema | Refusal] = {}
        self._open: dict[SchemaKey, _Question] = {}
        self._comparisons: dict[SchemaKey, _Question] = {}
        self._found_in: dict[str, SchemaKey] = {}
        self._unknown: dict[SchemaKey, _Question] = {}
        self._asking: set[SchemaKey] = set()
        self._second_ends = float("-inf")
        self._left = 0  # questions in this second

    def get(self, schema: SchemaKey) -> VettedSchema | Refusal | None:
        """Return what is known of a schema, None while that is nothing."""
        return self._settled.get(schema)

    def changed(self) -> tuple[SchemaKey, ...]:
        """Return the schemas that are others now than they were; their records wait."""
        return tuple(schema for schema, each in self._open.items() if each.former is not None)

    def learn(self, schema: SchemaKey, text: str, now: float) -> None:
        """Take a schema that is known already, such as our own."""
        self._keep(schema, _Question(None), vet(text, self._readers), now)

    def want(self, schema: SchemaKey, topic: str, now: float) -> None:
        """Note that a record of a topic waits for a schema."""
        if schema in self._settled:
            return
        question = self._open.get(schema)
        if question is None:
            question = self._open[schema] = self._unknown.pop(schema, _Question(now))
            question.due, question.records = now, 0
            if question.given_up_at is not None and now - question.given_up_at > _SAME_FOR:
                question.unknown_since = None  # its minute begins anew
        question.topics.add(topic)
        question.records += 1
        if question.records == OFTEN_WANTED and question.due is not None:
            question.due = min(question.due, now)

    def due(self, now: float) -> tuple[Ask, ...]:
        """Return what is to be asked now; each waits for its answer then."""
        self._ask_again_for_unknown(now)
        if now >= self._second_ends:
            self._second_ends, self._left = now + 1.0, ASKED_A_SECOND
        room = self._room()
        if not room:
            return ()
        questions = (*self._comparisons.items(), *self._open.items())
        are_due = [each for each in questions if each[1].due is not None and each[1].due <= now]
        chosen = heapq.nlargest(room, are_due, key=_urgency)
        self._left -= len(chosen)
        return tuple(self._asked(schema, question) for schema, question in chosen)

    def _room(self) -> int:
        return max(0, min(self._left, ASKED_A_SECOND - len(self._asking)))

    def _asked(self, schema: SchemaKey, question: _Question) -> Ask:
        question.due = None
        self._asking.add(schema)
        topics = tuple(sorted(question.topics))
        known = {self._found_in[topic] for topic in topics if topic in self._found_in}
        return Ask(schema, topics, tuple(known), schema in self._comparisons)

    def next_due(self) -> float | None:
        """Return when `due` has to be called next, None when there is no need before an answer."""
        if len(self._asking) >= ASKED_A_SECOND:
            return None
        if not self._left:  # there may be thousands to go over
            return self._second_ends
        questions: Iterable[_Question] = (
            *self._open.values(),
            *self._unknown.values(),
            *self._comparisons.values(),
        )
        return min((each.due for each in questions if each.due is not None), default=None)

    def answered(self, schema: SchemaKey, answer: Answer, now: float) -> bool:
        """Take an answer; return whether the records that wait for the schema can go on."""
        self._asking.discard(schema)
        if schema in self._comparisons:
            self._compare(schema, answer, now)
            return False
        question = self._open[schema]
        match answer:
            case str() | Refusal():
                result = vet(answer, self._readers) if isinstance(answer, str) else answer
                if question.former is None or question.former == result:
                    return self._settle(schema, result, now)
                longest = LONGEST_DELAY_UNKNOWN
            case Unknown(knows_another=True) if question.former is None:
                return self._take_unknown(schema, question, answer.detail, now)
            case Unknown():
                question.unknown_since = None
                longest = LONGEST_DELAY_UNKNOWN
            case RegistryAway():
                question.unknown_since = None
                longest = LONGEST_DELAY_AWAY
        _put_off(question, longest, now)
        return False

    def _take_unknown(
        self, schema: SchemaKey, question: _Question, detail: str, now: float
    ) -> bool:
        """Give a schema up, or ask again, and not in between while there are many of them."""
        if question.unknown_since is None:
            question.unknown_since = now
        decided_at = question.unknown_since + UNKNOWN_FOR
        if now >= decided_at:
            return self._give_up(schema, detail, now)
        _put_off(question, LONGEST_DELAY_UNKNOWN, now)
        if len(self._open) > MANY_UNKNOWN and question.records < OFTEN_WANTED:
            question.due = decided_at
        return False

    def _compare(self, schema: SchemaKey, answer: Answer, now: float) -> None:
        """Look whether a schema is what it was; only the schema of another meaning says no."""
        question = self._comparisons[schema]
        result = vet(answer, self._readers) if isinstance(answer, str) else answer
        if isinstance(result, Unknown | RegistryAway) or result == question.former:
            question.due = now + self._compared_after()
            return
        if isinstance(question.former, Refusal):  # the registry may have been wrong at first
            self._keep(schema, question, result, now)
            return
        del self._comparisons[schema], self._settled[schema]
        question.due, question.tries, question.records = now + FIRST_DELAY, 0, 0
        self._open[schema] = question

    def _settle(self, schema: SchemaKey, result: VettedSchema | Refusal, now: float) -> bool:
        question = self._open.pop(schema)
        self._keep(schema, question, result, now)
        if isinstance(result, VettedSchema):
            self._found_in |= dict.fromkeys(question.topics, schema)
        return True

    def _keep(
        self,
        schema: SchemaKey,
        question: _Question,
        result: VettedSchema | Refusal,
        now: float,
    ) -> None:
        self._settled[schema] = result
        question.former, question.due = result, now + self._compared_after()
        self._comparisons[schema] = question

    def _compared_after(self) -> float:
        return max(COMPARED_EVERY, len(self._comparisons) / _COMPARED_A_SECOND)

    def _give_up(self, schema: SchemaKey, detail: str, now: float) -> bool:
        question = self._open.pop(schema)
        says = f"tells no schema {schema} ({detail})" if detail else f"knows no schema {schema}"
        detail = f"The registry {says}, though it knows others of the topic."
        self._settled[schema] = Refusal(reason=Reason.UNDECODABLE, detail=detail)
        question.due, question.given_up_at = now + _REMEMBER_UNKNOWN, now
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


def _put_off(question: _Question, longest: float, now: float) -> None:
    question.due = now + min(longest, FIRST_DELAY * 2.0 ** min(question.tries, 10))
    question.tries += 1


def _urgency(each: tuple[SchemaKey, _Question]) -> tuple[bool, int, float]:
    question = each[1]
    # Comparisons are few, and what most records wait for is hardly made up.
    return question.former is not None, question.records, -(question.due or 0.0)
