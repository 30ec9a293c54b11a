"""Measures the sizes of an order, and what its restoring costs; without Kafka, in under a minute.

Ids are random, as real ones are: alike ones would compress as no others do.
"""

import json
import os
import tempfile
from pathlib import Path
from time import process_time
from typing import Final

from processor.core.ledgers import Kept
from processor.core.outcomes import OutcomeView
from processor.core.records import Topics
from processor.shell import schemas
from processor.shell.encoding import OutcomeReader
from processor.shell.ledger.disk import Disk, Identity
from processor.shell.ledger.lasting import LastingLedgers
from processor.shell.vetting import vet
from tests.benchmarks.capacity.constants import Cost, Sizes
from tests.benchmarks.meter import memory
from tests.benchmarks.outcomes import Order
from tests.support.codec import SCHEMA_ID, only, schema_of

ORDERS: Final = 200_000
FEWER: Final = 50_000
_BATCH: Final = 1_000


def measure(orders: int = ORDERS, fewer: int = FEWER) -> Sizes:
    """Measure everything, with so many orders of one item, and fewer of ten.

    The CPU's seconds are this process's, all threads.
    """
    one, ten = Order(1), Order(10)
    copy, restore, copy_memory = _restored(one, orders)
    copy_10, restore_10, _ = _restored(ten, fewer)
    return Sizes(
        paid=Cost.through(one.paid_size, ten.paid_size),
        outcome=Cost.through(one.outcome_size, ten.outcome_size),
        dead_letter=Cost.through(one.dead_letter_size, ten.dead_letter_size),
        copy=Cost.through(copy, copy_10),
        restore=Cost.through(restore, restore_10),
        copy_memory=copy_memory,
    )


def _restored(order: Order, count: int) -> tuple[float, float, float]:
    """Restore so many outcomes; return bytes of disk and CPU seconds each, and bytes of memory."""
    known = vet(json.dumps(schema_of(schemas.OUTCOME)), schemas.readers())
    reader = OutcomeReader(only(SCHEMA_ID, known))
    before = _resident()
    with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
        identity: Identity = {"results": "r", "topic_id": "t", "partitions": 1, "releases": "c"}
        topics = Topics(payments="order-paid", abandonments="cart-abandoned")
        ledgers = LastingLedgers(Disk(Path(folder), identity), topics)
        ledger, _ = ledgers.open(0)
        spent, offset = 0.0, 0
        while offset < count:
            values = [value for _, value in order.outcomes(min(_BATCH, count - offset))]
            begun = process_time()
            for value in values:
                view = reader.read(value)
                assert isinstance(view, OutcomeView)
                ledger.learn(view, offset)
                offset += 1
            ledger.done.forget("order-paid", 1 << 40)
            ledgers.checkpoint([(0, Kept(ledger, offset))], offset / _BATCH)
            spent += process_time() - begun
        grown = _resident() - before
        begun = process_time()
        ledgers.close([(0, Kept(ledger, offset))])
        spent += process_time() - begun
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return size / count, spent / count, grown


def _resident() -> float:
    return float(memory(os.getpid())[0])
