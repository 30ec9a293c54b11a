"""What a command line of `replay` or `redrive` asks for."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import typer

from processor.core.moments import read_moment, show_moment
from processor.core.pace import Pace
from processor.core.records import Partition
from processor.core.replays import Kind, Slice
from processor.core.selection import Selection
from processor.errors import ConfigurationError
from processor.shell.clock import now
from processor.shell.history.files import CART_FIELD

_OFFSETS: Final = re.compile(r"([^:]+):(\d{1,9}):(\d{1,18})(?:-(\d{0,18}))?")
_NO_END: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which records somebody has asked for, as options say it."""

    kind: Kind
    selection: Selection
    ids_file: Path | None = None
    topics: tuple[str, ...] = ()
    offsets: tuple[Slice, ...] = ()
    files: tuple[Path, ...] = ()
    cart_field: str = CART_FIELD
    partitioner: str | None = None
    includes_maybe_applied: bool = False
    allows_stale: bool = False
    replay_id: str | None = None
    is_all: bool = False

    @property
    def names_records(self) -> bool:
        """Whether any option says which records."""
        return self.selection != Selection() or bool(
            self.topics or self.offsets or self.files or self.ids_file
        )

    @property
    def contradicts_a_plan(self) -> bool:
        """Whether an option says what a plan says already; its files are not in the plan."""
        return self.selection != Selection() or bool(
            self.topics
            or self.offsets
            or self.is_all
            or self.cart_field != CART_FIELD
            or self.replay_id
            or self.partitioner
            or self.allows_stale
            or self.includes_maybe_applied
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What is to be done with a plan."""

    executes: bool
    as_json: bool
    rate: float | None
    is_confirmed: bool
    stop_after: int | None
    rate_file: Path | None
    save_to: Path | None
    most: int = 0
    """How many samples of each prospect are listed."""
    kept: Pace | None = None
    """That of the last run of what is resumed."""

    @property
    def pace(self) -> Pace:
        """What is asked for; what is not is kept from the last run."""
        last = self.kept or Pace()
        return replace(
            last,
            rate=last.rate if self.rate is None else self.rate,
            stop_after_failures=self.stop_after or last.stop_after_failures,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Where a plan comes from that need not be made."""

    plan_file: Path | None
    resume_id: str | None


def check(asked: Asked) -> None:
    """Refuse what contradicts itself, or says nothing."""
    selection = asked.selection
    if asked.kind is Kind.REPLAY and not asked.names_records:
        raise ConfigurationError(
            "Say what to replay: --from a time (such as --from 2h), --offsets, --ids, --order or "
            "--cart, --avro, a --plan that was saved, or one to --resume. `processor replay "
            "--help` tells more."
        )
    if asked.kind is Kind.REDRIVE and not (asked.names_records or asked.is_all):
        raise ConfigurationError(
            "Say what to redrive: --reason, --effect, --http-status, --from a time, --order, "
            "--cart, --ids or --offsets; or --all for every dead letter. `processor redrive "
            "--help` tells more."
        )
    narrows = selection != Selection() or asked.ids_file is not None or asked.offsets
    if asked.is_all and narrows:
        raise ConfigurationError("--all means every dead letter: leave the other filters out.")
    since, until = selection.since, selection.until
    if since is not None and since > now().wall_ms:
        raise ConfigurationError(
            f"--from {show_moment(since)} is in the future, where no record lies yet: name an "
            "earlier time."
        )
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter("The window ends before it begins.", param_hint="--to")
    if asked.files and (asked.topics or asked.offsets or selection.partitions):
        raise typer.BadParameter(
            "Files have no topics, partitions or offsets of Kafka.", param_hint="--avro"
        )
    if asked.offsets and (asked.topics or selection.partitions):
        raise typer.BadParameter(
            "It names topics and partitions already: leave --topic and --partition out.",
            param_hint="--offsets",
        )


def moment(text: str | None, name: str) -> int | None:
    """Return the moment that an option names, epoch milliseconds."""
    if text is None:
        return None
    try:
        return read_moment(text, now().wall_ms)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r} {wrong}.", param_hint=name) from None


def offsets(texts: Sequence[str]) -> tuple[Slice, ...]:
    """Return the slices that options name."""
    found = []
    for text in texts:
        parts = _OFFSETS.fullmatch(text)
        if parts is None:
            raise typer.BadParameter(
                f"{text!r} is not TOPIC:PARTITION:BEGIN-END, such as order-paid:3:1200-1300.",
                param_hint="--offsets",
            )
        topic, number, begin, end = parts.groups()
        if end and int(end) <= int(begin):
            raise ConfigurationError(
                f"--offsets {text} holds nothing: END is not included, so it has to be larger "
                "than BEGIN."
            )
        place = Partition(topic, int(number))
        found.append(Slice(place=place, begin=int(begin), end=int(end) if end else _NO_END))
    if len({part.place for part in found}) < len(found):
        raise typer.BadParameter("Name each partition once.", param_hint="--offsets")
    return tuple(found)


def read_ids(path: Path | None) -> tuple[frozenset[str], str | None]:
    """Return the ids of a file, and its digest."""
    if path is None:
        return frozenset(), None
    try:
        data = path.read_bytes()
        ids = frozenset(line.strip() for line in data.decode("utf-8-sig").splitlines())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no text in UTF-8.") from None
    ids -= {""}
    if not ids:
        raise ConfigurationError(f"{path} holds no id: it needs one a line.")
    return ids, hashlib.sha256(data).hexdigest()
