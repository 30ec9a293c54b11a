"""The group's protocol and session, against what the brokers serve and allow."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from processor.shell.checks.findings import Area, Finding, Voice
from processor.shell.checks.scene import Scene
from processor.shell.settings import Settings
from processor.shell.settings_values import show_seconds

_VOICE: Final = Voice(area=Area.GROUP)
_SUBJECT: Final = "protocol"
_SESSION: Final = "session"
_PROTOCOLS: Final = "group.coordinator.rebalance.protocols"
_MOST: Final = 12  # brokers that are asked one by one


def look(scene: Scene, admin: AdminClient) -> Iterator[Finding]:
    """Look whether the brokers serve the group's protocol and sessions; blocks."""
    told: list[Mapping[str, str]] = []
    for number in scene.brokers[:_MOST]:
        config = _config(admin, number, scene.within)
        if config is None:  # nor will the others tell
            break
        told.append(config)
    yield from judge_protocol(scene, told)
    yield from judge_session(scene.settings, told)


def _config(admin: AdminClient, broker: int, within: float) -> Mapping[str, str] | None:
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    try:
        asked: Any = admin.describe_configs([resource], request_timeout=within)
        entries = asked[resource].result(within)
    except (KafkaException, TimeoutError):
        return None
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def judge_protocol(scene: Scene, configs: Collection[Mapping[str, str]]) -> Iterator[Finding]:
    """Say whether the brokers serve the group protocol, with range assignment."""
    if scene.settings.kafka.group_protocol == "classic":
        yield _VOICE.ok(_SUBJECT, "classic, which every broker serves")
        return
    can = scene.abilities
    if can is None:
        yield _VOICE.unknown(_SUBJECT, "Whether the brokers serve `consumer`: none has said so")
        return
    if not can.has_consumer_protocol:
        yield _VOICE.error(
            _SUBJECT,
            "The brokers do not serve the group protocol `consumer` (KIP-848)",
            "Set PROCESSOR_KAFKA__GROUP_PROTOCOL=classic, or have Kafka 4.0 or newer with the "
            "feature group.version=1",
        )
        return
    if any("consumer" not in each.get(_PROTOCOLS, "consumer").lower() for each in configs):
        yield _VOICE.error(
            _SUBJECT,
            f"The brokers are set not to serve the group protocol `consumer` ({_PROTOCOLS})",
            "Add `consumer` to it on the brokers, or set PROCESSOR_KAFKA__GROUP_PROTOCOL=classic",
        )
        return
    without = [
        each
        for each in configs
        if "range" not in (each.get("group.consumer.assignors") or "range").lower()
    ]
    if without:
        yield _VOICE.error(
            _SUBJECT,
            "The brokers have no range assignment for the protocol `consumer`: "
            f"group.consumer.assignors={without[0]['group.consumer.assignors']}",
            "Add `range` to it on the brokers, or set PROCESSOR_KAFKA__GROUP_PROTOCOL=classic",
        )
    elif configs:
        yield _VOICE.ok(_SUBJECT, "consumer (KIP-848), with range assignment")
    else:
        yield _VOICE.unknown(
            _SUBJECT,
            "The brokers serve `consumer` (KIP-848); whether with range assignment this user may "
            "not know",
            "Run this once as somebody with DESCRIBE_CONFIGS on the cluster, or look at "
            "group.consumer.assignors",
        )


def judge_session(settings: Settings, configs: Collection[Mapping[str, str]]) -> Iterator[Finding]:
    """Compare the group's session, and what has to end within it, with the brokers' bounds."""
    kafka, client = settings.kafka, settings.http_client
    if not configs:
        yield _VOICE.unknown(
            _SESSION,
            "Whether the session timeout suits the brokers: their settings may not be read",
            "Run this once as somebody with DESCRIBE_CONFIGS on the cluster",
        )
        return
    config = next(iter(configs))
    timeout = kafka.session_timeout
    if timeout is not None:
        low = float(config.get("group.min.session.timeout.ms", "0")) / 1_000
        high = float(config.get("group.max.session.timeout.ms", "inf")) / 1_000
        if low <= timeout <= high:
            yield _VOICE.ok(_SESSION, f"{show_seconds(timeout)}, as the brokers allow")
            return
        bounds = f"from {show_seconds(low)} to {show_seconds(high)}"
        yield _VOICE.error(
            _SESSION,
            f"The session timeout of {show_seconds(timeout)} is refused: the brokers allow it "
            f"{bounds}",
            "Set `session.timeout.ms` in PROCESSOR_KAFKA__PROPERTIES to what they allow",
        )
        return
    timeout = float(config.get("group.consumer.session.timeout.ms", "45000")) / 1_000
    longest = max(client.confirm_deadline, client.release_deadline)
    if kafka.lease > timeout / 3:
        yield _VOICE.error(
            _SESSION,
            f"PROCESSOR_KAFKA__LEASE={show_seconds(kafka.lease)} is more than a third of the "
            f"brokers' session timeout of {show_seconds(timeout)}: two owners may call at once",
            f"Set it to {show_seconds(timeout / 3)} or less, or raise "
            "group.consumer.session.timeout.ms on the brokers",
        )
    elif longest >= timeout:
        yield _VOICE.error(
            _SESSION,
            f"A call may take {show_seconds(longest)}, as long as the brokers' session timeout of "
            f"{show_seconds(timeout)}",
            "Shorten PROCESSOR_HTTP_CLIENT__…_DEADLINE, or raise group.consumer.session.timeout.ms",
        )
    else:
        yield _VOICE.ok(_SESSION, f"{show_seconds(timeout)} at the brokers, and the lease fits")
