"""What a plan of the topics finds, by what is there and what was chosen."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from processor.core.blueprints import Purpose
from processor.core.topic_plans import Change, Choices, Cluster, Found, TopicPlan, plan

NAMES = {
    Purpose.ORDER_PAID: "order-paid",
    Purpose.CART_ABANDONED: "cart-abandoned",
    Purpose.RESULTS: "rokt-results",
    Purpose.DEAD_LETTERS: "rokt-dead-letters",
    Purpose.REPLAY: "rokt-replay",
}
CHOICES = Choices(
    retention_ms=604_800_000, dead_letter_retention_ms=7_776_000_000, largest_reply=1_048_576
)
BROKERS = (1, 2, 3)
NOTHING = Cluster(brokers=BROKERS, topics=dict.fromkeys(Purpose))


def well(partitions: int = 12, brokers: tuple[int, ...] = BROKERS) -> dict[Purpose, Found | None]:
    """Return topics as a plan for so many brokers would create them."""
    drawn = plan(NAMES, replace(CHOICES, partitions=partitions), replace(NOTHING, brokers=brokers))
    return {
        topic.blueprint.purpose: Found(
            assignment=(brokers[: topic.replicas],) * partitions, config=topic.config
        )
        for topic in drawn.topics
    }


def changed(
    purpose: Purpose, *, partitions: int | None = None, replicas: int = 3, **config: str
) -> dict[Purpose, Found | None]:
    """Return topics that are well but for one."""
    found = well()
    one = found[purpose]
    assert one is not None
    settings = {name.replace("_", "."): value for name, value in config.items()}
    found[purpose] = Found(
        assignment=(BROKERS[:replicas],) * (partitions or one.partitions),
        config={**one.config, **settings},
    )
    return found


def told(
    topics: Mapping[Purpose, Found | None], choices: Choices = CHOICES
) -> dict[Purpose, list[tuple[Change, str, str, str]]]:
    """Return what differs, topic by topic."""
    drawn = plan(NAMES, choices, Cluster(brokers=BROKERS, topics=topics))
    return {
        topic.blueprint.purpose: [
            (each.change, each.what, each.actual, each.needed) for each in topic.differences
        ]
        for topic in drawn.differing
    }


def missing(drawn: TopicPlan) -> list[str]:
    return [topic.name for topic in drawn.missing]


def test_where_nothing_is_there_all_is_missing_and_nothing_differs() -> None:
    drawn = plan(NAMES, CHOICES, NOTHING)
    assert missing(drawn) == list(NAMES.values())
    assert not drawn.differing
    assert {(topic.partitions, topic.replicas) for topic in drawn.topics} == {(12, 3)}
    assert [note.split(",")[0] for note in drawn.notes] == [
        "Nothing says how many partitions the inputs are to have"
    ]


def test_what_was_created_by_a_plan_is_well() -> None:
    drawn = plan(NAMES, CHOICES, Cluster(brokers=BROKERS, topics=well()))
    assert (drawn.missing, drawn.differing, drawn.notes) == ((), (), ())


def test_what_is_missing_takes_the_count_of_the_inputs() -> None:
    topics = well(partitions=5) | {Purpose.RESULTS: None, Purpose.CART_ABANDONED: None}
    drawn = plan(NAMES, CHOICES, Cluster(brokers=BROKERS, topics=topics))
    assert missing(drawn) == ["cart-abandoned", "rokt-results"]
    assert {topic.partitions for topic in drawn.topics} == {5}


@pytest.mark.parametrize(("chosen", "count"), [(None, 5), (7, 7)])
def test_without_inputs_a_choice_counts_and_then_what_else_is_there(
    chosen: int | None, count: int
) -> None:
    topics = well(partitions=5) | {Purpose.ORDER_PAID: None, Purpose.CART_ABANDONED: None}
    choices = replace(CHOICES, partitions=chosen)
    drawn = plan(NAMES, choices, Cluster(brokers=BROKERS, topics=topics))
    assert {topic.partitions for topic in drawn.topics} == {count}


def test_a_count_that_the_inputs_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="order-paid has 12, cart-abandoned has 12"):
        told(well(), replace(CHOICES, partitions=6))


CONFIG = Change.CONFIG
DIFFERENCES = {
    "a ledger that is compacted": (
        changed(Purpose.RESULTS, cleanup_policy="compact"),
        {Purpose.RESULTS: [(CONFIG, "cleanup.policy", "compact", "delete")]},
    ),
    "a ledger that forgets": (
        changed(Purpose.RESULTS, retention_ms="604800000"),
        {Purpose.RESULTS: [(CONFIG, "retention.ms", "604800000", "-1")]},
    ),
    "a ledger that forgets by size": (
        changed(Purpose.RESULTS, retention_bytes="1000"),
        {Purpose.RESULTS: [(CONFIG, "retention.bytes", "1000", "-1")]},
    ),
    "inputs that are kept too short": (
        changed(Purpose.ORDER_PAID, retention_ms="3600000"),
        {Purpose.ORDER_PAID: [(CONFIG, "retention.ms", "3600000", "604800000")]},
    ),
    "a lane that is kept too short": (
        changed(Purpose.REPLAY, retention_ms="3600000"),
        {Purpose.REPLAY: [(CONFIG, "retention.ms", "3600000", "604800000")]},
    ),
    "dead letters with no more room than inputs": (
        changed(Purpose.DEAD_LETTERS, max_message_bytes="1048588"),
        {Purpose.DEAD_LETTERS: [(CONFIG, "max.message.bytes", "1048588", "3211288")]},
    ),
    "acknowledged by one broker": (
        changed(Purpose.RESULTS, min_insync_replicas="1"),
        {Purpose.RESULTS: [(CONFIG, "min.insync.replicas", "1", "2")]},
    ),
    "leaders that were behind": (
        changed(Purpose.ORDER_PAID, unclean_leader_election_enable="true"),
        {Purpose.ORDER_PAID: [(CONFIG, "unclean.leader.election.enable", "true", "false")]},
    ),
    "too few partitions": (
        changed(Purpose.DEAD_LETTERS, partitions=3),
        {Purpose.DEAD_LETTERS: [(Change.MORE_PARTITIONS, "partitions", "3", "12")]},
    ),
    "too many partitions": (
        changed(Purpose.RESULTS, partitions=24),
        {Purpose.RESULTS: [(Change.FEWER_PARTITIONS, "partitions", "24", "12")]},
    ),
    "inputs that differ": (
        changed(Purpose.CART_ABANDONED, partitions=3),
        {Purpose.CART_ABANDONED: [(Change.MORE_PARTITIONS, "partitions", "3", "12")]},
    ),
    "too few replicas": (
        changed(Purpose.RESULTS, replicas=1),
        {Purpose.RESULTS: [(Change.MORE_REPLICAS, "replicas", "1", "3")]},
    ),
    "more than is needed": (
        changed(Purpose.DEAD_LETTERS, retention_ms="-1", max_message_bytes="99999999"),
        {},
    ),
}


@pytest.mark.parametrize(("topics", "differing"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_differs_is_told_and_nothing_else(
    topics: dict[Purpose, Found | None],
    differing: dict[Purpose, list[tuple[Change, str, str, str]]],
) -> None:
    assert told(topics) == differing


def test_a_setting_that_is_not_told_is_a_difference() -> None:
    found = well()
    results = found[Purpose.RESULTS]
    assert results is not None
    config = {name: value for name, value in results.config.items() if name != "retention.ms"}
    assert told(found | {Purpose.RESULTS: replace(results, config=config)}) == {
        Purpose.RESULTS: [(CONFIG, "retention.ms", "not told", "-1")]
    }


def test_what_is_as_good_is_kept() -> None:
    topics = changed(Purpose.REPLAY, retention_ms="-1", cleanup_policy="compact")
    drawn = plan(NAMES, CHOICES, Cluster(brokers=BROKERS, topics=topics))
    config = drawn.topics[-1].config
    assert (config["retention.ms"], config["cleanup.policy"]) == ("-1", "delete")


def test_larger_inputs_make_the_others_larger() -> None:
    topics = changed(Purpose.CART_ABANDONED, max_message_bytes="3000000")
    assert told(topics) == {
        Purpose.RESULTS: [(CONFIG, "max.message.bytes", "2162700", "4114112")],
        Purpose.DEAD_LETTERS: [(CONFIG, "max.message.bytes", "3211288", "7114112")],
        Purpose.REPLAY: [(CONFIG, "max.message.bytes", "1114124", "3065536")],
    }


def test_inputs_that_do_not_say_what_they_take_are_thought_to_take_what_kafka_does() -> None:
    bare = Found(assignment=((1, 2, 3),) * 12, config={})
    topics = well() | {Purpose.ORDER_PAID: bare, Purpose.CART_ABANDONED: bare}
    assert told(topics).keys() == {Purpose.ORDER_PAID, Purpose.CART_ABANDONED}


@pytest.mark.parametrize(
    ("brokers", "replicas", "min_insync", "begins"),
    [
        ((1,), 1, "1", "There is one broker only"),
        ((1, 2), 2, "1", "There are 2 brokers only"),
        ((1, 2, 3), 3, "2", None),
        ((1, 2, 3, 4), 3, "2", None),
    ],
)
def test_replicas_follow_from_the_brokers(
    brokers: tuple[int, ...], replicas: int, min_insync: str, begins: str | None
) -> None:
    choices = replace(CHOICES, partitions=2)
    drawn = plan(NAMES, choices, Cluster(brokers=brokers, topics=dict.fromkeys(Purpose)))
    assert {topic.replicas for topic in drawn.topics} == {replicas}
    assert {topic.config["min.insync.replicas"] for topic in drawn.topics} == {min_insync}
    notes = [begins] if begins else []
    assert [note.partition(":")[0] for note in drawn.notes] == notes


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        (replace(CHOICES, replicas=4), "takes as many brokers, and there are 3"),
        (replace(CHOICES, replicas=1, min_insync=2), "more than the 1 replicas"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: Choices, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plan(NAMES, choices, NOTHING)


def test_where_nobody_was_asked_that_is_said() -> None:
    drawn = plan(NAMES, replace(CHOICES, partitions=8), Cluster(brokers=(), topics={}))
    assert {(topic.partitions, topic.replicas) for topic in drawn.topics} == {(8, 3)}
    assert drawn.notes == ("No broker was asked: everything is shown as if nothing was there yet.",)
