"""The soak: `make soak MINUTES=60`. Faults at random under a steady load, then the oracle.

The exit code is 1 when a promise was broken. The same SEED gives the same faults and the same
traffic; when they meet is up to the machine.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.soak.faults import KINDS, play
from tests.soak.plan import Planned, Round, rounds
from tests.soak.report import (
    Happened,
    called_after_an_answer,
    effects_lost,
    fault_table,
    fleet_lines,
)
from tests.soak.stage import PROTOCOLS, Stage, stage
from tests.support import oracle
from tests.support.programs import wait_until

_DRAINED_WITHIN = 180.0
_TOLD_WITHIN = 60.0


def main() -> int:
    """Read the arguments, soak, report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long faults happen")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="how many brokers")
    parser.add_argument("--seed", type=int, help="of an earlier run")
    parser.add_argument("--rate", type=float, default=25.0, help="events a second")
    parser.add_argument("--protocol", choices=tuple(PROTOCOLS), default="classic")
    parser.add_argument("--keep", type=Path, help="an empty folder for the logs, kept afterwards")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
    say(f"SEED={seed} BROKERS={arguments.brokers} MINUTES={arguments.minutes:g}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with stage(
            folder,
            brokers=arguments.brokers,
            seed=seed,
            rate=arguments.rate,
            protocol=arguments.protocol,
        ) as scene:
            return soak(scene, seed, arguments.minutes * 60)


def soak(scene: Stage, seed: int, seconds: float) -> int:
    """Let faults happen for so long, then look at everything; return the exit code."""
    happened: list[Happened] = []
    with scene.fleet.running():
        with scene.traffic.flowing():
            broken = disturb(scene, seed, seconds, happened)
        if not broken:
            ends = scene.watermarks.ends(_TOLD_WITHIN)
            scene.watermarks.wait_until_committed(ends, _DRAINED_WITHIN)
            broken += idle_lane(scene)
    broken += judge(scene, happened)
    for line in broken:
        say(f"BROKEN: {line}")
    say("a promise was broken" if broken else "all promises were kept")
    return 1 if broken else 0


def disturb(scene: Stage, seed: int, seconds: float, happened: list[Happened]) -> list[str]:
    """Play one round after the other; return what broke, which ends it."""
    began = time.monotonic()
    for each in rounds(KINDS, seed):
        if time.monotonic() - began > seconds:
            return []
        time.sleep(each.rest)
        say(f"{time.monotonic() - began:6.0f} s  {described(each)}")
        happened += (found := play_round(scene, each))
        if any(one.is_alone and not one.bit for one in found):
            return [f"{described(each)}: it did not bite"]
        if any(one.recovery > each.recovers_within for one in found):
            show(scene)
            return [f"I9: {described(each)}: no recovery within {each.recovers_within:g} s"]
        say(f"{'':8}  recovered after {found[0].recovery:.1f} s")
    return []


def idle_lane(scene: Stage) -> list[str]:
    """Wait until the lane is worked off; return what is wrong with it."""
    try:
        wait_until(
            lambda: scene.world.lane_lag() == 0, within=_DRAINED_WITHIN, what="the lane is idle"
        )
    except TimeoutError:
        show(scene)
        return [f"I9: {scene.world.lane_lag()} copies are not worked off"]
    return []


def show(scene: Stage) -> None:
    """Print what the members say of themselves."""
    for member in scene.fleet.members:
        with suppress(OSError):
            say(json.dumps(member.processor.status()))


def described(each: Round) -> str:
    """Return the faults of a round as a line."""
    return "; ".join(f"{one.kind.name} ({one.seconds:.1f} s)" for one in each.faults)


def play_round(scene: Stage, each: Round) -> list[Happened]:
    """Let the faults of a round happen, and wait until all is well again."""

    def play_one(planned: Planned) -> tuple[float, bool]:
        time.sleep(planned.after)
        return time.monotonic(), play(scene, planned)

    with ThreadPoolExecutor(len(each.faults)) as pool:
        played = list(pool.map(play_one, each.faults))
    ended = time.monotonic()
    try:
        ends = scene.watermarks.ends(_TOLD_WITHIN)
        scene.watermarks.wait_until_committed(ends, each.recovers_within)
        recovered = time.monotonic()
    except TimeoutError:
        recovered = float("inf")
    return [
        Happened(
            planned=planned,
            bit=bit,
            is_alone=len(each.faults) == 1,
            began=began,
            recovered=recovered,
            recovery=recovered - ended,
        )
        for planned, (began, bit) in zip(each.faults, played, strict=True)
    ]


def judge(scene: Stage, happened: list[Happened]) -> list[str]:
    """Print the figures; return what is wrong."""
    broken = scene.fleet.complaints()
    try:
        statuses = oracle.check(scene.world, may_repeat=True)
        say(f"statuses: {dict(statuses)}")
    except AssertionError as error:
        broken.append(str(error))
    outcomes, entries = oracle.outcomes(scene.world), scene.rokt.ledger.entries
    reasons = Counter(each.value["reason"] for each in outcomes if each.value["reason"])
    lost = effects_lost(entries, outcomes)
    again, unexplained = called_after_an_answer(entries, happened)
    for line in fault_table(happened):
        say(line)
    for line in fleet_lines(scene.fleet):
        say(line)
    say(f"inputs {sum(scene.watermarks.ends(_TOLD_WITHIN).values())}, calls {len(entries)}")
    say(f"dead letters by reason: {dict(reasons)}")
    say(f"effects lost: {len(lost)} {lost[:5]}")
    say(f"confirms after an answered confirm: {again}, without a crash: {len(unexplained)}")
    if lost:
        broken.append("effects were lost")
    if unexplained:
        broken.append(f"orders were called twice without a crash: {unexplained[:5]}")
    return broken


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
