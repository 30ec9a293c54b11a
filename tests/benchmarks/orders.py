"""Orders to work on: each of a cart of its own, all as long as ids usually are."""

from tests.support.events import Shop, Topics, order_paid, paid_item

_NUMBER = "1234567"
_BATCH = 50_000


def order_id(digits: str) -> str:
    """Return the id of an order by its number of seven digits."""
    return f"7f3c2a51-90de-4b1c-a2f0-00005{digits}"


def cart_id(digits: str) -> str:
    """Return the id of the cart of that order."""
    return f"2b8e4d17-3c6a-4f9b-b5d1-00008{digits}"


class Orders:
    """Produces orders of so many items, numbered from 0."""

    def __init__(
        self, bootstrap_servers: str, registry_url: str, topics: Topics, items: int
    ) -> None:
        self._shop = Shop(bootstrap_servers, registry_url, topics, is_quiet=True)
        self._topic = topics.order_paid
        cart = cart_id(_NUMBER)
        parts = [paid_item(f"{cart}-{number}") for number in range(items)]
        event = order_paid(order_id(_NUMBER), cart, *parts) | {"items": parts}
        self._value = self._shop.value(self._topic, event)
        self._next = 0

    @property
    def size(self) -> int:
        """Bytes of one order."""
        return len(self._value)

    @property
    def produced(self) -> int:
        """How many there are."""
        return self._next

    def produce(self, count: int) -> list[str]:
        """Produce so many more, wait until Kafka has them, and return their keys."""
        keys = [self.produce_one() for _ in range(count)]
        self.flush()
        return keys

    def produce_one(self) -> str:
        """Produce one more without waiting, and return its key."""
        # All numbers have the same width, so that the lengths in the value stay right.
        digits = f"{self._next:07}"
        self._next += 1
        key = cart_id(digits)
        self._shop.raw(self._topic, key, self._value.replace(_NUMBER.encode(), digits.encode()))
        if self._next % _BATCH == 0:
            self.flush()
        return key

    def flush(self) -> None:
        """Wait until Kafka has all of them."""
        self._shop.flush()
