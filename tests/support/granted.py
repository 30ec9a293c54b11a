"""A secured Kafka in which each role has just the rights that `processor topics acls` lists.

The rights are given by the commands that it prints. What a role does is told as text.
"""

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from tests.support.command_line import Said, run
from tests.support.events import cart_abandoned, order_paid, paid_item
from tests.support.kafka_tools import run_script
from tests.support.programs import wait_until
from tests.support.secured import SecuredKafka
from tests.support.world import Processor, World

PASSWORD = "canary-pw-5f1d"
MADE = {
    f"topics__{name}": f"made-{name.replace('_', '-')}"
    for name in ("order_paid", "cart_abandoned", "results", "dead_letters", "replay")
}
"""Settings of topics that are there for `topics create` alone."""
_WITHIN = 20.0
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
_KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
}
_PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}


@dataclass(frozen=True)
class Granted:
    """One right of a role, as the command lists it."""

    role: str
    user: str
    listed: Mapping[str, str]

    @property
    def binding(self) -> AclBinding:
        """The right as the client gives and takes it."""
        return AclBinding(
            _KINDS[self.listed["type"]],
            self.listed["name"],
            _PATTERNS[self.listed["pattern"]],
            f"User:{self.user}",
            "*",
            _OPERATIONS[self.listed["operation"]],
            AclPermissionType.ALLOW,
        )


class Stage:
    """Users who may do what their roles need; `granted` are all their rights."""

    def __init__(self, kafka: SecuredKafka, world: World, folder: Path) -> None:
        self.kafka, self.world = kafka, world
        self._admin = kafka.admin()
        self._paid = 0
        self._folder = folder
        self.granted: list[Granted] = []
        self._users: dict[str, str] = {}
        client = folder / "client.properties"
        client.write_text("client.id=tests\n")
        for roles, settings in (
            (("run", "check", "look-back", "copy", "accept-gap", "scale"), {}),
            (("produce-order-paid", "produce-cart-abandoned"), {}),
            (("topics",), MADE),
        ):
            chosen = [word for role in roles for word in ("--role", role)]
            listed = self._acls(*chosen, "--format", "json", **settings)
            self._take(json.loads(listed))
            reach = ("--command-config", str(client))
            run_script(self._acls(*chosen, "--format", "commands", *reach, **settings), folder)
        for user in self._users.values():
            kafka.give_password(PASSWORD, user)

    def _acls(self, *arguments: str, **settings: str) -> str:
        said = run(self.world, "topics", "acls", *arguments, **settings)
        assert said.code == 0, said.err
        return said.out

    def _take(self, roles: list[dict[str, Any]]) -> None:
        for role in roles:
            self._users[role["role"]] = role["user"]
            self.granted += [Granted(role["role"], role["user"], each) for each in role["rights"]]

    def _door(self, role: str) -> dict[str, Any]:
        return dict(self.kafka.properties(PASSWORD, self._users[role]))

    def _run(self, role: str, *arguments: str, **settings: str) -> Said:
        """Run a command as the user of a role."""
        own = {
            "kafka__bootstrap_servers": self.kafka.guarded,
            "kafka__properties": json.dumps(self._door(role)),
            "replay__most_redrives": "100",
        }
        return run(self.world, *arguments, **own, **settings)

    def command(self, role: str, line: str, **settings: str) -> str:
        """Run a command as the user of a role; return what it prints, and its exit code."""
        said = self._run(role, *shlex.split(line), **settings)
        return f"exit code {said.code}\n{said.out}{said.err}"

    def processor(self, protocol: str = "classic", **settings: str) -> Processor:
        """Return a processor of the user that runs it."""
        properties = self._door("run")
        if protocol == "classic":
            properties |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
        return self.world.processor(
            kafka__bootstrap_servers=self.kafka.guarded,
            kafka__properties=json.dumps(properties),
            kafka__group_protocol=protocol,
            start_timeout="4",
            **settings,
        )

    def work(self, protocol: str = "classic", *, reads_all: bool = False) -> str:
        """Let a processor work new events, one that Rokt refuses among them; tell what came of it.

        `drained` when it has worked them, and all it complains of otherwise. `reads_all`: it has no
        copy of its ledger, which may spare it the results.
        """
        shop, self._paid = self.world.shop, self._paid + 1
        # A second from now: the ledger must not look younger than its first order.
        at = int(time.time() * 1_000) + 1_000
        shop.paid(order_paid(f"good-{self._paid}", f"c-{self._paid}", occurredAt=at))
        bad = f"bad-{self._paid}"
        shop.paid(order_paid(bad, "c-bad", paid_item(bad), occurredAt=at))
        shop.abandoned(cart_abandoned(f"gone-{self._paid}", f"a-{self._paid}"))
        shop.flush()
        own = {"state_dir": str(self._folder / f"anew-{self._paid}")} if reads_all else {}
        with self.processor(protocol, **own) as processor:
            wait_until(
                lambda: self._ended(processor) is not None,
                within=40,
                what=f"it works, or says why not ({processor.program.log_text()[-2000:]})",
            )
            told = self._ended(processor)
            processor.program.stop()
        return f"{told}\n{processor.program.log_text()}"

    def _ended(self, processor: Processor) -> str | None:
        if not processor.program.is_running:
            return "ended"
        if not processor.answers("/livez"):
            return None
        away = processor.status()["away"]
        return str(away) if away else "drained" if self.world.lag() == 0 else None

    @contextmanager
    def fleet(self) -> Iterator[Processor]:
        """Have a processor at work."""
        with self.processor() as processor:
            processor.wait_until_ready()
            yield processor
            processor.program.stop()

    def copy(self) -> str:
        """Redrive what Rokt has refused, with a processor at work; tell what the command prints."""
        with self.fleet():
            return self.command("copy", "redrive --from 1h --execute --yes --json")

    @contextmanager
    def compacted(self, topic: str) -> Iterator[None]:
        """Have a topic compacted meanwhile."""
        self._set(topic, "compact,delete")
        try:
            yield
        finally:
            self._set(topic, "delete")

    def _set(self, topic: str, policy: str) -> None:
        entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self._admin.incremental_alter_configs([resource])[resource].result(_WITHIN)

    def lose(self, topic: str) -> None:
        """Delete records of partition 0 that nobody has received; no processor may be at work."""
        value = self.world.shop.value(self.world.topics.order_paid, order_paid("lost", "c-lost"))
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers, "acks": "all"})
        ends: list[int] = []
        producer.produce(
            topic, value, b"c-lost", 0, on_delivery=lambda _, told: ends.append(_next(told))
        )
        assert producer.flush(_WITHIN) == 0
        place = TopicPartition(topic, 0, ends[0])
        self._admin.delete_records([place])[place].result(_WITHIN)

    def produce(self, role: str, topic: str) -> str:
        """Produce as the user of a role, to make sure in order; tell what came of it."""
        told: list[str] = []
        producer = Producer(
            {
                "bootstrap.servers": self.kafka.guarded,
                "enable.idempotence": True,
                "message.timeout.ms": 5_000,
                **self._door(role),
            }
        )
        producer.produce(
            topic,
            b"\0",
            b"c-nobody",
            on_delivery=lambda error, _: told.append(error.str() if error else "delivered"),
        )
        try:
            producer.flush(_WITHIN)
        except (
            KafkaException,
            SystemError,
        ) as refused:  # who may write nowhere is refused for good
            return f"{refused} {refused.__cause__}"
        return told[0]

    def lag(self, role: str) -> str:
        """Ask for all that KEDA asks for, as the user of a role; tell what came of it."""
        admin = AdminClient({"bootstrap.servers": self.kafka.guarded, **self._door(role)})
        topics = self.world.topics
        places = [TopicPartition(each, 0) for each in (topics.order_paid, topics.cart_abandoned)]
        asked = ConsumerGroupTopicPartitions(self.world.group, places)
        try:
            ends = admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()))
            for end in ends.values():
                end.result(_WITHIN)
            (group,) = admin.list_consumer_group_offsets([asked]).values()
            committed = group.result(_WITHIN).topic_partitions
        except KafkaException as refused:
            return str(refused)
        refusals = [str(each.error) for each in committed if each.error]
        return " ".join(refusals) or "the lag is known"

    def delete(self, topic: str) -> None:
        """Delete a topic if it is there."""
        if topic in self._admin.list_topics(timeout=_WITHIN).topics:
            self._admin.delete_topics([topic])[topic].result(_WITHIN)

    @contextmanager
    def without(self, right: Granted) -> Iterator[None]:
        """Take a right away meanwhile; in the place of READ and WRITE stands DESCRIBE."""
        with ExitStack() as stack:
            if right.listed["operation"] in ("Read", "Write"):
                lesser = replace(right, listed={**right.listed, "operation": "Describe"}).binding
                self.kafka.allow([lesser])
                stack.callback(self.kafka.forbid, [lesser])
            self.kafka.forbid([right.binding])
            stack.callback(self.kafka.allow, [right.binding])
            yield

    def rights_in_force(self) -> list[AclBinding]:
        """Return everything that anybody is allowed."""
        anything: Any = None  # the stubs do not know that it may be asked for
        asked = AclBindingFilter(
            ResourceType.ANY,
            anything,
            ResourcePatternType.ANY,
            anything,
            anything,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        return [*self._admin.describe_acls(asked).result(_WITHIN)]


def _next(message: Message) -> int:
    return (message.offset() or 0) + 1
