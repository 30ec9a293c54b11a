"""The faults: what each kind does, and how it shows that it bit."""

import re
import signal
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from processor.fake_rokt.outage import Mode, Outage
from processor.fake_rokt.rules import Rule, Send, Then, When
from tests.soak.plan import Domain, Kind, Planned
from tests.soak.stage import Stage
from tests.support.brokers import KafkaProcess, Node
from tests.support.cluster import Cluster
from tests.support.command_line import run_for

Fault = Callable[[Stage, Planned], bool]
"""Lets a fault begin, last and end; returns whether it bit."""

_NODE = KafkaProcess | Node


_ENOUGH_TO_REPLAY = 1_500
_RESUMED_WITHIN = 60.0
# Finished, with dead letters, paused because something stayed away, killed.
_WAYS_TO_END = frozenset({0, 3, 1, -signal.SIGKILL})


def play(stage: Stage, planned: Planned) -> bool:
    """Let one fault happen from beginning to end; return whether it bit."""
    return _FAULTS[planned.kind](stage, planned)


# Processors


def _kill_processor(stage: Stage, planned: Planned) -> bool:
    member = stage.fleet.pick(planned.chance)
    stage.fleet.end(member, signal.SIGKILL, -signal.SIGKILL)
    return member.ends[-1] == -signal.SIGKILL


def _stop_processor(stage: Stage, planned: Planned) -> bool:
    member = stage.fleet.pick(planned.chance)
    stage.fleet.end(member, signal.SIGTERM, 0)
    return True


def _suspend_processor(stage: Stage, planned: Planned) -> bool:
    program = stage.fleet.pick(planned.chance).processor.program
    program.pause()
    _last(planned)
    bit = program.is_suspended
    program.resume()
    return bit


def _join(stage: Stage, planned: Planned) -> bool:
    with stage.fleet.guest() as guest:
        _last(planned)
        return bool(guest.status()["assignment"])


# Brokers


def _node(stage: Stage, planned: Planned) -> _NODE:
    if isinstance(stage.kafka, KafkaProcess):
        return stage.kafka
    nodes = list(stage.kafka.nodes.values())
    return nodes[int(planned.chance * len(nodes))]


def _heal(stage: Stage) -> None:
    if isinstance(stage.kafka, Cluster):
        stage.kafka.wait_until_in_sync()


def _kill_broker(stage: Stage, planned: Planned) -> bool:
    node = _node(stage, planned)
    node.kill()
    _last(planned)
    bit = not node.program.is_running
    node.start()
    _heal(stage)
    return bit


def _bounce_broker(stage: Stage, planned: Planned) -> bool:
    node = _node(stage, planned)
    node.stop()
    bit = not node.program.is_running
    node.start()
    _heal(stage)
    return bit


def _suspend_broker(stage: Stage, planned: Planned) -> bool:
    node = _node(stage, planned)
    node.pause()
    _last(planned)
    bit = node.program.is_suspended
    node.resume()
    _heal(stage)
    return bit


# The registry


def _kill_registry(stage: Stage, planned: Planned) -> bool:
    stage.registry.kill()
    _last(planned)
    bit = not stage.registry.program.is_running
    stage.registry.start()
    return bit


# Rokt


def _rules(*rules: Rule) -> Fault:
    def play_rules(stage: Stage, planned: Planned) -> bool:
        before = stage.rokt.ledger.totals.ruled
        stage.set_rules(*rules)
        _last(planned)
        stage.set_rules()
        return stage.rokt.ledger.totals.ruled > before

    return play_rules


def _outage(outage: Outage) -> Fault:
    def play_outage(stage: Stage, planned: Planned) -> bool:
        before = stage.rokt.ledger.totals.answered
        stage.rokt.from_thread(stage.rokt.go_down(outage))
        _last(planned)
        closed = outage.mode is not Mode.STATUS
        bit = closed or stage.rokt.ledger.totals.answered > before
        stage.rokt.from_thread(stage.rokt.come_up())
        return bit

    return play_outage


def _forbid_one_cart(stage: Stage, planned: Planned) -> bool:
    cart = f"forbidden-{stage.traffic.made}"
    stage.set_rules(
        Rule(when=When(cart_id=cart), then=Then(status=HTTPStatus.FORBIDDEN, latency=0.05))
    )
    stage.traffic.buy(cart)
    _last(planned)
    stage.set_rules()
    calls = stage.rokt.ledger.of_cart(cart)
    return any(call.status == HTTPStatus.FORBIDDEN for call in calls)


# History


def _replay(stage: Stage, planned: Planned) -> bool:
    """Replay the last minutes, killed after a while, and resumed if it had begun."""
    while stage.traffic.made < _ENOUGH_TO_REPLAY:  # before that hardly anything has failed
        time.sleep(1)
    name = f"soak-{stage.traffic.made}"
    asked = ("--from", "3m", "--allow-stale", "--execute", "--yes", "--rate", "30")
    said = run_for(stage.world, planned.seconds, "replay", *asked, "--id", name, "--json")
    if said.code == -signal.SIGKILL and "progress" in said.out:
        said = run_for(stage.world, _RESUMED_WITHIN, "replay", "--resume", name, "--json")
    assert said.code in _WAYS_TO_END, f"{said.code}: {said.out[-1000:]} {said.err[-2000:]}"
    return re.search(r'"copied": [1-9]', said.out) is not None


def _last(planned: Planned) -> None:
    time.sleep(planned.seconds)


def _kind(name: str, domain: Domain, shortest: float = 0, longest: float = 0) -> Kind:
    return Kind(name=name, domain=domain, shortest=shortest, longest=longest)


# Who is asked to call more seldom comes back to his rate within a minute, then works off the rest.
_ASKED_TO_WAIT = Kind(
    name="Rokt asks to wait: 429",
    domain=Domain.ROKT,
    shortest=3,
    longest=8,
    recovers_within=180,
)

_FAULTS: Mapping[Kind, Fault] = {
    _kind("processor killed", Domain.PROCESSOR): _kill_processor,
    _kind("processor stopped in order", Domain.PROCESSOR): _stop_processor,
    _kind("processor suspended briefly", Domain.PROCESSOR, 1, 5): _suspend_processor,
    _kind("processor suspended past its session", Domain.PROCESSOR, 9, 16): _suspend_processor,
    _kind("another processor joins and leaves", Domain.PROCESSOR, 6, 12): _join,
    _kind("broker killed", Domain.BROKER, 0, 6): _kill_broker,
    _kind("broker bounced", Domain.BROKER): _bounce_broker,
    _kind("broker suspended", Domain.BROKER, 3, 15): _suspend_broker,
    _kind("registry killed", Domain.REGISTRY, 2, 8): _kill_registry,
    _kind("Rokt slow", Domain.ROKT, 5, 12): _rules(Rule(then=Then(latency=(0.5, 2.5)))),
    _kind("Rokt answers 500 to half", Domain.ROKT, 5, 12): _rules(
        Rule(when=When(probability=0.5), then=Then(status=500))
    ),
    _kind("Rokt drops answers after the effect", Domain.ROKT, 5, 12): _rules(
        Rule(when=When(probability=0.3), then=Then(send=Send.RESET)),
        Rule(when=When(probability=0.1), then=Then(send=Send.CLOSE)),
    ),
    _kind("Rokt answers nobody", Domain.ROKT, 5, 12): _rules(Rule(then=Then(send=Send.NEVER))),
    _kind("Rokt down: port closed", Domain.ROKT, 4, 15): _outage(Outage(mode=Mode.PORT)),
    _kind("Rokt down: 503", Domain.ROKT, 4, 15): _outage(Outage(mode=Mode.STATUS)),
    _ASKED_TO_WAIT: _rules(
        Rule(
            when=When(probability=0.3),
            then=Then(status=429, headers={"Retry-After": "2"}),
        )
    ),
    _kind("one cart is refused: 403", Domain.ROKT, 8, 20): _forbid_one_cart,
    _kind("the last minutes are replayed", Domain.HISTORY, 20, 40): _replay,
}

KINDS = tuple(_FAULTS)
