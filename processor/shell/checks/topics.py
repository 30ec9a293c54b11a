"""The topics: whether they are there, as they have to be, and can be written now."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Node, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType, TopicDescription

from processor.core.blueprints import (
    DEFAULT_DEAD_LETTER_RETENTION_MS,
    DEFAULT_LARGEST_INPUT,
    DEFAULT_RETENTION_MS,
    INPUTS,
    Names,
    Purpose,
    is_endless,
)
from processor.core.topic_plans import Change, Choices, Cluster, Difference, Found, TopicPlan, plan
from processor.shell.checks.findings import Area, Finding, Level, Voice
from processor.shell.checks.scene import Scene

_VOICE: Final = Voice(area=Area.TOPICS)
_OUTPUTS: Final = (Purpose.RESULTS, Purpose.DEAD_LETTERS)
_SIZE: Final = "max.message.bytes"
_DAY_MS: Final = 86_400_000
_PLAN: Final = "`processor topics plan` prints the command"
NOT_TOLD: Final = "not told"
_REFUSED: Final = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the brokers tell of a topic; `refusal` is why they tell nothing.

    Without `description` and `refusal` there is no such topic. `config` is None where it is not
    told. `allowed` are the operations that we may use, None where brokers do not say.
    """

    description: TopicDescription | None
    refusal: KafkaError | None
    config: Mapping[str, str] | None
    allowed: frozenset[str] | None

    @property
    def is_hidden(self) -> bool:
        """Whether it may not even be looked at."""
        return self.refusal is not None and self.refusal.code() in _REFUSED

    @property
    def found(self) -> Found | None:
        """The topic as plans have it; None where it is not there or not told."""
        if self.description is None:
            return None
        partitions = sorted(self.description.partitions, key=lambda each: each.id)
        assignment = tuple(tuple(node.id for node in each.replicas) for each in partitions)
        return Found(assignment=assignment, config=self.config or {})


def ask(admin: AdminClient, names: Names, within: float) -> Mapping[Purpose, Told]:
    """Ask the brokers about the topics; what one of them may not tell is no end of it. Blocks."""
    described = admin.describe_topics(
        TopicCollection([*names.values()]),
        include_authorized_operations=True,
        request_timeout=within,
    )
    resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in names.values()}
    configs = admin.describe_configs([*resources.values()], request_timeout=within)
    return {
        purpose: _told(described[name], configs[resources[name]], within)
        for purpose, name in names.items()
    }


def _told(
    described: "Future[TopicDescription]", configs: "Future[dict[str, Any]]", within: float
) -> Told:
    description, refusal = None, None
    try:
        description = described.result(within)
    except KafkaException as error:
        is_missing = error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        refusal = None if is_missing else error.args[0]
    except TimeoutError:
        refusal = KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001
    try:
        config = {
            name: str(entry.value)
            for name, entry in configs.result(within).items()
            if entry.value is not None
        }
    except (KafkaException, TimeoutError):
        config = None
    allowed = None if description is None else description.authorized_operations
    return Told(
        description=description,
        refusal=refusal,
        config=config,
        allowed=None if allowed is None else frozenset(each.name for each in allowed),
    )


def look(scene: Scene, told: Mapping[Purpose, Told]) -> Iterator[Finding]:
    """Compare the topics with what the promises need."""
    names = scene.names
    drawn = _drawn(scene, told)
    scene.partitions = _shared(told)
    scene.inputs_retention = _retention(told)
    for topic in drawn.topics:
        purpose = topic.blueprint.purpose
        found = [
            *_presence(purpose, names[purpose], told[purpose]),
            *_writable(purpose, names[purpose], told[purpose]),
        ]
        found += [
            _differing(scene, drawn, purpose, each)
            for each in topic.differences
            if each.change is not Change.CONFIG or told[purpose].config is not None
        ]
        yield from found
        if told[purpose].found is not None and not found:
            yield _well(names[purpose], told[purpose])
    secret = [names[each] for each, one in told.items() if one.found and one.config is None]
    if secret:
        yield _VOICE.unknown(
            "settings",
            f"This user may not read the settings of {', '.join(secret)}",
            "Run `processor topics plan`, or this, once as somebody with DESCRIBE_CONFIGS on them",
        )


def _drawn(scene: Scene, told: Mapping[Purpose, Told]) -> TopicPlan:
    choices = Choices(
        retention_ms=DEFAULT_RETENTION_MS,
        dead_letter_retention_ms=DEFAULT_DEAD_LETTER_RETENTION_MS,
        largest_reply=scene.settings.http_client.reply_limit,
    )
    topics = {purpose: each.found for purpose, each in told.items()}
    return plan(scene.names, choices, Cluster(brokers=scene.brokers, topics=topics))


def _shared(told: Mapping[Purpose, Told]) -> int | None:
    counts = {found.partitions for each in INPUTS if (found := told[each].found) is not None}
    both = all(told[each].found is not None for each in INPUTS)
    return counts.pop() if both and len(counts) == 1 else None


def _retention(told: Mapping[Purpose, Told]) -> float | None:
    """Return how long the inputs are kept at most, in ms; None where that is not told."""
    given = [(told[each].config or {}).get("retention.ms") for each in INPUTS]
    if None in given:
        return None
    return max(_milliseconds(str(each)) for each in given)


def _milliseconds(value: str) -> float:
    return float("inf") if is_endless(value) else float(value)


def _well(name: str, told: Told) -> Finding:
    count = 0 if told.found is None else told.found.partitions
    as_needed = "" if told.config is None else ", as needed"
    return _VOICE.ok(name, f"{count} partitions{as_needed}")


def _presence(purpose: Purpose, name: str, told: Told) -> Iterator[Finding]:
    if told.is_hidden:
        voice = _VOICE.warning if purpose is Purpose.REPLAY else _VOICE.error
        yield voice(
            name,
            "This user may not see it, and cannot know whether it is there",
            "Give the user its rights: `processor topics acls --role run`",
        )
    elif told.refusal is not None:
        yield _VOICE.error(
            name,
            f"The brokers do not tell what it is like ({told.refusal.str()})",
            "Try again, and look at the brokers",
        )
    elif told.description is None and purpose is Purpose.REPLAY:
        yield _VOICE.warning(
            name,
            "The topic of the replay lane is missing: nothing can be replayed or redriven",
            "`processor topics create`, then restart the processors",
        )
    elif told.description is None:
        yield _VOICE.error(
            name,
            f"The topic is missing ({purpose})",
            "`processor topics create` creates it, or name the right one in PROCESSOR_TOPICS__…",
        )


def _writable(purpose: Purpose, name: str, told: Told) -> Iterator[Finding]:
    """Say what stands still right now, whatever the settings are."""
    partitions = () if told.description is None else told.description.partitions
    headless = [each.id for each in partitions if _is_headless(each.leader)]
    if headless:
        yield _VOICE.error(
            name, f"No leader of partition {_listed(headless)}", "Bring its brokers back"
        )
    wanted = int((told.config or {}).get("min.insync.replicas", "1"))
    short = [each.id for each in partitions if len(each.isr) < wanted and each.id not in headless]
    if short and purpose in (*_OUTPUTS, Purpose.REPLAY):
        yield _VOICE.error(
            name,
            f"Nothing can be written to partition {_listed(short)}: fewer replicas are in sync "
            f"than min.insync.replicas={wanted}",
            "Bring the missing brokers back, or, where there are not so many replicas, lower it",
        )


def _is_headless(leader: Node | None) -> bool:
    return leader is None or leader.id < 0


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:5]))
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"  # noqa: PLR2004


def _differing(scene: Scene, drawn: TopicPlan, purpose: Purpose, what: Difference) -> Finding:
    name = scene.names[purpose]
    if what.change in (Change.MORE_PARTITIONS, Change.FEWER_PARTITIONS):
        return _unequal(scene, drawn, purpose, what)
    rule = "" if what.rule == "exactly" else f"{what.rule} "
    remedy = f"Set {what.what}={what.needed} on it: {_PLAN}"
    if what.change is Change.MORE_REPLICAS:
        remedy = f"Give it more replicas: {_PLAN}"
    return Finding(
        area=Area.TOPICS,
        subject=name,
        level=severity(purpose, what, _limits(scene, drawn)),
        found=f"{what.what} is {what.actual}, needed is {rule}{what.needed}: {what.why}",
        remedy=remedy,
    )


def _unequal(scene: Scene, drawn: TopicPlan, purpose: Purpose, what: Difference) -> Finding:
    counts = ", ".join(
        f"{topic.name} has {topic.found.partitions}" for topic in drawn.topics if topic.found
    )
    text = f"It has {what.actual} partitions, needed are {what.needed}: {what.why} ({counts})"
    name = scene.names[purpose]
    if purpose is Purpose.REPLAY:
        return _VOICE.warning(name, f"{text}. The lane is off", f"Give it {what.needed}: {_PLAN}")
    remedy = f"Give all topics the same number, before the first event: {_PLAN}, and its price"
    return _VOICE.error(name, text, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What decides how bad a difference is: bytes, and milliseconds."""

    largest_input: int
    replayable_ms: float


def _limits(scene: Scene, drawn: TopicPlan) -> Limits:
    sizes = [
        int(topic.found.config.get(_SIZE, DEFAULT_LARGEST_INPUT))
        for topic in drawn.topics
        if topic.found and topic.blueprint.purpose in INPUTS
    ]
    oldest = scene.settings.replay.max_age * 1_000
    return Limits(
        largest_input=max(sizes, default=DEFAULT_LARGEST_INPUT),
        replayable_ms=max(oldest, scene.inputs_retention or 0),
    )


def severity(purpose: Purpose, what: Difference, limits: Limits) -> Level:
    """Return how bad a setting is: an error where records, or what the ledger knows, are lost."""
    if what.actual == NOT_TOLD:
        return Level.WARNING
    match purpose, what.what:
        case Purpose.REPLAY, _:
            is_error = False
        case _, "cleanup.policy":
            is_error = "compact" in what.actual
        case Purpose.RESULTS, "retention.ms":
            is_error = _milliseconds(what.actual) < limits.replayable_ms
        case Purpose.ORDER_PAID | Purpose.CART_ABANDONED, "retention.ms":
            is_error = _milliseconds(what.actual) < _DAY_MS
        case Purpose.RESULTS | Purpose.DEAD_LETTERS, "max.message.bytes":
            is_error = int(what.actual) < limits.largest_input
        case _:
            is_error = False
    return Level.ERROR if is_error else Level.WARNING
