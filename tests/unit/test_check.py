"""`processor check`: what each thing that was found means."""

import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
from confluent_kafka import TopicPartition
from rich.console import Console

from processor.cli.check import FailOn, exit_code, show, summary, to_json
from processor.core import horizon
from processor.core.blueprints import ENDLESS, Purpose, Rule
from processor.core.records import Partition
from processor.core.topic_plans import Change, Difference
from processor.shell.checks import clocks, group, protocols, reach, registry, wire
from processor.shell.checks.findings import Area, Finding, Level, Voice, bounded
from processor.shell.checks.network import Address
from processor.shell.checks.registry import Entry
from processor.shell.checks.scene import Clock
from processor.shell.checks.topics import Limits, severity
from processor.shell.checks.web import ahead_of_us
from processor.shell.checks.wire import Abilities
from processor.shell.settings import Settings, load_in_part
from processor.shell.settings_source import leaves
from tests.support.checked import environment, scene, told

VOICE = Voice(area=Area.KAFKA)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

# Findings


@pytest.mark.parametrize(
    ("levels", "code", "with_errors_only"),
    [
        ([Level.OK], 0, 0),
        ([Level.OK, Level.UNKNOWN], 0, 0),
        ([Level.OK, Level.WARNING, Level.UNKNOWN], 3, 0),
        ([Level.WARNING, Level.ERROR], 2, 2),
    ],
)
def test_the_worst_finding_is_the_exit_code(
    levels: list[Level], code: int, with_errors_only: int
) -> None:
    found = [Finding(area=Area.ROKT, subject="x", level=each, found="y") for each in levels]
    assert exit_code(found) == to_json(found)["exitCode"] == code
    told = to_json(found, FailOn.ERROR)["exitCode"]
    assert exit_code(found, FailOn.ERROR) == told == with_errors_only


def test_the_summary_counts_the_worst_first() -> None:
    found = [VOICE.ok("a", "b"), VOICE.error("a", "b", "c"), VOICE.ok("a", "b")]
    assert summary(found) == "1 error, 2 ok."


def shown(found: list[Finding], width: int = 100) -> str:
    out = StringIO()
    show(found, Console(file=out, width=width))
    return " ".join(out.getvalue().replace("─", "").split())


def test_what_is_wrong_stands_last_with_its_remedies_and_everything_above() -> None:
    wrong = VOICE.error("b", "is wrong", "Mend it")
    assert shown([wrong, VOICE.ok("a", "is well"), VOICE.unknown("c", "unseen", "Look")]) == (
        "of what found error kafka b is wrong. ok a is well. not checked c unseen. → Look. "
        "What is wrong, and what to do of what found error kafka b is wrong. → Mend it. "
        "1 error, 1 not checked, 1 ok."
    )
    assert shown([VOICE.ok("a", "is well")]) == "of what found ok kafka a is well. 1 ok."


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_place_cuts_no_remedy(width: int) -> None:
    remedy = "Set PROCESSOR_KAFKA__BOOTSTRAP_SERVERS,_or_something_of_great_length, and look again"
    found = [VOICE.error("broker-with-a-name.example:9092", "is wrong", remedy)]
    assert sorted(shown(found, width).replace(" ", "")) == sorted(
        shown(found, 200).replace(" ", "")
    )


def test_no_name_of_a_setting_is_broken_within_a_word() -> None:
    names = [leaf.variable for leaf in leaves(Settings).values()]
    wrong = [VOICE.error(name, f"It fits no more beside {name}", "Mend it") for name in names]
    words = set(shown(wrong, 120).split())
    wide = [name for name in names if len(name) > 30]
    assert wide
    assert {*names} - {*wide} <= words
    assert {part for name in wide for part in (name.partition("__")[2], f"{name}.")} <= words


def test_a_check_that_hangs_is_left_and_what_it_has_found_counts() -> None:
    release = threading.Event()

    def hanging() -> Iterator[Finding]:
        yield VOICE.ok("first", "is well")
        release.wait(20)
        yield VOICE.ok("second", "is never seen")

    found = bounded(Area.KAFKA, hanging, 0.2)
    release.set()
    assert told(found) == [
        "ok first: is well",
        "error kafka: No end of this check within 0.2 s",
    ]


def test_a_check_that_fails_by_itself_is_told_without_its_text() -> None:
    def failing() -> Iterator[Finding]:
        yield VOICE.ok("first", "is well")
        raise KeyError("canary")

    found = bounded(Area.KAFKA, failing, 5)
    assert told(found)[1:] == ["error kafka: This check failed by itself (KeyError)"]


# Settings


def test_settings_are_told_in_part_and_what_they_spoil_is_named() -> None:
    given = environment(rokt__base_url="http://rokt.example") | {"PROCESSOR_KAFKA__GRUOP": "x"}
    loaded = load_in_part(None, given)
    assert [each.name for each in loaded.problems] == [
        "PROCESSOR_KAFKA__GRUOP",
        "PROCESSOR_ROKT__BASE_URL",
    ]
    assert loaded.doubtful == {"rokt.base_url"}
    assert loaded.settings.kafka.bootstrap_servers == "127.0.0.1:9"


def test_without_its_file_all_settings_are_doubtful(tmp_path: object) -> None:
    loaded = load_in_part(None, environment() | {"PROCESSOR_CONFIG": f"{tmp_path}/none.toml"})
    assert "kafka.bootstrap_servers" in loaded.doubtful


# The broker's first answer


def answer(apis: list[int], features: dict[str, int], correlation: int = 1) -> bytes:
    entries = b"".join(struct.pack(">hhhb", api, 0, 9, 0) for api in apis)
    body = struct.pack(">ih", correlation, 0) + bytes([len(apis) + 1]) + entries
    listed = b"".join(
        bytes([len(name) + 1]) + name.encode() + struct.pack(">hhb", level, 1, 0)
        for name, level in features.items()
    )
    tagged = bytes([len(features) + 1]) + listed
    tags = b"\x02" + b"\x01\x08" + b"\0" * 8 + bytes([2, len(tagged)]) + tagged
    return body + struct.pack(">i", 0) + tags


@pytest.mark.parametrize(
    ("apis", "features", "protocols"),
    [
        ([18, 68], {"group.version": 1, "metadata.version": 27}, "both"),
        ([18, 68], {"group.version": 0, "metadata.version": 27}, "classic"),
        ([18, 68], {"metadata.version": 27}, "classic"),
        ([18, 68], {}, "both"),
        ([11, 18], {"metadata.version": 20}, "classic"),
    ],
)
def test_the_answer_tells_whether_the_new_protocol_is_served(
    apis: list[int], features: dict[str, int], protocols: str
) -> None:
    found = wire.parse(answer(apis, features))
    assert found.has_consumer_protocol is (protocols == "both")


def test_an_old_broker_answers_in_the_first_form() -> None:
    old = (
        struct.pack(">ihi", 1, 35, 2) + struct.pack(">hhh", 18, 0, 2) + struct.pack(">hhh", 3, 0, 5)
    )
    assert wire.parse(old) == Abilities(apis=frozenset({3, 18}), features={})


@pytest.mark.parametrize(
    "bytes_", [b"", b"HTTP/1.1 400 Bad Request\r\n", answer([18], {}, 7), answer([18], {})[:12]]
)
def test_other_bytes_are_no_answer_of_kafka(bytes_: bytes) -> None:
    with pytest.raises(wire.NotKafkaError):
        wire.parse(bytes_)


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("broker-1:9093", Address(host="broker-1", port=9093)),
        ("broker-1", Address(host="broker-1", port=9092)),
        ("[::1]:9093", Address(host="::1", port=9093)),
        ("[::1]", Address(host="::1", port=9092)),
    ],
)
def test_servers_are_read_as_librdkafka_does(server: str, address: Address) -> None:
    assert reach.address_of(server) == address


# Topics


def difference(what: str, actual: object) -> Difference:
    return Difference(
        change=Change.CONFIG, what=what, actual=str(actual), needed="x", rule=Rule.AT_LEAST, why="y"
    )


@pytest.mark.parametrize(
    ("purpose", "what", "actual", "level"),
    [
        (Purpose.RESULTS, "cleanup.policy", "compact,delete", Level.ERROR),
        (Purpose.ORDER_PAID, "cleanup.policy", "compact", Level.ERROR),
        (Purpose.REPLAY, "cleanup.policy", "compact", Level.WARNING),
        (Purpose.RESULTS, "retention.ms", 29 * DAY_MS, Level.ERROR),
        (Purpose.RESULTS, "retention.ms", 31 * DAY_MS, Level.WARNING),
        (Purpose.ORDER_PAID, "retention.ms", 23 * HOUR_MS, Level.ERROR),
        (Purpose.CART_ABANDONED, "retention.ms", 6 * DAY_MS, Level.WARNING),
        (Purpose.DEAD_LETTERS, "retention.ms", DAY_MS, Level.WARNING),
        (Purpose.REPLAY, "retention.ms", HOUR_MS, Level.WARNING),
        (Purpose.DEAD_LETTERS, "max.message.bytes", 999_999, Level.ERROR),
        (Purpose.DEAD_LETTERS, "max.message.bytes", 1_000_001, Level.WARNING),
        (Purpose.RESULTS, "max.message.bytes", 999_999, Level.ERROR),
        (Purpose.REPLAY, "max.message.bytes", 999_999, Level.WARNING),
        (Purpose.RESULTS, "min.insync.replicas", 1, Level.WARNING),
        (Purpose.RESULTS, "retention.ms", "not told", Level.WARNING),
    ],
)
def test_what_loses_records_or_the_ledger_is_an_error(
    purpose: Purpose, what: str, actual: object, level: Level
) -> None:
    limits = Limits(largest_input=1_000_000, replayable_ms=30 * DAY_MS)
    assert severity(purpose, difference(what, actual), limits) is level


def test_where_inputs_are_kept_for_ever_results_have_to_be_too() -> None:
    limits = Limits(largest_input=1, replayable_ms=float("inf"))
    kept = difference("retention.ms", 3_650 * DAY_MS)
    assert severity(Purpose.RESULTS, kept, limits) is Level.ERROR
    longest = difference("retention.ms", 2**63 - 1)
    assert severity(Purpose.RESULTS, longest, limits) is Level.WARNING
    assert ENDLESS == "-1"


# The group


def committed(*offsets: int, partitions: int = 2) -> list[TopicPartition]:
    return [
        TopicPartition(
            "order-paid",
            number,
            offset,
            horizon.write(horizon.Horizon(offset=offset, partitions=partitions)),
        )
        for number, offset in enumerate(offsets)
    ]


@pytest.mark.parametrize(
    ("start", "offsets", "said"),
    [
        ("", (5, 7), "ok g: It has offsets on all 2 partitions of the inputs"),
        ("", (-1001, -1001), "error g: It has no offsets yet, and nothing says where to begin"),
        (
            "latest",
            (-1001, -1001),
            "ok g: It has no offsets yet; it will begin at PROCESSOR_KAFKA__START=latest",
        ),
        (
            "",
            (5, -1001),
            "error g: It has no offset for order-paid [1], and nothing says where to begin",
        ),
    ],
)
def test_a_group_without_offsets_needs_a_start(
    start: str, offsets: tuple[int, ...], said: str
) -> None:
    settings = scene(kafka__group_id="g", kafka__start=start).settings
    assert told(group.judge(settings, committed(*offsets), 2)) == [said]


def test_a_count_that_has_changed_is_an_error() -> None:
    settings = scene(kafka__group_id="g").settings
    said = told(group.judge(settings, committed(5, 7, partitions=4), 2))
    assert said[0].startswith("error g: The inputs had 4 partitions when it last committed")


def test_a_group_outside_its_partition_would_be_parked() -> None:
    one, other = Partition("order-paid", 0), Partition("order-paid", 1)
    at = {one: 5, other: 5}
    found = list(group.gaps(at, {one: 5, other: 6}, {one: 5, other: 9}))
    assert [(each.level, each.subject) for each in found] == [(Level.ERROR, "order-paid [1]")]
    assert "topics accept-gap --topic order-paid --partition 1" in str(found[0].remedy)


NEW = Abilities(apis=frozenset({68}), features={"group.version": 1})
OLD = Abilities(apis=frozenset({11}), features={})


@pytest.mark.parametrize(
    ("abilities", "config", "said"),
    [
        (NEW, {"group.consumer.assignors": "uniform,range"}, "ok protocol: consumer (KIP-848)"),
        (
            NEW,
            {"group.consumer.assignors": "uniform"},
            "error protocol: The brokers have no range assignment",
        ),
        (
            NEW,
            {"group.coordinator.rebalance.protocols": "classic"},
            "error protocol: The brokers are set not to serve the group protocol `consumer`",
        ),
        (NEW, None, "not checked protocol: The brokers serve `consumer`"),
        (OLD, {}, "error protocol: The brokers do not serve the group protocol `consumer`"),
        (None, {}, "not checked protocol: Whether the brokers serve `consumer`"),
    ],
)
def test_the_new_protocol_is_looked_for(
    abilities: Abilities | None, config: dict[str, str] | None, said: str
) -> None:
    given = scene(kafka__group_protocol="consumer")
    given.abilities = abilities
    (only,) = told(protocols.judge_protocol(given, [] if config is None else [config]))
    assert only.startswith(said)


@pytest.mark.parametrize(
    ("settings", "config", "level"),
    [
        ({}, {"group.min.session.timeout.ms": "6000"}, Level.OK),
        ({}, {"group.min.session.timeout.ms": "60000"}, Level.ERROR),
        ({}, {"group.max.session.timeout.ms": "30000"}, Level.ERROR),
        ({"kafka__group_protocol": "consumer"}, {}, Level.OK),
        (
            {"kafka__group_protocol": "consumer"},
            {"group.consumer.session.timeout.ms": "20000"},
            Level.ERROR,
        ),
        (
            {"kafka__group_protocol": "consumer", "kafka__lease": "1"},
            {"group.consumer.session.timeout.ms": "20000"},
            Level.ERROR,
        ),
        (
            {"kafka__group_protocol": "consumer", "kafka__lease": "14"},
            {"group.consumer.session.timeout.ms": "40000"},
            Level.ERROR,
        ),
    ],
)
def test_sessions_have_to_suit_the_brokers(
    settings: dict[str, str], config: dict[str, str], level: Level
) -> None:
    (only,) = protocols.judge_session(scene(5.0, **settings).settings, [config])
    assert (only.subject, only.level) == ("session", level)


# The registry


def entry(**changed: object) -> Entry:
    given: dict[str, object] = {
        "schema_id": 7,
        "has_others": False,
        "is_compatible": True,
        "level": "FULL_TRANSITIVE",
    }
    return Entry(**(given | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("has", "ours", "level"),
    [
        (entry(), (True, False), Level.OK),
        (entry(level=None), (True, False), Level.WARNING),
        (entry(schema_id=None, is_compatible=False), (False, False), Level.ERROR),
        (entry(schema_id=None), (True, False), Level.ERROR),
        (entry(schema_id=None), (True, True), Level.OK),
        (entry(schema_id=None), (False, False), Level.WARNING),
        (entry(schema_id=None, has_others=True), (False, False), Level.OK),
    ],
)
def test_what_a_subject_has_is_judged(has: Entry, ours: tuple[bool, bool], level: Level) -> None:
    assert registry.judge("s", "OrderPaid", has, ours).level is level


# Clocks


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        ({"Date": "Fri, 30 Jan 2026 00:01:00 GMT"}, 60.5),
        ({"date": "Thu, 29 Jan 2026 23:59:00 GMT", "Age": "0"}, -59.5),
        ({"Date": "Fri, 30 Jan 2026 00:01:00 GMT", "Age": "7"}, None),
        ({"Date": "yesterday"}, None),
        ({}, None),
    ],
)
def test_a_date_tells_a_clock_unless_it_lay_in_a_cache(
    headers: dict[str, str], ahead: float | None
) -> None:
    now = datetime(2026, 1, 30, tzinfo=UTC).timestamp()
    assert ahead_of_us(headers, now) == ahead


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        (4.9, Level.OK, "It agrees with x"),
        (-20, Level.WARNING, "It is 20 s ahead of x"),
        (3_600, Level.ERROR, "It is 3600 s behind x"),
    ],
)
def test_clocks_that_differ_are_told(ahead: float, level: Level, words: str) -> None:
    (only,) = clocks.judge([Clock(of="x", ahead=ahead)])
    assert only.level is level
    assert words in only.found


def test_without_another_clock_nothing_is_known() -> None:
    assert [each.level for each in clocks.judge([])] == [Level.UNKNOWN]
