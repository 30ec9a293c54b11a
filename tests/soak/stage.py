"""The stage: real brokers and a registry that may fail, a fake Rokt, topics, a shop, a fleet."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from processor.fake_rokt.rules import Rule, Then, When
from processor.fake_rokt.server import FakeRokt
from processor.fake_rokt.settings import Settings
from tests.soak.fleet import Fleet
from tests.support.brokers import KafkaProcess
from tests.support.cluster import Cluster
from tests.support.registries import RealRegistry
from tests.support.traffic import Traffic
from tests.support.watermarks import Watermarks
from tests.support.world import World

PARTITIONS = 6
_LATENCY = (0.005, 0.08)
_EVERYTHING = 10_000_000
_SETTINGS = {
    "log__level": "info",
    "calls__max_in_flight": "32",
}
_ALWAYS = (
    Rule(when=When(probability=0.01), then=Then(status=422)),
    Rule(when=When(probability=0.01), then=Then(reject="all")),
)
PROTOCOLS: Mapping[str, Mapping[str, str]] = {
    "classic": {"kafka__group_protocol": "classic"},
    # The session timeout is the broker's there.
    "consumer": {
        "kafka__group_protocol": "consumer",
        "kafka__properties": "{}",
        "kafka__lease": "3",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that a fault may hit. `kafka` is one broker, or three."""

    kafka: KafkaProcess | Cluster
    registry: RealRegistry
    rokt: FakeRokt
    world: World
    fleet: Fleet
    traffic: Traffic
    watermarks: Watermarks

    def set_rules(self, *rules: Rule) -> None:
        """Let the fake Rokt follow these rules before those that always hold."""
        self.rokt.rules.clear()
        self.rokt.rules.add((*rules, *_ALWAYS))


@contextmanager
def stage(folder: Path, *, brokers: int, seed: int, rate: float, protocol: str) -> Iterator[Stage]:
    """Set the stage; the fleet does not run yet."""
    with ExitStack() as stack:
        kafka = _kafka(folder / "kafka", brokers)
        stack.enter_context(kafka)
        registry = stack.enter_context(_registry(folder / "registry"))
        settings = Settings(latency=_LATENCY, seed=seed, rules=_ALWAYS, keep_entries=_EVERYTHING)
        rokt = stack.enter_context(FakeRokt.in_thread(settings))
        world = World(kafka, registry, rokt, folder, PARTITIONS)
        watermarks = Watermarks(world)
        stack.callback(watermarks.close)
        yield Stage(
            kafka=kafka,
            registry=registry,
            rokt=rokt,
            world=world,
            fleet=Fleet(world, {**_SETTINGS, **PROTOCOLS[protocol]}),
            traffic=Traffic(world.shop, seed, rate),
            watermarks=watermarks,
        )


def _kafka(folder: Path, brokers: int) -> KafkaProcess | Cluster:
    folder.mkdir()
    return KafkaProcess(folder) if brokers == 1 else Cluster(folder)


def _registry(folder: Path) -> RealRegistry:
    folder.mkdir()
    return RealRegistry(folder)
