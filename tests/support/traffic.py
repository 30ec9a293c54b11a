"""The traffic: a shop that goes on, whatever fails around it."""

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from confluent_kafka import KafkaError, Message

from tests.support.events import (
    Shop,
    abandoned_item,
    cart_abandoned,
    order_paid,
    paid_item,
)

_EVERY = 0.2
_CARTS_AT_ONCE = 200
_REMEMBERED = 500


class Traffic:
    """A mixture of all kinds of events, the same for the same seed."""

    def __init__(self, shop: Shop, seed: int, rate: float) -> None:
        """Prepare; `rate` is in events a second."""
        self._shop = shop
        self._rng = random.Random(f"traffic {seed}")
        self._step = max(1, round(rate * _EVERY))
        self._recent: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._kinds = (
            (55, self._order),
            (10, self._same_again),
            (5, self._changed),
            (15, self._release),
            (7, self._paid_and_released),
            (3, self._undecodable),
            (3, self._invalid),
            (2, self._under_the_key_of_another_cart),
        )
        self._paid: deque[dict[str, Any]] = deque()
        self._stopped = Event()
        self.made = 0
        """How often something has happened in the shop; some of it makes two events."""

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Produce until left; everything lies in its topic then."""
        thread = Thread(target=self._flow, name="traffic", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()
            self._shop.flush()

    def buy(self, cart: str) -> None:
        """Pay one more order of a certain cart, from any thread."""
        self.made += 1
        order = f"{cart}-order-{self.made}"
        self._shop.paid(order_paid(order, cart, paid_item(order)))

    def _flow(self) -> None:
        weights, kinds = zip(*self._kinds, strict=True)
        while not self._stopped.wait(_EVERY):
            while self._paid:
                self._shop.abandoned(self._paid.popleft())
            for kind in self._rng.choices(kinds, weights, k=self._step):
                self.made += 1
                kind()

    def _cart(self) -> str:
        return f"cart-{self.made // _CARTS_AT_ONCE}-{self._rng.randrange(_CARTS_AT_ONCE)}"

    def _new(self, **changes: object) -> dict[str, Any]:
        order = f"order-{self.made}"
        return order_paid(order, self._cart(), paid_item(order), **changes)

    def _order(self) -> None:
        event = self._new()
        self._recent.append(event)
        self._shop.paid(event)

    def _old(self) -> dict[str, Any]:
        if not self._recent:
            self._order()
        return self._rng.choice(self._recent)

    def _same_again(self) -> None:
        self._shop.paid(self._old() | {"eventId": f"again-{self.made}"})

    def _changed(self) -> None:
        changes = {"eventId": f"changed-{self.made}", "items": [paid_item(f"other-{self.made}")]}
        self._shop.paid(self._old() | changes)

    def _release(self) -> None:
        number = f"unpaid-{self.made}"
        self._shop.abandoned(cart_abandoned(f"gone-{number}", self._cart(), abandoned_item(number)))

    def _paid_and_released(self) -> None:
        event = self._new()
        item = abandoned_item(event["orderId"])
        release = cart_abandoned(f"paid-{self.made}", event["cartId"], item)
        topic = self._shop.topics.order_paid

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._paid.append(release)

        # Its release comes once the payment lies in the log: they go to different nodes.
        self._shop.producer.produce(
            topic,
            self._shop.value(topic, event),
            event["cartId"],
            on_delivery=delivered,
        )

    def _undecodable(self) -> None:
        # Not what looks like an unknown schema: that waits for a minute, by its rule.
        rubbish = b"\xff" + self._rng.randbytes(self._rng.randrange(40))
        self._shop.raw(self._shop.topics.order_paid, self._cart(), rubbish)

    def _invalid(self) -> None:
        self._shop.paid(self._new(roktSessionId=None))

    def _under_the_key_of_another_cart(self) -> None:
        topic = self._shop.topics.order_paid
        self._shop.raw(topic, "another-cart", self._shop.value(topic, self._new()))
