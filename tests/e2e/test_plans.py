"""Plans of replays and redrives on a real Kafka: what would happen, before anything does."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any
from zlib import crc32

import fastavro
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from processor.core.partitioners import murmur2
from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.command_line import run
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item, schema_text
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_DAY = 86_400_000
RULES = (
    Rule(when=When(order_id="o-refused"), then=Then(status=422)),
    Rule(when=When(order_id="o-unclear"), then=Then(status=200, body="{}")),
)


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world whose Rokt refuses an order, and answers another as it should not."""
    with open_world(kafka, registry, tmp_path, rules=RULES) as opened:
        yield opened


def now_ms() -> int:
    return int(time.time() * 1000)


def paid(order: str, cart: str, *items: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    return order_paid(order, cart, *items, **({"occurredAt": now_ms()} | changes))


def abandoned(
    event: str, cart: str, *items: Mapping[str, Any], **changes: object
) -> dict[str, Any]:
    return cart_abandoned(event, cart, *items, **({"occurredAt": now_ms()} | changes))


def mixed_history(world: World) -> list[dict[str, Any]]:
    """Produce something of every kind; return the good payments."""
    shop = world.shop
    history = [paid(f"o-{n}", f"c-{n}") for n in range(6)]
    for event in history:
        shop.paid(event)
    shop.paid(history[1])
    shop.paid(paid("o-old", "c-old", occurredAt=now_ms() - 40 * _DAY))
    shop.paid(paid("o-bad", "c-bad", roktSessionId=None))
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    shop.raw(world.topics.order_paid, "c-tomb", None)
    shop.abandoned(abandoned("a-0", "c-0"))
    shop.abandoned(abandoned("a-paid", "c-1", abandoned_item("c-1-1")))
    shop.abandoned(abandoned("a-stale", "c-old", abandoned_item("c-old-1")))
    shop.abandoned(
        abandoned("a-late", "c-2", abandoned_item("x", reservationExpiresAt=now_ms() - 1000))
    )
    shop.flush()
    return history


def test_history_before_the_group_is_planned_by_what_would_come_of_it(world: World) -> None:
    shop, history = world.shop, mixed_history(world)
    with world.processor(kafka__start="latest") as processor:
        processor.wait_until_ready()
        shop.paid(history[4])
        shop.paid(paid("o-5", "c-5", paid_item("other")))
        shop.paid(paid("o-refused", "c-refused"))
        shop.flush()
        world.wait_until_drained()
        shown = run(world, "replay", "--from", "1h", "--allow-stale", "--json")
        unasked = run(world, "replay", "--from", "1h", "--json")
    assert shown.code == 3, shown.err
    assert shown.counts == {
        "confirm": 6,
        "release": 1,
        "repeat": 3,
        "settled": 3,
        "conflict": 1,
        "nothing-left": 1,
        "undecodable": 2,
        "invalid": 1,
    }
    assert (shown.report["copies"], shown.report["calls"], shown.report["seconds"]) == (10, 7, 0.5)
    # It is from before the first outcome: whether it was called then is not known.
    assert (unasked.code, "confirm" in unasked.counts) == (0, False), unasked.counts
    stale = unasked.report["samples"]["stale"]
    assert ["older than the oldest outcome" in each["detail"] for each in stale] == [True] * 3


def check_that_a_plan_names_them(world: World) -> None:
    assert run(world, "redrive", "--order", "o-unclear").code == 0
    plan = " ".join(run(world, "redrive", "--all").out.split())
    assert "UNPROCESSABLE NOT_APPLIED 1 " in plan
    assert "order o-refused" in plan
    assert "UNPROCESSABLE, NOT_APPLIED, HTTP 422" in plan


def test_a_redrive_is_planned_by_filters_and_ends_in_quarantine(world: World) -> None:
    shop = world.shop
    for name in ("fine", "unclear"):
        shop.paid(paid(f"o-{name}", f"c-{name}"))
    value = shop.value(world.topics.order_paid, paid("o-refused", "c-refused"))
    theirs: list[tuple[str, str | bytes | None]] = [("theirs", b"\xff"), ("theirs", None)]
    shop.raw(world.topics.order_paid, "c-refused", value, theirs)
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    shop.flush()
    with world.processor(retries__give_up_after="2") as processor:
        processor.wait_until_ready()
        world.wait_until_drained()
        everything = run(world, "redrive", "--all", "--json")
        assert everything.counts == {"confirm": 1, "doubtful": 1, "undecodable": 1}, everything.err
        allowed = run(world, "redrive", "--all", "--include-maybe-applied", "--json")
        assert allowed.counts == {"confirm": 2, "undecodable": 1}
        for filters, counts in (
            (("--reason", "unprocessable"), {"confirm": 1}),
            (("--effect", "MAYBE_APPLIED"), {"doubtful": 1}),
            (("--http-status", "422"), {"confirm": 1}),
            (("--operation", "unknown"), {"undecodable": 1}),
            (("--order", "o-unclear"), {"doubtful": 1}),
            (("--cart", "c-garbage"), {"undecodable": 1}),
            (("--to", "1h"), {}),
        ):
            assert run(world, "redrive", "--json", *filters).counts == counts, filters
        check_that_a_plan_names_them(world)
        for time_ in range(3):
            done = run(world, "redrive", "--order", "o-refused", "--execute", "--rate", "100")
            assert done.code == 3, (time_, done)
        shown = run(world, "redrive", "--order", "o-refused")
    copies = list(oracle.read_topic(world, world.topics.replay))
    assert [(each.key(), each.value()) for each in copies] == [(b"c-refused", value)] * 3
    assert all(list(each.headers() or ())[:2] == theirs for each in copies)
    assert shown.code == 0
    assert "Quarantined: order o-refused" in shown.out
    assert "brought back 3 times" in shown.out


def passed_by(world: World) -> None:
    """Let the live group begin behind everything that is there."""
    world.shop.flush()
    with world.processor(kafka__start="latest") as processor:
        processor.wait_until_ready()


def test_a_saved_plan_is_frozen_and_fits_nowhere_else(world: World, tmp_path: Path) -> None:
    world.shop.paid(paid("o-1", "c-1"))
    passed_by(world)
    saved = tmp_path / "plan.json"
    first = run(
        world, "replay", "--allow-stale", "--from", "1h", "--save-plan", str(saved), "--json"
    )
    assert (first.code, first.counts) == (3, {"confirm": 1})
    with world.processor() as processor:
        processor.wait_until_ready()
        world.shop.paid(paid("o-2", "c-2"))
        world.shop.flush()
        world.wait_until_drained()
    again = run(world, "replay", "--plan", str(saved), "--json")
    assert again.report["slices"] == first.report["slices"]
    assert again.counts == {"confirm": 1}
    assert run(world, "replay", "--allow-stale", "--from", "1h", "--json").counts == {
        "confirm": 1,
        "settled": 1,
    }

    refusals(world, saved)
    recreate(world, world.topics.order_paid)
    refused = run(world, "replay", "--plan", str(saved))
    assert (refused.code, "created anew" in refused.err) == (2, True), refused


def refusals(world: World, saved: Path) -> None:
    """See a saved plan refused wherever it does not fit."""
    kept = run(world, "replay", "--allow-stale", "--from", "1h", "--save-plan", str(saved))
    assert (kept.code, "is there already" in kept.err) == (2, True)
    foreign = run(world, "replay", "--plan", str(saved), kafka__group_id="other")
    assert (foreign.code, "is for group" in foreign.err) == (2, True)
    lane = run(world, "replay", "--plan", str(saved), topics__replay="another")
    assert (lane.code, "is for the replay lane" in lane.err) == (2, True)
    results = run(world, "replay", "--plan", str(saved), topics__results="others")
    assert (results.code, "knows nothing of others" in results.err) == (2, True)
    kind = run(world, "redrive", "--plan", str(saved))
    assert (kind.code, "is a replay: use `processor replay`" in kind.err) == (2, True)
    elsewhere = json.loads(saved.read_text()) | {"cluster_id": "another"}
    other = saved.with_name("elsewhere.json")
    other.write_text(json.dumps(elsewhere))
    refused = run(world, "replay", "--plan", str(other))
    assert (refused.code, "was made on cluster another" in refused.err) == (2, True)


def recreate(world: World, topic: str) -> None:
    """Delete a topic and create it anew under its name."""
    admin = world.kafka.admin()
    admin.delete_topics([topic], operation_timeout=30)[topic].result(30)
    wait_until(
        lambda: topic not in admin.list_topics(timeout=10).topics, within=30, what="it is gone"
    )
    again = NewTopic(topic, num_partitions=world.partitions)
    admin.create_topics([again], operation_timeout=30)[topic].result(30)


@pytest.fixture
def narrow(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of one partition, where offsets are easy to tell."""
    with open_world(kafka, registry, tmp_path, partitions=1, rules=RULES) as opened:
        yield opened


def produce(world: World, order: str, at: int | None = None) -> None:
    """Produce an OrderPaid with a timestamp of its own."""
    topic = world.topics.order_paid
    value = world.shop.value(topic, paid(order, f"c-{order}"))
    world.shop.producer.produce(topic, value, f"c-{order}", timestamp=at or now_ms())


def delete_below(world: World, topic: str, offset: int) -> None:
    """Delete the first records of partition 0."""
    admin = world.kafka.admin()
    place = TopicPartition(topic, 0, offset)
    for each in admin.delete_records([place]).values():
        each.result(30)


def orders_of(report: dict[str, Any], prospect: str) -> list[str]:
    return [each["orderId"] for each in report["samples"].get(prospect, [])]


def test_times_out_of_order_and_beyond_the_log_are_read_right(narrow: World) -> None:
    noon = now_ms() - 3_600_000
    for order, minutes in (
        ("early", -30),
        ("in-1", 5),
        ("late", 40),
        ("in-2", 10),
        ("early-2", -5),
    ):
        produce(narrow, order, noon + minutes * 60_000)
    passed_by(narrow)

    def window(begin: int, end: int | None) -> tuple[int, list[str]]:
        since = ("--from", iso(noon + begin * 60_000))
        until = () if end is None else ("--to", iso(noon + end * 60_000))
        said = run(narrow, "replay", "--allow-stale", "--json", *since, *until)
        return said.code, orders_of(said.report, "confirm")

    assert window(0, 30) == (3, ["in-1", "in-2"])
    assert window(-40, 0) == (3, ["early", "early-2"])
    assert window(30, None) == (3, ["late"])
    assert window(50, None) == (0, [])


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


def test_what_is_gone_and_what_holds_no_record_is_told(narrow: World, tmp_path: Path) -> None:
    topic = narrow.topics.order_paid
    for number in range(6):
        produce(narrow, f"o-{number}")
    narrow.shop.flush()
    writer = Producer(
        {"bootstrap.servers": narrow.kafka.bootstrap_servers, "transactional.id": topic}
    )
    writer.init_transactions(30)
    for order, ends in (("kept", writer.commit_transaction), ("dropped", writer.abort_transaction)):
        writer.begin_transaction()
        value = narrow.shop.value(topic, paid(f"o-{order}", f"c-{order}"))
        writer.produce(topic, value, f"c-{order}", headers={"theirs": b"\xff"})
        writer.flush(30)
        ends(30)
    passed_by(narrow)
    run(
        narrow,
        "replay",
        "--allow-stale",
        "--from",
        "1h",
        "--save-plan",
        str(tmp_path / "plan.json"),
    )
    delete_below(narrow, narrow.topics.order_paid, 2)
    late = run(narrow, "replay", "--plan", str(tmp_path / "plan.json"), "--json")
    assert late.counts == {"confirm": 5, "deleted": 2}
    shown = run(narrow, "replay", "--allow-stale", "--from", "2026-01-01", "--json")
    assert shown.counts == {"confirm": 5}
    assert shown.report["absent"] == 3  # an aborted record and two markers
    assert any("what is older was deleted" in note for note in shown.report["notes"])
    by_offset = run(narrow, "replay", "--allow-stale", "--offsets", f"{topic}:0:1-4", "--json")
    assert orders_of(by_offset.report, "confirm") == ["o-2", "o-3"]
    assert any("from offset 2 on" in note for note in by_offset.report["notes"])


def test_a_plan_of_which_all_is_deleted_is_not_well(narrow: World, tmp_path: Path) -> None:
    produce(narrow, "a")
    produce(narrow, "b")
    passed_by(narrow)
    saved = tmp_path / "plan.json"
    run(narrow, "replay", "--allow-stale", "--from", "1h", "--save-plan", str(saved))
    delete_below(narrow, narrow.topics.order_paid, 2)
    late = run(narrow, "replay", "--plan", str(saved), "--execute", "--json")
    assert (late.code, late.counts) == (3, {"deleted": 2})


def test_what_the_fleet_has_still_before_it_is_left_to_it(narrow: World) -> None:
    produce(narrow, "before")
    passed_by(narrow)
    produce(narrow, "after")
    narrow.shop.flush()
    shown = run(narrow, "replay", "--allow-stale", "--from", "1h", "--json")
    assert shown.counts == {"confirm": 1, "waiting": 1}
    assert orders_of(shown.report, "confirm") == ["before"]


def test_what_the_ledger_may_have_forgotten_is_not_called_again_unasked(narrow: World) -> None:
    produce(narrow, "settled")
    narrow.shop.flush()
    with narrow.processor() as processor:
        processor.wait_until_ready()
        narrow.wait_until_drained()
    assert run(narrow, "replay", "--from", "1h", "--json").counts == {"settled": 1}
    delete_below(narrow, narrow.topics.results, 1)
    shown = run(narrow, "replay", "--from", "1h", "--json")
    assert (shown.code, shown.counts) == (0, {"stale": 1})
    assert "older than the oldest outcome" in shown.report["samples"]["stale"][0]["detail"]
    assert run(narrow, "replay", "--from", "1h", "--allow-stale").code == 3


def test_ids_that_nobody_knows_are_named(narrow: World, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        produce(narrow, name)
    passed_by(narrow)
    ids = tmp_path / "ids.txt"
    ids.write_text("a\n\n c-b \nnobody\n")
    shown = run(narrow, "replay", "--allow-stale", "--ids", str(ids), "--order", "a", "--json")
    assert (shown.counts, shown.report["unknown"]) == ({"confirm": 1}, ["c-b", "nobody"])
    shown = run(narrow, "replay", "--allow-stale", "--ids", str(ids))
    assert "Not found in what was read: nobody" in shown.out
    assert shown.code == 3


def test_many_calls_are_not_made_without_a_persons_word(narrow: World) -> None:
    produce(narrow, "a")
    passed_by(narrow)
    asked = ("replay", "--from", "1h", "--allow-stale", "--execute")
    refused = run(narrow, *asked, stdin="", replay__confirm_above="0")
    assert (refused.code, "add --yes" in refused.err) == (2, True)
    assert list(oracle.read_topic(narrow, narrow.topics.replay)) == []


def write_files(folder: Path) -> tuple[Path, Path]:
    """Write files as a data lake exports them: of orders, with the original key, and of carts."""
    lake = json.loads(schema_text("OrderPaid"))
    lake["fields"].append({"name": "kafka_key", "type": ["null", "bytes"]})
    rows = [
        {**order_row(f"o-{number}", f"c-{number}"), "kafka_key": f"c-{number}".encode()}
        for number in range(5)
    ]
    orders, carts = folder / "orders.avro", folder / "carts.avro"
    with orders.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(lake), rows, codec="deflate", sync_interval=1)
    with carts.open("wb") as file:
        schema = fastavro.parse_schema(json.loads(schema_text("CartAbandoned")))
        given_up = [
            {"roktTagId": None, "acceptLanguage": None, "attributes": {}} | each
            for each in (abandoned("a-1", "c-1"), abandoned("a-2", "c-2", abandoned_item("c-2-1")))
        ]
        fastavro.writer(file, schema, given_up, codec="bzip2")
    return orders, carts


def test_rows_of_container_files_are_placed_by_their_cart(world: World, tmp_path: Path) -> None:
    for number in range(60):
        world.shop.paid(paid(f"o-{number}", f"c-{number}"))
    passed_by(world)
    orders, carts = write_files(tmp_path)
    both = ("--avro", str(carts), "--avro", str(orders))
    saved = tmp_path / "plan.json"
    shown = run(world, "replay", "--allow-stale", *both, "--cart-field", "kafka_key", "--json")
    assert (shown.code, "has no field kafka_key" in shown.err) == (2, True)
    shown = run(world, "replay", "--allow-stale", *both, "--save-plan", str(saved), "--json")
    assert shown.counts == {"confirm": 5, "release": 1, "nothing-left": 1}, shown.err
    assert shown.report["samples"]["confirm"][0]["topic"].startswith("file:")
    assert "murmur2" in shown.report["notes"][0]
    keyed = run(
        world,
        "replay",
        "--allow-stale",
        "--avro",
        str(orders),
        "--cart-field",
        "kafka_key",
        "--json",
    )
    assert keyed.counts == {"confirm": 5}
    lost = run(world, "replay", "--plan", str(saved), "--avro", str(orders))
    assert (lost.code, "are not given, or have changed" in lost.err) == (2, True)
    again = run(world, "replay", "--plan", str(saved), *both, "--json")
    assert again.counts == shown.counts
    carts.write_bytes(b"Obj\x01 no more")
    broken = run(world, "replay", "--allow-stale", "--avro", str(carts))
    assert (broken.code, "no whole Avro container file" in broken.err) == (2, True)


def test_rows_of_container_files_are_worked_by_the_fleet_once(world: World, tmp_path: Path) -> None:
    orders, carts = write_files(tmp_path)
    both = ("--avro", str(carts), "--avro", str(orders), "--partitioner", "murmur2")
    with world.processor() as processor:
        processor.wait_until_ready()
        done = run(world, "replay", "--allow-stale", *both, "--execute", "--rate", "200", "--json")
        assert done.code == 0, done
        again = run(world, "replay", "--allow-stale", *both, "--json")
    assert (again.code, again.counts) == (0, {"settled": 5, "nothing-left": 2})
    called = sorted(e.order_id or e.cart_id or "" for e in world.rokt.ledger.entries)
    assert called == ["c-1", *(f"o-{number}" for number in range(5))]


def order_row(order: str, cart: str) -> dict[str, Any]:
    absent = dict.fromkeys(("roktTagId", "acceptLanguage", "payPalOrderId", "merchantId"), None)
    return absent | {"attributes": {}} | paid(order, cart)


def test_a_topic_with_another_partition_count_is_placed_anew_by_key(world: World) -> None:
    compacted = {"cleanup.policy": "compact"}
    (old,) = world.kafka.create_topics({"old-orders": 3}, config=compacted).values()
    for number in range(80):
        world.shop.paid(paid(f"o-{number}", f"c-{number}"))
    for number in range(6):
        value = world.shop.value(world.topics.order_paid, paid(f"old-{number}", f"oc-{number}"))
        world.shop.raw(old, f"oc-{number}", value)
    passed_by(world)
    shown = run(world, "replay", "--allow-stale", "--topic", old, "--from", "1h", "--json")
    assert shown.counts == {"confirm": 6}
    compaction, placing = shown.report["notes"]
    assert "is compacted" in compaction
    assert "by murmur2: these carts are placed anew by their key" in placing
    wrong = run(
        world, "replay", "--allow-stale", "--topic", old, "--from", "1h", "--partitioner", "CRC-32"
    )
    assert (wrong.code, "place carts by murmur2" in wrong.err) == (2, True)


@pytest.mark.parametrize("partitioner", [murmur2, crc32])
def test_a_copy_from_a_foreign_topic_lands_where_its_cart_lives(
    world: World, partitioner: Callable[[bytes], int]
) -> None:
    (foreign,) = world.kafka.create_topics({"foreign": world.partitions}).values()
    for number in range(60):
        world.shop.paid(paid(f"o-{number}", f"c-{number}"))
        key = f"f-{number}".encode()
        value = world.shop.value(world.topics.order_paid, paid(f"of-{number}", f"f-{number}"))
        world.shop.producer.produce(foreign, value, key, partitioner(key) % world.partitions)
    world.shop.flush()
    with world.processor() as processor:
        processor.wait_until_ready()
        world.wait_until_drained()
        asked = ("replay", "--topic", foreign, "--from", "1h", "--allow-stale")
        shown = run(world, *asked, "--execute", "--rate", "200", "--json")
        assert shown.code == 0, shown
        assert run(world, *asked, "--json").counts == {"settled": 60}
    (note,) = json.loads(shown.out.splitlines()[0])["notes"]
    assert f"{foreign} is no input" in note
    for record in oracle.read_topic(world, world.topics.replay):
        key = record.key() or b""
        assert record.partition() == murmur2(key) % world.partitions


def test_a_value_that_its_dead_letter_could_not_hold_is_fetched_where_it_came_from(
    narrow: World,
) -> None:
    resource = ConfigResource(
        ResourceType.TOPIC,
        narrow.topics.dead_letters,
        incremental_configs=[
            ConfigEntry("max.message.bytes", "3000", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin = narrow.kafka.admin()  # its answers go with it
    admin.incremental_alter_configs([resource])[resource].result(30)
    large = {f"a-{number}": token_hex(20) for number in range(100)}  # hard to compress
    narrow.shop.paid(paid("o-refused", "c-1", attributes=large))
    narrow.shop.flush()
    with narrow.processor() as processor:
        processor.wait_until_ready()
        narrow.wait_until_drained()
    shown = run(narrow, "redrive", "--all", "--json")
    assert (shown.code, shown.counts) == (3, {"confirm": 1})
    delete_below(narrow, narrow.topics.order_paid, 1)
    gone = run(narrow, "redrive", "--all", "--json")
    assert (gone.code, gone.counts) == (0, {"missing": 1})
    (named,) = gone.report["samples"]["missing"]
    assert (named["orderId"], named["offset"]) == ("o-refused", 0)


def test_bad_command_lines_say_what_is_wrong(narrow: World) -> None:
    for arguments, what in (
        (("replay",), "Say what to replay"),
        (("replay", "--from", "soon"), "is not a time"),
        (("replay", "--from", "2026-11-01T00:00"), "has no zone"),
        (("replay", "--from", "1h", "--to", "2h"), "ends before it begins"),
        (("replay", "--offsets", "order-paid"), "is not TOPIC:PARTITION:BEGIN-END"),
        (("replay", "--ids", "/nowhere"), "cannot be read"),
        (("replay", "--from", "1h"), "has no offset"),
        (("replay", "--from", "1h", "--topic", "nowhere"), "Missing topics: nowhere"),
        (("replay", "--resume", "nobody"), "knows no replay nobody"),
        (("replay", "--from", "1h", "--topic", narrow.topics.replay), "is the replay lane itself"),
        (("replay", "--plan", "/a", "--ids", "/b"), "leave --ids out"),
        (("replay", "--plan", "/a", "--order", "o"), "leave those options out"),
        (("redrive", "--plan", "/nowhere"), "cannot be read"),
        (("redrive", "--reason", "luck"), "luck"),
        (("redrive",), "Say what to redrive"),
        (("redrive", "--all", "--order", "o"), "leave the other filters out"),
        (("redrive", "--all", "--topic", narrow.topics.order_paid), "holds no dead letters"),
        (("redrive", "--topic", narrow.topics.order_paid), "holds no dead letters"),
        (("replay", "--topic", narrow.topics.results), "holds no events"),
        (("replay", "--topic", narrow.topics.dead_letters), "holds no events"),
        (("replay", "--from", "2999-01-01"), "is in the future"),
        (("replay", "--offsets", "order-paid:0:5-2"), "holds nothing"),
    ):
        said = run(narrow, *arguments)
        assert said.code == 2, (arguments, said)
        assert what in " ".join(said.err.replace("│", " ").split()), (arguments, said)
