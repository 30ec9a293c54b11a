"""Credentials for Kafka that change while the processor works: passwords and certificates."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.test_secured import (
    OTHER_PASSWORD,
    PASSWORD,
    abandon,
    called,
    everything_shown,
    lease_is_over,
    logged,
    pay,
    wait_until_all_is_well,
    wait_until_said,
)
from tests.support import oracle
from tests.support.certified import CertifiedKafka
from tests.support.programs import wait_until
from tests.support.registries import RealRegistry
from tests.support.secured import SecuredKafka, reading, rights
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(240)]

LEASE = 2.0
QUICK = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
PROTOCOLS = ["classic", "consumer"]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredKafka]:
    """A Kafka that asks for a password."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    with SecuredKafka(folder) as own:
        own.give_password(PASSWORD)
        yield own


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[CertifiedKafka]:
    """A Kafka that asks for a certificate."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    with CertifiedKafka(folder) as own:
        yield own


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    """The file of librdkafka's properties."""
    return tmp_path / "properties.json"


def write(path: Path, properties: Mapping[str, str | int], protocol: str = "consumer") -> None:
    """Replace the file in one step, as a rotation does."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({**properties, **(QUICK if protocol == "classic" else {})}))
    new.chmod(0o600)
    new.replace(path)


def guarded(
    world: World, kafka: SecuredKafka, properties: Path, protocol: str = "consumer"
) -> Processor:
    """Return a processor that comes in by the guarded door, with what the file says."""
    return world.processor(
        kafka__bootstrap_servers=kafka.guarded,
        kafka__group_protocol=protocol,
        kafka__lease=str(LEASE),
        kafka__properties="",
        kafka__properties_file=str(properties),
        start_timeout="5",
    )


@contextmanager
def at_work(
    kafka: SecuredKafka,
    registry: RealRegistry,
    properties: Path,
    given: Mapping[str, str | int],
    protocol: str = "consumer",
) -> Iterator[tuple[World, Processor]]:
    """Give a processor that came in by the guarded door with `given`, and worked four orders."""
    with open_world(kafka, registry, properties.parent, partitions=2) as world:
        kafka.allow(rights(world))
        write(properties, given, protocol)
        pay(world, "early", 4)
        with guarded(world, kafka, properties, protocol) as processor:
            world.wait_until_drained()
            yield world, processor


def reconnect(kafka: SecuredKafka) -> None:
    """Have all connections made anew: those that are open outlive what let them in."""
    kafka.stop()
    kafka.start()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_password_that_changes_is_taken_up_by_every_client(
    secured: SecuredKafka,
    registry: RealRegistry,
    properties: Path,
    protocol: str,
) -> None:
    """First the brokers have another one, then the file; nothing restarts."""
    given = secured.properties(PASSWORD)
    with at_work(secured, registry, properties, given, protocol) as (world, processor):
        secured.give_password(OTHER_PASSWORD)
        reconnect(secured)
        pay(world, "late", 3)
        wait_until_said(processor, "Authentication failed")
        write(properties, secured.properties(OTHER_PASSWORD), protocol)
        wait_until_all_is_well(world, processor)
        reconnect(secured)
        visit(world, guarded(world, secured, properties, protocol))
        pay(world, "last", 4)
        wait_until_all_is_well(world, processor)
        said = Counter(each["event"] for each in logged(processor))
        assert (said["start"], said["a secret was read again"]) == (1, 1)
        for password in (PASSWORD, OTHER_PASSWORD):
            assert password not in everything_shown(world, processor)
        assert processor.program.stop() == 0
        calls = called(world, "late") | called(world, "two") | called(world, "last")
        assert (len(calls), {*calls.values()}) == (11, {1})
        assert oracle.check(world) == {"SUCCEEDED": 15}


def visit(world: World, second: Processor) -> None:
    """Let another member take partitions over, and give them back.

    Then the ledgers are read by a client that has lain idle with the old password.
    """
    with second:
        second.wait_until_ready()
        pay(world, "two", 4)
        world.wait_until_drained()
        assert second.program.stop() == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_password_that_changes_before_anything_is_asked_for_it_is_not_noticed(
    secured: SecuredKafka,
    registry: RealRegistry,
    properties: Path,
    protocol: str,
) -> None:
    given = secured.properties(PASSWORD)
    with at_work(secured, registry, properties, given, protocol) as (world, processor):
        secured.give_password(OTHER_PASSWORD)
        write(properties, secured.properties(OTHER_PASSWORD), protocol)
        wait_until(
            lambda: "a secret was read again" in processor.program.log_text(),
            within=10,
            what="the file was read",
        )
        reconnect(secured)
        pay(world, "late", 3)
        wait_until_all_is_well(world, processor)
        assert "Authentication failed" not in processor.program.log_text()
        assert processor.program.stop() == 0
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 7}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_certificate_gives_the_rights_of_its_name_and_no_more(
    certified: CertifiedKafka,
    registry: RealRegistry,
    properties: Path,
    tmp_path: Path,
    protocol: str,
) -> None:
    given = certified.certify(tmp_path)
    with at_work(certified, registry, properties, given, protocol) as (world, processor):
        abandon(world, "early", 2)
        right = reading(world.topics.order_paid)
        world.wait_until_drained()
        certified.forbid([right])
        pay(world, "late", 3)
        wait_until_said(processor, "authorization failed")
        assert world.lag() >= 3
        certified.allow([right])
        wait_until_all_is_well(world, processor)
        assert processor.program.stop() == 0
        assert oracle.check(world, may_repeat=True) == {"SUCCEEDED": 9}


def test_a_stranger_and_a_certificate_of_nobody_are_refused_at_the_start(
    certified: CertifiedKafka, registry: RealRegistry, properties: Path, tmp_path: Path
) -> None:
    with open_world(certified, registry, tmp_path, partitions=2) as world:
        certified.allow(rights(world))
        pay(world, "early", 1)
        write(properties, certified.certify(tmp_path, "a-stranger"))
        with guarded(world, certified, properties) as processor:
            assert processor.program.wait(30) == 2
            assert "To a user without rights on them they look missing" in (
                processor.program.log_text()
            )
        foreign = CertifiedKafka(_folder(tmp_path / "foreign")).authority
        write(properties, certified.certify(tmp_path, authority=foreign))
        with guarded(world, certified, properties) as processor:
            assert processor.program.wait(30) == 1
            assert "SSL" in processor.program.log_text()
            assert "Traceback" not in processor.program.log_text()
        write(properties, certified.certify(tmp_path))
        with guarded(world, certified, properties) as processor:
            world.wait_until_drained()
            assert processor.program.stop() == 0
        assert oracle.check(world) == {"SUCCEEDED": 1}


def test_a_new_certificate_is_said_to_need_a_restart_and_is_used_after_one(
    certified: CertifiedKafka, registry: RealRegistry, properties: Path, tmp_path: Path
) -> None:
    """First members restart with the new certificate, then the old one loses its force."""
    given = certified.certify(tmp_path)
    with at_work(certified, registry, properties, given) as (world, processor):
        certified.certify(tmp_path)
        wait_until(
            lambda: "restart the members" in processor.program.log_text(),
            within=10,
            what="the log says that a restart is needed",
        )
        pay(world, "late", 3)
        world.wait_until_drained()
        assert processor.program.stop() == 0
        with guarded(world, certified, properties) as again:
            pay(world, "last", 3)
            world.wait_until_drained()
            assert again.program.stop() == 0
        assert oracle.check(world) == {"SUCCEEDED": 10}


def test_a_certificate_that_lost_its_force_is_waited_for_and_a_restart_goes_on(
    certified: CertifiedKafka, registry: RealRegistry, properties: Path, tmp_path: Path
) -> None:
    given = certified.certify(tmp_path)
    with at_work(certified, registry, properties, given) as (world, processor):
        certified.trust_another()
        reconnect(certified)
        pay(world, "late", 3)
        wait_until_said(processor, "SSL")
        wait_until(lambda: lease_is_over(processor), within=30, what="the lease is over")
        assert processor.answers("/livez") == 200
        assert called(world, "late") == {}
        certified.certify(tmp_path)
        assert processor.program.stop() == 1  # it could not hand over
        assert "Nothing is lost" in processor.program.log_text()
        with guarded(world, certified, properties) as again:
            wait_until_all_is_well(world, again)
            assert again.program.stop() == 0
        assert called(world, "late") == {f"late-{n}": 1 for n in range(3)}
        assert oracle.check(world) == {"SUCCEEDED": 7}


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
