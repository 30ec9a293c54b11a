"""Cases: what a run of the benchmark is asked to do."""

from dataclasses import dataclass

PARTITIONS = 8
IN_FLIGHT = 256
LATENCY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One point on all axes. `latency` is how long the API takes, in seconds.

    `in_flight` holds for each of the `replicas`; `orders` is the backlog before they start.
    """

    orders: int
    items: int = 1
    latency: float = LATENCY
    in_flight: int = IN_FLIGHT
    partitions: int = PARTITIONS
    replicas: int = 1

    def __str__(self) -> str:
        """Return what people want to know of it."""
        text = (
            f"{self.orders:,} orders of {self.items} in {self.partitions} partitions, "
            f"API {self.latency * 1000:g} ms, {self.in_flight} in flight"
        )
        return text if self.replicas == 1 else f"{text}, {self.replicas} replicas"

    @property
    def ceiling(self) -> float:
        """Return how many calls a second the API's time allows."""
        return self.in_flight * self.replicas / self.latency if self.latency else float("inf")
