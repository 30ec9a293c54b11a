"""Strangers at the port of a processor at work: orders go on, and so do probes."""

import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import oracle
from tests.support.brokers import RealKafka
from tests.support.events import order_paid
from tests.support.malformed import FATAL, UNREADABLE_NAME, malformed
from tests.support.registries import RealRegistry
from tests.support.world import Processor, World, open_world

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

ORDERS = 3_000
STRANGER = ("127.0.0.2", 0)
Nuisance = Callable[[int, random.Random], None]


@pytest.fixture
def world(kafka: RealKafka, registry: RealRegistry, tmp_path: Path) -> Iterator[World]:
    """A world of two partitions."""
    with open_world(kafka, registry, tmp_path, partitions=2) as opened:
        yield opened


def stand_there(port: int, _: random.Random) -> None:
    with contextlib.ExitStack() as stack:
        for _number in range(100):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5, STRANGER))
            opened.sendall(b"GET /status HTTP/1.1\r\nHost: local")
        time.sleep(0.5)


def ask_again_and_again(port: int, drawn: random.Random) -> None:
    path = drawn.choice((b"/metrics", b"/status", b"/page.json", b"/", b"/readyz"))
    ask = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 5, STRANGER) as opened:
        for _ in range(50):
            opened.sendall(ask * 4)
            opened.recv(4_096)


def send_anything(port: int, drawn: random.Random) -> None:
    with socket.create_connection(("127.0.0.1", port), 5, STRANGER) as opened:
        opened.sendall(drawn.randbytes(drawn.randint(1, 5_000)) + b"\r\n\r\n")
        opened.recv(4_096)


def send_what_is_no_request(port: int, drawn: random.Random) -> None:
    with socket.create_connection(("127.0.0.1", port), 5, STRANGER) as opened:
        opened.sendall(drawn.choice((FATAL, UNREADABLE_NAME, malformed(drawn))))
        opened.settimeout(0.1)
        opened.recv(4_096)


def come_and_go(port: int, _: random.Random) -> None:
    socket.create_connection(("127.0.0.1", port), 5, STRANGER).close()


NUISANCES: Final = (
    stand_there,
    ask_again_and_again,
    send_anything,
    send_what_is_no_request,
    come_and_go,
)


@contextlib.contextmanager
def nuisances(port: int, drawn: random.Random, bitten: dict[str, int]) -> Iterator[None]:
    """Have strangers at a port, each on a thread of its own, and count how often each came."""
    over = threading.Event()

    def go_on(act: Nuisance, chance: random.Random) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                act(port, chance)
            bitten[act.__name__] = bitten.get(act.__name__, 0) + 1
            over.wait(0.005)

    kinds = (*NUISANCES, ask_again_and_again)
    threads = [
        threading.Thread(target=go_on, args=(act, random.Random(drawn.random()))) for act in kinds
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def probed(processor: Processor, found: list[int]) -> None:
    """Ask as a kubelet does, and keep what is answered."""
    found.extend(processor.answers(path) for path in ("/livez", "/readyz"))


def test_orders_and_probes_go_on_whoever_is_at_the_port(
    world: World, seeded: random.Random
) -> None:
    for number in range(ORDERS):
        world.shop.paid(order_paid(f"o-{number}", f"c-{number}"))
    world.shop.flush()
    bitten: dict[str, int] = {}
    answers: list[int] = []
    with world.processor() as processor:
        processor.wait_until_ready()
        port = int(processor.url.rpartition(":")[2])
        with nuisances(port, seeded, bitten):
            deadline = time.monotonic() + 120
            while world.lag() and time.monotonic() < deadline:
                probed(processor, answers)
            for _ in range(20):
                probed(processor, answers)
                time.sleep(0.1)
        assert world.lag() == 0
        assert processor.program.stop(30) == 0
    assert set(bitten) == {each.__name__ for each in NUISANCES}
    # One that is lost in the crowd is asked again by a kubelet; two in a row would be a restart.
    assert (0, 0) not in zip(answers[::2], answers[2::2], strict=False)
    assert set(answers) <= {0, 200}
    assert answers.count(200) >= 0.9 * len(answers)
    assert oracle.check(world) == {"SUCCEEDED": ORDERS}
    lines = [json.loads(line) for line in world.logs().splitlines()]
    told = [line for line in lines if str(line.get("logger")).startswith("processor.shell.server")]
    assert {(line["level"], line["event"]) for line in told} == {
        ("debug", "a connection was ended")
    }
