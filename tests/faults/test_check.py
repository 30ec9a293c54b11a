"""`processor check` where one thing is broken: it names the culprit, and only that.

Real brokers and a real registry; `test_check_rights.py` has each right,
`tests/e2e/test_check.py` passwords and authorities.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from processor.cli.check import examine
from processor.cli.schemas import register_all
from processor.core import horizon
from processor.shell import schemas
from processor.shell.checks.findings import Finding
from processor.shell.registry import Registry
from processor.shell.settings import Topics
from tests.support.brokers import KafkaProcess, RealKafka
from tests.support.checked import WebServer, configured, environment, troubles
from tests.support.programs import free_port
from tests.support.registries import RealRegistry
from tests.support.secured import SecuredKafka
from tests.support.world import World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(180)]

WITHIN = 4.0
PARTITIONS = 2
HOUR_MS = "3600000"
LARGE = "4000000"


@pytest.fixture(scope="module")
def world(
    kafka: RealKafka, registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world in which nothing is wrong, but that it has one broker only."""
    folder = tmp_path_factory.mktemp("check")
    with open_world(kafka, registry, folder, partitions=PARTITIONS) as opened, ExitStack() as stack:
        for topic in (opened.topics.results, opened.topics.dead_letters, opened.topics.replay):
            stack.enter_context(configured(kafka, topic, max_message_bytes=LARGE))
        client = Registry(registry.url)
        list(register_all(client, named(opened)))
        client.close()
        assert troubles(check(opened)) == []
        yield opened


def named(world: World) -> Topics:
    topics = world.topics
    return Topics(
        order_paid=topics.order_paid,
        cart_abandoned=topics.cart_abandoned,
        results=topics.results,
        dead_letters=topics.dead_letters,
        replay=topics.replay,
    )


def check(world: World, **settings: str) -> list[Finding]:
    own = {"schema_registry__auto_register": "false"} | settings
    return examine(None, WITHIN, world.environment(**own))


def error_in(found: list[Finding], subject: str) -> str:
    (only,) = [each for each in found if each.subject == subject and each.level != "ok"]
    return f"{only.found}. {only.remedy}"


def input_of(world: World, count: int) -> str:
    return world.kafka.create_topics({"other": count})["other"]


def output_of(world: World, count: int) -> str:
    config = {"max.message.bytes": LARGE}
    return world.kafka.create_topics({"other": count}, config=config)["other"]


def test_beside_a_processor_at_work_it_changes_nothing(world: World) -> None:
    port = str(free_port())
    with world.processor(server__port=port) as processor:
        processor.wait_until_ready()
        rebalances = 'processor_rebalances_total{event="assigned"}'
        before = processor.metrics()[rebalances], world.committed()
        found = check(world, server__port=port)
        assert troubles(found) == []
        assert "A processor is at work there already" in [each.found for each in found]
        assert (processor.metrics()[rebalances], world.committed()) == before
        assert world.rokt.ledger.orders == {}
        assert processor.program.stop() == 0


# Topics


@pytest.mark.parametrize("setting", ["cart_abandoned", "results", "dead_letters"])
def test_unequal_partitions(world: World, setting: str) -> None:
    make = input_of if setting == "cart_abandoned" else output_of
    topic = make(world, PARTITIONS - 1)
    found = check(world, **{f"topics__{setting}": topic})
    assert f"error topics {topic}" in troubles(found)
    assert f"{topic} has 1" in error_in([f for f in found if f.area == "topics"], topic)


def test_missing_topics(world: World) -> None:
    found = check(world, topics__dead_letters="none-dead", topics__replay="none-lane")
    assert [each for each in troubles(found) if "topics" in each] == [
        "error topics none-dead",
        "warning topics none-lane",
    ]
    assert "`processor topics create`" in error_in(found, "none-lane")


@pytest.mark.parametrize(
    ("setting", "value", "on", "level"),
    [
        ("cleanup_policy", "compact", "results", "error"),
        ("cleanup_policy", "compact,delete", "replay", "warning"),
        ("cleanup_policy", "compact", "order_paid", "error"),
        ("retention_ms", HOUR_MS, "results", "error"),
        ("retention_ms", HOUR_MS, "replay", "warning"),
        ("retention_ms", HOUR_MS, "order_paid", "error"),
        ("retention_ms", str(90_000_000), "cart_abandoned", "warning"),
        ("retention_ms", HOUR_MS, "dead_letters", "warning"),
        ("retention_bytes", "1000000", "results", "warning"),
        ("max_message_bytes", "500000", "dead_letters", "error"),
        ("min_insync_replicas", "2", "results", "error"),
    ],
)
def test_a_topic_that_is_not_as_it_has_to_be(
    world: World, setting: str, value: str, on: str, level: str
) -> None:
    topic = getattr(world.topics, on)
    with configured(world.kafka, topic, **{setting: value}):
        found = check(world)
    assert troubles(found) == [f"{level} topics {topic}"]
    assert setting.replace("_", ".") in error_in(found, topic)
    assert value in error_in(found, topic)


# The group


def test_a_group_without_offsets_that_is_not_told_where_to_begin(world: World) -> None:
    found = check(world, kafka__group_id="fresh", kafka__start="")
    assert troubles(found) == ["error group fresh"]
    assert "PROCESSOR_KAFKA__START" in error_in(found, "fresh")


def test_a_group_whose_records_are_gone_or_whose_inputs_had_other_counts(world: World) -> None:
    topic, other = input_of(world, PARTITIONS), world.topics.cart_abandoned
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap_servers})
    for _ in range(3):
        producer.produce(topic, b"x", b"c", 0)
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": world.kafka.bootstrap_servers, "group.id": "behind"})
    four = horizon.write(horizon.Horizon(offset=0, partitions=4))
    places = [TopicPartition(each, n, 0, four) for each in (topic, other) for n in range(2)]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()
    admin = world.kafka.admin()
    place = TopicPartition(topic, 0, 2)
    admin.delete_records([place])[place].result(20)
    found = check(world, kafka__group_id="behind", topics__order_paid=topic)
    found = [each for each in found if each.area == "group"]
    assert troubles(found) == ["error group behind", f"error group {topic} [0]"]
    assert "had 4 partitions" in error_in(found, "behind")
    assert "topics accept-gap" in error_in(found, f"{topic} [0]")


def test_a_session_that_the_brokers_refuse(world: World) -> None:
    properties = {"session.timeout.ms": 500}
    short = {"http_client__confirm_deadline": "0.4", "http_client__release_deadline": "0.4"}
    short |= {"http_client__confirm_read_timeout": "0.3", "kafka__lease": "0.1"}
    short |= {"http_client__release_read_timeout": "0.3", "http_client__connect_timeout": "0.2"}
    found = check(world, kafka__properties=json.dumps(properties), **short)
    assert troubles(found) == ["error group session"]
    assert "`session.timeout.ms`" in error_in(found, "session")


# The registry


def test_a_registry_that_is_none(world: World) -> None:
    with WebServer(status=404).serving() as server:
        url = f"http://127.0.0.1:{server.port}"
        found = check(world, schema_registry__url=url)
    assert troubles(found) == [f"error registry {url}"]
    assert "not as a schema registry does" in error_in(found, url)


def test_a_registry_that_refuses_the_password(world: World) -> None:
    with WebServer(status=401).serving() as server:
        url = f"http://127.0.0.1:{server.port}"
        found = check(
            world,
            schema_registry__url=url,
            schema_registry__username="shop",
            schema_registry__password="canary-pw",
        )
    assert troubles(found) == [f"warning registry {url}", f"error registry {url}"]
    errors = [each for each in found if each.level == "error"]
    assert "user, password or rights are wrong" in error_in(errors, url)
    assert "canary" not in str(found)


def test_a_schema_that_is_not_compatible_and_one_that_is_missing(
    world: World, registry: RealRegistry
) -> None:
    topic, fresh = input_of(world, PARTITIONS), output_of(world, PARTITIONS)
    other = {"type": "record", "name": "Other", "fields": [{"name": "x", "type": "int"}]}
    client = Registry(registry.url)
    client.register(schemas.subject(topic), json.dumps(other))
    client.close()
    found = check(world, topics__order_paid=topic, topics__dead_letters=fresh)
    assert troubles(found) == [f"error registry {topic}-value", f"error registry {fresh}-value"]
    assert "not compatible with what is" in error_in(found, f"{topic}-value")
    assert "AUTO_REGISTER" in error_in(found, f"{fresh}-value")


# Clocks


def test_a_record_of_the_future_shows_that_a_clock_is_wrong(world: World) -> None:
    topic = input_of(world, PARTITIONS)
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap_servers})
    producer.produce(topic, b"x", b"c", 0, timestamp=int(time.time() * 1_000) + 600_000)
    assert producer.flush(20) == 0
    found = check(world, topics__cart_abandoned=topic, schema_registry__url="mock://x")
    assert "error clocks this machine's" in troubles(found)
    said = " ".join(each.found for each in found if each.area == "clocks")
    assert f"behind that which stamped the newest record of {topic}" in said


# Ways to Kafka


def settings_of(servers: str, properties: Mapping[str, object], **more: str) -> dict[str, str]:
    return environment(
        kafka__bootstrap_servers=servers, kafka__properties=json.dumps(properties), **more
    )


def of_kafka(given: dict[str, str], within: float = WITHIN) -> list[Finding]:
    return [each for each in examine(None, within, given) if each.area in ("kafka", "group")]


def test_an_expired_certificate_and_the_wrong_kind_of_port(tmp_path: Path) -> None:
    with SecuredKafka(tmp_path, not_after=datetime(2020, 1, 1, tzinfo=UTC)) as kafka:
        kafka.give_password("canary-pw")
        door, open_door = kafka.guarded, kafka.bootstrap_servers
        expired = of_kafka(settings_of(door, kafka.properties("canary-pw")))
        plain = of_kafka(settings_of(door, {}))
        tls = of_kafka(settings_of(open_door, kafka.properties("canary-pw")))
    assert troubles(expired) == [f"error kafka {door}", "error kafka signing in"]
    assert error_in(expired, door).startswith(f"The certificate of {door} has expired")
    assert "speaks TLS, and the settings do not" in error_in(plain, door)
    assert "does not speak TLS" in error_in(tls, open_door)
    assert "canary" not in str(expired + plain + tls)


def test_servers_that_are_not_there(world: World) -> None:
    nobody, nowhere = f"127.0.0.1:{free_port()}", "nowhere.invalid:9092"
    found = check(world, kafka__bootstrap_servers=f"{nobody},{nowhere}")
    assert troubles(found)[:3] == [
        f"error kafka {nobody}",
        f"error kafka {nowhere}",
        "error kafka signing in",
    ]
    assert "is not known here" in error_in(found, nowhere)
    some = check(world, kafka__bootstrap_servers=f"{nobody},{world.kafka.bootstrap_servers}")
    assert troubles(some) == [f"warning kafka {nobody}"]


def test_a_broker_that_tells_a_wrong_address(tmp_path: Path) -> None:
    with KafkaProcess(
        tmp_path, {"advertised.listeners": f"BROKER://127.0.0.1:{free_port()}"}
    ) as own:
        found = of_kafka(settings_of(own.bootstrap_servers, {}))
    assert "error kafka broker 1" in troubles(found)
    assert "`advertised.listeners`" in error_in(found, "broker 1")


def test_a_broker_that_does_not_answer_is_waited_for_no_longer_than_that(
    own_kafka: KafkaProcess,
) -> None:
    own_kafka.pause()
    began = time.monotonic()
    found = of_kafka(settings_of(own_kafka.bootstrap_servers, {}), within=1.0)
    assert time.monotonic() - began < 20
    own_kafka.resume()
    assert troubles(found)[-1] == "error kafka signing in"


def test_a_broker_on_which_the_new_protocol_is_switched_off(tmp_path: Path) -> None:
    with KafkaProcess(tmp_path, features={"group.version": 0}) as own:
        found = of_kafka(settings_of(own.bootstrap_servers, {}, kafka__group_protocol="consumer"))
    assert "error group protocol" in troubles(found)
    assert "PROCESSOR_KAFKA__GROUP_PROTOCOL=classic" in error_in(found, "protocol")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"group.coordinator.rebalance.protocols": "classic"}, "serve the group protocol"),
        ({"group.consumer.assignors": "uniform"}, "no range assignment"),
        ({"group.consumer.session.timeout.ms": "9000"}, "more than a third"),
    ],
)
def test_a_broker_that_does_not_serve_the_new_protocol_as_it_has_to(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    with KafkaProcess(tmp_path, settings) as own:
        found = of_kafka(settings_of(own.bootstrap_servers, {}, kafka__group_protocol="consumer"))
    assert any(each.level == "error" and said in each.found for each in found)
