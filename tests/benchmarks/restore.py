"""What a long ledger costs: `python -m tests.benchmarks.restore --orders 10000000`.

So many outcomes of one-item orders lie in the results. A processor without a copy reads all of
them, one with its copy what came since. It prints figures, no verdict.
"""

import argparse
import time
import urllib.request
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from processor.shell import schemas
from tests.benchmarks.case import Case
from tests.benchmarks.meter import cpu_seconds, memory
from tests.benchmarks.outcomes import Order
from tests.benchmarks.stage import Scene, stage
from tests.support.programs import Program, free_port, wait_until

_MEGABYTE = 1e6
_WITHIN = 3_600.0
_LAST_LINES = 2_000


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000, help="outcomes")
    parser.add_argument("--partitions", type=int, default=8)
    arguments = parser.parse_args()
    case = Case(orders=arguments.orders, partitions=arguments.partitions)
    with stage() as play, play.scene(case) as scene:
        length = _write_outcomes(scene, case.orders)
        print(
            f"{case.orders:,} outcomes of {length} bytes in {case.partitions} partitions",
            flush=True,
        )
        state = play.folder / "state"
        for name in ("without a copy", "with its copy "):
            with _Running(scene, state) as (program, port):
                print(f"{name}  {_read(program, port, case.orders)}", flush=True)
                program.stop()
            on_disk = sum(each.stat().st_size for each in state.rglob("*") if each.is_file())
            size = on_disk / case.orders
            print(f"    the copy: {on_disk / _MEGABYTE:,.0f} MB, {size:.0f} bytes an order")


class _Running:
    """A processor, and the port of its server."""

    def __init__(self, scene: Scene, state: Path) -> None:
        self._port = free_port()
        more = {"SERVER__PORT": str(self._port), "STATE_DIR": str(state), "KAFKA__START": "latest"}
        self._program = scene.processor(more=more)

    def __enter__(self) -> tuple[Program, int]:
        self._program.start()
        return self._program, self._port

    def __exit__(self, *_: object) -> None:
        self._program.kill()


def _read(program: Program, port: int, outcomes: int) -> str:
    begun = time.monotonic()
    wait_until(lambda: _is_ready(program, port), within=_WITHIN, what="the ledger is read")
    seconds, cpu = time.monotonic() - begun, cpu_seconds(program.pid)
    resident, peak = memory(program.pid)
    return (
        f"ready after {seconds:,.1f} s and {cpu:,.1f} s of the CPU,"
        f" {outcomes / cpu:,.0f} outcomes/CPU-s,"
        f" {resident / _MEGABYTE:,.0f} MB resident, {peak / _MEGABYTE:,.0f} MB at most"
    )


def _is_ready(program: Program, port: int) -> bool:
    if not program.is_running:
        raise TimeoutError(f"the processor has ended: {program.log_text()[-_LAST_LINES:]}")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _write_outcomes(scene: Scene, count: int) -> int:
    topic = scene.topics.results
    with SchemaRegistryClient({"url": scene.stage.registry_url}) as client:
        schema = Schema(schemas.text(schemas.OUTCOME))
        order = Order(1, client.register_schema(schemas.subject(topic), schema))
    producer = Producer(
        {
            "bootstrap.servers": scene.stage.kafka.bootstrap_servers,
            "linger.ms": 20,
            "batch.size": 100_000,
            "acks": 1,
            "log_level": 0,
        }
    )
    for number, (key, value) in enumerate(order.outcomes(count)):
        partition = number % scene.case.partitions
        while True:
            try:
                producer.produce(topic, value, key, partition)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush()
    return len(order.value)


if __name__ == "__main__":
    main()
