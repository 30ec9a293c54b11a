"""Whatever the topics are like: what a plan tells of them mends them, and nothing else does."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from processor.core.blueprints import ENDLESS, Purpose
from processor.core.topic_plans import Change, Cluster, Found, PlannedTopic, TopicPlan, plan
from tests.unit.test_topic_plans import CHOICES, NAMES

BROKERS = (1, 2, 3, 4)
TIMES = st.one_of(st.sampled_from([ENDLESS, str(2**63 - 1)]), st.integers(1, 10**11).map(str))
CONFIGS = st.fixed_dictionaries(
    {
        "retention.ms": TIMES,
        "retention.bytes": TIMES,
        "max.message.bytes": st.integers(1, 10**7).map(str),
        "cleanup.policy": st.sampled_from(["delete", "compact", "compact,delete"]),
        "min.insync.replicas": st.integers(1, 3).map(str),
        "unclean.leader.election.enable": st.sampled_from(["true", "false"]),
    }
)
REPLICAS = st.lists(st.sampled_from(BROKERS), min_size=1, max_size=4, unique=True).map(tuple)
FOUND = st.builds(
    Found, assignment=st.lists(REPLICAS, min_size=1, max_size=5).map(tuple), config=CONFIGS
)
TOPICS = st.fixed_dictionaries({purpose: st.none() | FOUND for purpose in Purpose})


def drawn(topics: dict[Purpose, Found | None]) -> TopicPlan:
    return plan(NAMES, CHOICES, Cluster(brokers=BROKERS, topics=topics))


def mended(topic: PlannedTopic) -> Found:
    """Return a topic once somebody has done what the plan tells."""
    if topic.found is None:
        assignment = (BROKERS[: topic.replicas],) * topic.partitions
        return Found(assignment=assignment, config=topic.config)
    found = topic.found
    for each in topic.differences:
        match each.change:
            case Change.CONFIG:
                found = replace(found, config={**found.config, each.what: each.needed})
            case Change.MORE_PARTITIONS:
                more = topic.partitions - found.partitions
                found = replace(found, assignment=found.assignment + (BROKERS,) * more)
            case Change.MORE_REPLICAS:
                found = replace(
                    found, assignment=tuple(BROKERS if len(x) < 3 else x for x in found.assignment)
                )
            case Change.FEWER_PARTITIONS:
                found = replace(found, assignment=found.assignment[: topic.partitions])
    return found


@given(TOPICS)
def test_what_is_done_as_told_leaves_nothing_to_be_done(
    topics: dict[Purpose, Found | None],
) -> None:
    after = drawn({topic.blueprint.purpose: mended(topic) for topic in drawn(topics).topics})
    assert (after.missing, after.differing) == ((), ())


@given(TOPICS)
def test_the_settings_that_are_printed_are_as_needed(topics: dict[Purpose, Found | None]) -> None:
    for topic in drawn(topics).topics:
        assert all(need.is_met_by(topic.config[need.setting]) for need in topic.blueprint.needs)
        if topic.found is not None:
            kept = {name for name in topic.config if topic.config[name] == topic.found.config[name]}
            told = {each.what for each in topic.differences if each.change is Change.CONFIG}
            assert kept.isdisjoint(told)
            assert kept | told == topic.config.keys()


@given(TOPICS)
def test_all_topics_are_to_have_the_same_number_of_partitions(
    topics: dict[Purpose, Found | None],
) -> None:
    assert len({topic.partitions for topic in drawn(topics).topics}) == 1
