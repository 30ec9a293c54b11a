"""The course of all checks: one after the other, the later ones with what the earlier have learnt.

What depends on something that has failed is not looked at, and said to be so; all else goes on.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from processor.core.blueprints import INPUTS, Names, Purpose
from processor.core.records import Partition
from processor.core.rights import Groups
from processor.shell.checks import (
    clocks,
    group,
    kafka,
    protocols,
    reach,
    registry,
    rights,
    rokt,
    server,
    settings,
    topics,
)
from processor.shell.checks.findings import Area, Finding, Voice, bounded
from processor.shell.checks.scene import Clock, Scene
from processor.shell.settings import Loaded, Settings
from processor.shell.settings_source import variable

_STEPS_A_CHECK: Final = 8
_KAFKA: Final = ("kafka.bootstrap_servers", "kafka.properties")
_TOPICS: Final = (
    "topics.order_paid",
    "topics.cart_abandoned",
    "topics.results",
    "topics.dead_letters",
    "topics.replay",
)
_GROUP: Final = ("kafka.group_id", "kafka.group_protocol", "kafka.start")
_REGISTRY: Final = (
    "schema_registry.url",
    "schema_registry.username",
    "schema_registry.password",
    "schema_registry.ca_file",
    "schema_registry.client_certificate_file",
    "schema_registry.client_key_file",
    *_TOPICS,
)
_SERVER: Final = (
    "server.host",
    "server.port",
    "server.certificate_file",
    "server.key_file",
    "server.username",
    "server.password",
)
_ROKT: Final = (
    "rokt.base_url",
    "http_client.allowed_addresses",
    "http_client.ca_file",
    "http_client.client_certificate_file",
    "http_client.client_key_file",
)


def run(loaded: Loaded[Settings], names: Names, groups: Groups, within: float) -> Iterator[Finding]:
    """Look at everything; `within` seconds hold for each step of each check. Blocks."""
    scene = Scene(settings=loaded.settings, names=names, groups=groups, within=within)
    doubtful = loaded.doubtful
    yield from settings.look(loaded)
    yield from _bounded(
        Area.FILES, lambda: settings.files(loaded.settings, doubtful), scene, doubtful, ()
    )
    yield from _bounded(Area.SERVER, lambda: server.look(scene), scene, doubtful, _SERVER)
    yield from _bounded(Area.KAFKA, lambda: kafka.look(scene), scene, doubtful, _KAFKA)
    if scene.is_signed_in:
        admin, _ = reach.open_admin(loaded.settings.kafka)
        yield from _cluster(scene, admin, doubtful)
    else:
        admin = None
        for area in (Area.TOPICS, Area.RIGHTS, Area.GROUP):
            yield Voice(area=area).unknown(area, "Kafka has to let us in first")
    yield from _bounded(Area.REGISTRY, lambda: registry.look(scene), scene, doubtful, _REGISTRY)
    yield from _bounded(Area.ROKT, lambda: rokt.look(scene), scene, doubtful, _ROKT)
    yield from _bounded(Area.CLOCKS, lambda: clocks.look(scene, _records(scene, admin)), scene)


def _bounded(
    area: Area,
    check: Callable[[], Iterable[Finding]],
    scene: Scene,
    doubtful: AbstractSet[str] = frozenset(),
    needs: Iterable[str] = (),
) -> Iterator[Finding]:
    wrong = [variable(each) for each in needs if each in doubtful]
    if wrong:
        yield Voice(area=area).unknown(area, f"Mend the settings first: {', '.join(wrong)}")
        return
    yield from bounded(area, check, scene.within * _STEPS_A_CHECK)


def _cluster(scene: Scene, admin: AdminClient, doubtful: AbstractSet[str]) -> Iterator[Finding]:
    """Look at topics, rights and group."""
    told: dict[Purpose, topics.Told] = {}

    def of_topics() -> Iterator[Finding]:
        told.update(topics.ask(admin, scene.names, scene.within))
        yield from topics.look(scene, told)

    def of_rights() -> Iterator[Finding]:
        own = rights.of_groups(scene, admin, scene.names[Purpose.ORDER_PAID])
        everything = rights.Everything(
            topics=rights.of_topics(told, scene.names),
            groups=own,
            cluster=rights.of_cluster(scene, admin),
        )
        yield from rights.judge(scene.names, scene.groups, everything)

    def of_group() -> Iterator[Finding]:
        yield from protocols.look(scene, admin)
        yield from group.look(scene)

    yield from _bounded(Area.TOPICS, of_topics, scene, doubtful, _TOPICS)
    if told:
        yield from _bounded(Area.RIGHTS, of_rights, scene, doubtful, _GROUP[:1])
    else:
        yield Voice(area=Area.RIGHTS).unknown(Area.RIGHTS, "The topics have to be told first")
    yield from _bounded(Area.GROUP, of_group, scene, doubtful, _GROUP)


def _records(scene: Scene, admin: AdminClient | None) -> list[Clock]:
    if admin is None or scene.partitions is None:
        return []
    of_inputs = [
        Partition(scene.names[each], number)
        for each in INPUTS
        for number in range(scene.partitions)
    ]
    try:
        return [*clocks.newest(admin, of_inputs, scene.within)]
    except KafkaException:
        return []
