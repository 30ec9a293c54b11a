"""Settings of a fake Rokt."""

import ssl
from dataclasses import dataclass
from typing import Final

from processor.fake_rokt.reservations import Reservation
from processor.fake_rokt.rules import Latency, Rule

SAMPLE_API_KEY: Final = "skeletonkey"  # the example of Rokt's own pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be chosen before the start.

    Ports of 0 mean any free one. The admin interface answers on both ports, but only
    `admin_port` stays open when the main one is closed on purpose. `latency` (seconds) is what
    a call takes where no rule says otherwise. `seed` makes all randomness repeatable. The
    ledger keeps the newest `keep_entries` arrivals, and as many orders and carts. With
    `is_fast` a lean server answers instead: no checks, rules, reservations or admin interface on
    the main port, for benchmarks. `tls` turns the main port into https.
    """

    host: str = "127.0.0.1"
    port: int = 0
    admin_port: int = 0
    api_key: str | None = SAMPLE_API_KEY
    latency: Latency = 0.0
    seed: int = 0
    rules: tuple[Rule, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    strict_reservations: bool = False
    keep_bodies: bool = True
    keep_entries: int = 100_000
    is_fast: bool = False
    tls: ssl.SSLContext | None = None
