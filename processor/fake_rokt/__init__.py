"""A scriptable Rokt: both endpoints, strictly as documented, and every way to fail.

For tests, the demo and the benchmarks. It is an independent reading of Rokt's pages and shares
no code with the processor that it is used to test.
"""

from processor.fake_rokt.contract import Operation
from processor.fake_rokt.ledger import Entry, Ledger, Tally, Totals
from processor.fake_rokt.outage import Mode, Outage
from processor.fake_rokt.reservations import Reservation, State
from processor.fake_rokt.rules import Content, Lie, Rule, Script, Send, Then, When
from processor.fake_rokt.server import FakeRokt
from processor.fake_rokt.settings import SAMPLE_API_KEY, Settings

__all__ = [
    "SAMPLE_API_KEY",
    "Content",
    "Entry",
    "FakeRokt",
    "Ledger",
    "Lie",
    "Mode",
    "Operation",
    "Outage",
    "Reservation",
    "Rule",
    "Script",
    "Send",
    "Settings",
    "State",
    "Tally",
    "Then",
    "Totals",
    "When",
]
