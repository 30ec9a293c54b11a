"""`processor inspect` and `processor reconcile`, on a real Kafka and what really happened there."""

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.partitioners import murmur2
from processor.fake_rokt.contract import Operation
from processor.fake_rokt.rules import Rule, Then, When
from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.command_line import Said, run
from tests.support.events import abandoned_item, cart_abandoned, order_paid, paid_item
from tests.support.registries import RealRegistry
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

HOSTILE = "c-\x1b[2J\u202e"
REFUSED = Then(status=422)
RULES = (
    Rule(when=When(order_id="o-422"), then=REFUSED),
    Rule(when=When(order_id="o-ill"), then=REFUSED),
    Rule(when=When(order_id="o-healed"), then=REFUSED, times=1),
    Rule(when=When(order_id="o-partly"), then=Then(reject=("item-partly-1",))),
    Rule(when=When(order_id="o-mended"), then=Then(reject=("item-mended-1",))),
    # Rokt says that it has released the items, and confirms them all the same.
    Rule(when=When(cart_id="c-early", operation=Operation.RELEASE), then=Then(apply=False)),
)


@pytest.fixture(scope="module")
def world(
    kafka: RealKafka, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world with a past: a little of everything that may have happened."""
    with open_world(kafka, registry, tmp_path_factory.mktemp("past"), rules=RULES) as opened:
        live_through_it(opened)
        yield opened


def paid(order: str, cart: str, *items: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    """Return an OrderPaid of just now."""
    return order_paid(order, cart, *items, **{"occurredAt": int(time.time() * 1_000)} | changes)


def live_through_it(world: World) -> None:
    """Let things happen, in an order that is always the same."""
    shop = world.shop
    with world.processor() as processor:
        shop.abandoned(cart_abandoned("too-early", "c-early", abandoned_item("c-early-1")))
        shop.flush()
        world.wait_until_drained()
        pay(world)
        shop.abandoned(cart_abandoned("paid-already", "c-fine", abandoned_item("c-fine-1")))
        shop.flush()
        world.wait_until_drained()
        redriven = ("--order", "o-ill", "--order", "o-healed")
        said = run(world, "redrive", *redriven, "--execute", "--yes")
        assert said.code == 3, said.err  # o-ill is refused again
        assert processor.program.stop() == 0
    shop.paid(paid("o-lost", "c-lost"))
    shop.flush()
    pass_over(world, "c-lost")
    shop.paid(paid("o-late", "c-late"))
    shop.flush()


def pay(world: World) -> None:
    """Produce the payments: good ones, refused ones, contradictions and rubbish."""
    shop = world.shop
    for name in ("fine", "422", "ill", "healed", "early"):
        shop.paid(paid(f"o-{name}", f"c-{name}"))
    shop.paid(paid("o-fine", "c-fine", eventId="fine-twice"))
    shop.paid(paid("o-fine", "c-fine", paid_item("other"), eventId="fine-changed"))
    shop.paid(paid("o-partly", "c-partly", paid_item("partly-1"), paid_item("partly-2")))
    shop.paid(paid("o-mended", "c-mended", paid_item("mended-1"), paid_item("mended-2")))
    shop.paid(paid("o-mending", "c-mended", paid_item("mended-1")))
    shop.paid(paid("o-hostile", HOSTILE, paid_item(quantity=0)))
    shop.raw(world.topics.order_paid, "c-garbage", b"garbage")
    shop.flush()  # before what is abandoned then


def pass_over(world: World, cart: str) -> None:
    """Commit beyond all payments of a cart's partition, as somebody may who resets offsets."""
    consumer = Consumer(
        {"bootstrap.servers": world.kafka.bootstrap_servers, "group.id": world.group}
    )
    place = TopicPartition(world.topics.order_paid, murmur2(cart.encode()) % world.partitions)
    place.offset = consumer.get_watermark_offsets(place, timeout=10, cached=False)[1]
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def place_of(world: World, event: str) -> str:
    """Return where the outcome of an event says that the event lies."""
    (found,) = [each for each in oracle.outcomes(world) if each.value["sourceEventId"] == event]
    source = found.value["source"]
    return f"{source['topic']}:{source['partition']}:{source['offset']}"


# reconcile


def test_what_does_not_agree_is_found_and_counted(world: World) -> None:
    said = run(world, "reconcile", "--from", "1h", "--json")
    assert said.code == 3, said.err
    found = {
        trouble: sorted(each["orderId"] or each["cartId"] for each in listed)
        for trouble, listed in said.report["findings"].items()
    }
    assert found == {
        "paid-not-answered": ["o-lost"],
        "confirmed-and-released": ["o-early"],
        "released-before-paid": ["o-early"],
        "never-redriven": ["c-garbage", "o-422", "o-fine", "o-hostile"],
        "failed-again": ["o-ill"],
        "partly-rejected": ["o-partly"],
    }
    counts = {trouble: len(listed) for trouble, listed in found.items()}
    assert said.report["counts"] == counts
    assert (said.report["payments"], said.report["notWorkedYet"]) == (14, 1)
    assert [(each["orderId"], each["cartId"]) for each in said.report["waiting"]] == [
        ("o-late", "c-late")
    ]


def test_its_remedies_are_commands_that_find_what_it_found(world: World, tmp_path: Path) -> None:
    report = run(world, "reconcile", "--from", "1h", "--json").report
    lost, letters = [each["commands"] for each in report["remedies"]]
    file = tmp_path / "lost.txt"
    write, replay = [shlex.split(command.replace("lost.txt", str(file))) for command in lost]
    (redrive,) = [shlex.split(command) for command in letters]
    written = run(world, *write[1:], "--list", "0", "--json")
    assert (written.code, file.read_text()) == (3, "o-lost\n"), written.err
    assert written.report["remedies"][0]["commands"] == [shlex.join(replay)]
    planned = [run(world, *command[1:], "--json") for command in (replay, redrive)]
    assert [said.code for said in planned] == [3, 3], planned[0].err + planned[1].err
    assert planned[0].counts == {"confirm": 1}
    assert [each["orderId"] for each in planned[0].report["samples"]["confirm"]] == ["o-lost"]
    assert planned[1].counts == {"confirm": 2, "settled": 1}  # o-422 and o-ill; o-healed


def test_lost_orders_are_written_into_a_new_file_only(world: World, tmp_path: Path) -> None:
    file = tmp_path / "lost.txt"
    file.write_text("mine")
    said = run(world, "reconcile", "--from", "1h", "--write-ids", str(file))
    assert (said.code, said.out, file.read_text()) == (2, "", "mine")
    assert "is there already: name a new file" in said.err
    other = tmp_path / "none.txt"
    window = ("--from", "2020-01-01", "--to", "2020-01-02")
    nothing = run(world, "reconcile", *window, "--write-ids", str(other), "--json")
    assert (nothing.code, other.exists()) == (0, False)
    assert "there is no lost order to name in it" in nothing.report["notes"][0]


def test_orders_that_wait_are_listed_and_written(world: World, tmp_path: Path) -> None:
    file = tmp_path / "waiting.txt"
    said = run(world, "reconcile", "--from", "1h", "--write-waiting", str(file))
    assert (said.code, file.read_text()) == (3, "o-late\n"), said.err
    shown = said.out[said.out.index("paid and not worked yet") :]
    assert [word for word in ("order o-late", "cart c-late", " ago") if word not in shown] == []


def test_people_see_a_table_and_no_strangers_control_their_terminal(world: World) -> None:
    said = run(world, "reconcile", "--from", "1h")
    assert (said.code, said.err) == (3, "")
    assert "\x1b" not in said.out
    assert r"cart c-\x1b[2J\u202e" in said.out
    assert "paid, neither confirmed nor dead-lettered       1" in said.out
    assert "processor redrive --from" in said.out


def test_the_lists_are_as_long_as_is_asked_for_and_everything_is_counted(world: World) -> None:
    report = run(world, "reconcile", "--from", "1h", "--json", "--list", "1").report
    assert len(report["findings"]["never-redriven"]) == 1
    assert report["counts"]["never-redriven"] == 4


def test_a_window_without_findings_ends_with_0(world: World) -> None:
    said = run(world, "reconcile", "--from", "2020-01-01", "--to", "2020-01-02", "--json")
    assert (said.code, said.report["payments"]) == (0, 0)
    assert sum(said.report["counts"].values()) == 0


@pytest.mark.parametrize(
    ("arguments", "settings", "expected"),
    [
        (["--from", "soon"], {}, "--from is not a time with its zone"),
        (["--from", "1h", "--to", "2h"], {}, "The window is empty"),
        (["--from", "1h"], {"kafka__group_id": "nobody"}, "Group nobody has no offset for"),
        (["--from", "1h"], {"topics__results": "nothing-here"}, "Missing topics: nothing-here"),
    ],
)
def test_what_cannot_be_compared_says_why(
    world: World, arguments: list[str], settings: dict[str, str], expected: str
) -> None:
    said = run(world, "reconcile", *arguments, **settings)
    assert (said.code, said.out) == (2, "")
    assert expected in said.err


# inspect


def moments(said: Said) -> list[tuple[str, str | None]]:
    """Return what a timeline tells, in order: what it was, and its event or status."""
    return [
        (each["moment"], each.get("eventId") or each.get("status"))
        for each in said.report["timeline"]
        if each["moment"] != "attempts"
    ]


def test_a_cart_is_told_by_its_key(world: World) -> None:
    said = run(world, "inspect", "c-fine", "--json")
    assert said.code == 0, said.err
    told = moments(said)
    assert sorted(told[:4]) == [
        ("event", "event-o-fine"),
        ("event", "fine-changed"),
        ("event", "fine-twice"),
        ("event", "paid-already"),
    ]
    assert told[4:] == [
        ("outcome", "SUCCEEDED"),
        ("outcome", "DUPLICATE"),
        ("dead-letter", None),
        ("outcome", "CONFLICT"),
        ("outcome", "SKIPPED"),
    ]
    ledger = {each["name"]: each["says"] for each in said.report["ledger"]}
    assert ledger["o-fine"] == "order o-fine is settled (APPLIED)"
    assert ledger["item-c-fine-1"].startswith("an OrderPaid names item-c-fine-1")
    (redrive,) = said.report["redrives"]
    assert (redrive["prospect"], redrive["redriven"]) == ("conflict", 0)
    assert "https://" not in said.out


def test_an_order_needs_its_cart_or_everything_read(world: World) -> None:
    alone = run(world, "inspect", "o-healed")
    assert (alone.code, alone.out) == (1, "")
    assert "give its cart with --cart" in alone.err
    assert "--everywhere:" in alone.err
    by_cart = run(world, "inspect", "o-healed", "--cart", "c-healed", "--json")
    everywhere = run(world, "inspect", "o-healed", "--everywhere", "--json")
    assert by_cart.report == everywhere.report
    assert moments(by_cart) == [
        ("event", "event-o-healed"),
        ("dead-letter", None),
        ("outcome", "REJECTED"),
        ("copy", "event-o-healed"),
        ("outcome", "SUCCEEDED"),
    ]
    assert [each["prospect"] for each in by_cart.report["redrives"]] == ["settled"]


def test_an_event_id_is_found_everywhere(world: World) -> None:
    said = run(world, "inspect", "fine-twice", "--everywhere", "--json")
    asked_for = [each["moment"] for each in said.report["timeline"] if each["isAskedFor"]]
    assert asked_for == ["event", "outcome"]
    assert run(world, "inspect", "nobody", "--everywhere").code == 1


def test_a_record_is_told_with_its_cart_wherever_it_is_met(world: World) -> None:
    place = place_of(world, "fine-changed")
    by_input = run(world, "inspect", place, "--json").report
    asked_for = [each["moment"] for each in by_input["timeline"] if each["isAskedFor"]]
    assert asked_for == ["event", "dead-letter", "outcome"]
    for each in by_input["timeline"]:
        if each["isAskedFor"] and each["moment"] != "event":
            there = each["place"]
            other = f"{there['topic']}:{there['partition']}:{there['offset']}"
            assert run(world, "inspect", other, "--json").report["timeline"] == by_input["timeline"]


def test_a_record_is_found_by_its_place_as_messages_write_it(world: World) -> None:
    topic, number, offset = place_of(world, "event-o-fine").split(":")
    found = run(world, "inspect", f"{topic} [{number}] {offset}", "--json")
    assert moments(found) == moments(run(world, "inspect", f"{topic}:{number}:{offset}", "--json"))


def test_what_was_never_worked_says_so(world: World) -> None:
    standings = {
        cart: run(world, "inspect", cart, "--json").report["timeline"][0]["standing"]
        for cart in ("c-lost", "c-late", "c-garbage")
    }
    assert standings == {
        "c-lost": "passed-over",
        "c-late": "not-worked-yet",
        "c-garbage": "answered",
    }


def test_people_see_a_timeline_and_no_strangers_control_their_terminal(world: World) -> None:
    said = run(world, "inspect", HOSTILE)
    assert said.code == 0, said.err
    assert "\x1b" not in said.out + said.err
    assert "cannot be called: items[0].quantity is less than 1" in said.out
    refused = run(world, "inspect", "c-422").out
    assert "call confirm" in refused
    assert "processor redrive --cart c-422" in refused
    nothing = run(world, "inspect", "\x1b[2J")
    assert nothing.code == 1
    assert "\x1b" not in nothing.err


def test_a_partition_that_does_not_exist_is_named(world: World) -> None:
    said = run(world, "inspect", f"{world.topics.order_paid}:99:0")
    assert (said.code, said.out) == (2, "")
    assert "has no partition 99: it has 4" in said.err


def test_a_record_that_does_not_exist_says_what_the_log_holds(world: World) -> None:
    topic = world.topics.order_paid
    beyond = run(world, "inspect", f"{topic}:0:999999")
    assert (beyond.code, beyond.out) == (1, "")
    assert f"There is no {topic}:0:999999: the log of {topic} [0] holds offsets 0 to" in beyond.err
    unknown = run(world, "inspect", "no-such-topic:0:0")
    assert (unknown.code, unknown.out) == (1, "")
    assert f"names no record either: the topics are {topic}," in unknown.err


@pytest.mark.parametrize("arguments", [[""], ["o-fine", "--cart", ""]])
def test_an_empty_id_is_a_usage_error(world: World, arguments: list[str]) -> None:
    said = run(world, "inspect", *arguments)
    assert (said.code, said.out) == (2, "")
    assert "an empty id is nobody's" in said.err


def test_the_clients_own_complaint_is_told(world: World) -> None:
    said = run(world, "inspect", "c-fine", kafka__properties='{"security.protocol": "SSL"}')
    assert (said.code, said.out) == (1, "")
    # The broker hangs up or resets: librdkafka words the two apart, and tells the state of both.
    assert "in state SSL_HANDSHAKE" in said.err


def test_what_is_gone_from_a_topic_is_said_and_its_outcome_is_told(
    kafka: RealKafka, registry: RealRegistry, tmp_path: Path
) -> None:
    with open_world(kafka, registry, tmp_path, partitions=1) as world:
        with world.processor() as processor:
            world.shop.paid(paid("o-1", "c-1"))
            world.shop.flush()
            world.wait_until_drained()
            assert processor.program.stop() == 0
        end = TopicPartition(world.topics.order_paid, 0, 1)
        admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap_servers})
        for future in admin.delete_records([end]).values():
            future.result(30)
        said = run(world, "inspect", f"{world.topics.order_paid}:0:0", "--json")
        assert [each["moment"] for each in said.report["timeline"]] == ["attempts", "outcome"]
        assert said.report["notes"] == [
            f"{world.topics.order_paid} [0] begins at offset 1: what was before is gone."
        ]
        assert [each["says"] for each in said.report["ledger"]][:1] == [
            "order o-1 is settled (APPLIED)"
        ]
