"""What the ledger keeps of an order, so that it can be told from the rest of the memory."""

import tracemalloc

from processor.core.ledger import Ledger
from processor.core.outcomes import OutcomeView
from processor.core.records import Source
from processor.core.replies import ItemVerdict
from processor.core.vocabulary import Effect, ItemResult, Operation, Status
from tests.benchmarks.orders import cart_id, order_id


def bytes_an_order(orders: int = 20_000) -> float:
    """Return the bytes that a ledger takes for each order of one item."""
    ledger = Ledger("cart-abandoned")
    tracemalloc.start()
    for number in range(orders):
        ledger.learn(_outcome(number))
    ledger.done.forget("order-paid", orders)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / orders


def _outcome(number: int) -> OutcomeView:
    cart = cart_id(f"{number:07}")
    return OutcomeView(
        outcome_id=f"{number:036}",
        operation=Operation.CONFIRM,
        status=Status.SUCCEEDED,
        effect=Effect.APPLIED,
        reason=None,
        cart_id=cart,
        order_id=order_id(f"{number:07}"),
        source=Source("order-paid", 0, number, number),
        origin=None,
        replay_id=None,
        request_fingerprint=f"{number:064}",
        items=(
            ItemVerdict(
                cart_item_id=f"item-{cart}-1",
                item_reservation_id=f"reservation-{cart}-1",
                result=ItemResult.SUCCEEDED,
            ),
        ),
    )
