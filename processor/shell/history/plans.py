"""Plans as text: kept in a file or beside a replay's progress, refused where they do not fit."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from processor.core.copies import is_replay_name
from processor.core.replays import Kind, Plan, Slice
from processor.errors import ConfigurationError
from processor.shell.history.cluster import Cluster
from processor.shell.inputs import inputs
from processor.shell.settings import Connections

VERSION: Final = 2
_PLANS: Final = TypeAdapter(Plan)
_SELECTING: Final = ("kind", "created_at", "selection", "containers", "ids_sha256")
_BESIDE: Final = {"slices", "notes", "waiting"}


def new_replay_id(kind: Kind, now: datetime) -> str:
    """Return an id that no other replay has, and that tells when it was made."""
    return f"{kind}-{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def to_json(plan: Plan) -> dict[str, Any]:
    """Return all of a plan, as JSON has it."""
    fields: dict[str, Any] = _PLANS.dump_python(plan, mode="json", exclude_defaults=True)
    return {"version": VERSION} | fields


def head_of(plan: Plan) -> dict[str, Any]:
    """Return what of a plan is the same for all its slices, as JSON has it, in few bytes.

    Ids that came from a file are left out; their digest is there.
    """
    fields = to_json(plan)
    for name in _BESIDE:
        fields.pop(name, None)
    if plan.ids_sha256 is not None:
        fields.get("selection", {}).pop("ids", None)
    return fields


def names_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two heads are of one plan, by when it was made and what it selects."""
    return _selected(one) == _selected(other)


def _selected(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return what selects records, sets in one order."""
    selection = {
        name: sorted(map(str, value)) if isinstance(value, list) else value
        for name, value in head.get("selection", {}).items()
        if name != "ids"
    }
    return {name: head.get(name) for name in _SELECTING} | {"selection": selection}


def from_json(document: object) -> Plan:
    """Return the plan that a document holds; ConfigurationError when it holds none."""
    if not isinstance(document, dict) or "version" not in document:
        raise ConfigurationError("That is no plan: it names no version.")
    if document["version"] != VERSION:
        raise ConfigurationError(
            f"The plan has version {document['version']!r}; this processor knows {VERSION}: use "
            "the processor that made it, or plan anew."
        )
    try:
        plan = _PLANS.validate_python({k: v for k, v in document.items() if k != "version"})
    except ValidationError as wrong:
        places = {".".join(map(str, error["loc"])) or "the whole" for error in wrong.errors()}
        raise ConfigurationError(
            f"That is no plan of this processor; what cannot be read: {', '.join(sorted(places))}."
        ) from None
    if not is_replay_name(plan.replay_id):
        raise ConfigurationError("That is no plan of this processor: its id is no id of a replay.")
    return plan


def from_head(head: dict[str, Any], slices: Iterable[Slice], ids: frozenset[str]) -> Plan:
    """Return the plan of a head that was kept; `ids` are those of its file, if it had one."""
    plan = from_json(head | {"slices": []})
    selection = plan.selection
    if plan.ids_sha256 is not None:
        selection = replace(selection, ids=ids)
    return replace(plan, slices=tuple(slices), selection=selection)


def resuming(head: Mapping[str, Any]) -> str:
    """Return the command that goes on with the plan of a head; it has to be given its files."""
    kind = Kind.REDRIVE if head.get("kind") == Kind.REDRIVE else Kind.REPLAY
    ids = " --ids <the same file>" if head.get("ids_sha256") else ""
    files = " --avro <the same files>" if head.get("containers") else ""
    return f"processor {kind} --resume {head.get('replay_id')}{ids}{files}"


def save(plan: Plan, path: Path) -> None:
    """Write a plan into a new file; one that is there already is left as it is."""
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(to_json(plan), file, indent=2)
            file.write("\n")
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already: name a new file.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


def load(path: Path) -> Plan:
    """Return the plan that a file holds; ConfigurationError says what is wrong with it."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{path} is no plan: it holds no JSON.") from None
    try:
        return from_json(document)
    except ConfigurationError as wrong:
        raise ConfigurationError(f"{path}: {wrong}") from None


def check(plan: Plan, cluster: Cluster, settings: Connections) -> None:
    """Refuse a plan that was made for another cluster, other topics or another group."""
    group, topics = settings.kafka.group_id, settings.topics
    if plan.lane != topics.replay:
        raise ConfigurationError(
            f"The plan is for the replay lane {plan.lane}, not {topics.replay} "
            "(PROCESSOR_TOPICS__REPLAY). Plan anew."
        )
    others = {*inputs(topics), topics.results} - {*plan.topic_ids}
    if others:
        raise ConfigurationError(
            f"The plan knows nothing of {' and '.join(sorted(others))}, which PROCESSOR_TOPICS__… "
            "name now. Plan anew."
        )
    if plan.group != group:
        raise ConfigurationError(
            f"The plan is for group {plan.group}, not {group} (PROCESSOR_KAFKA__GROUP_ID): what "
            "one group has come to says nothing of another. Plan anew."
        )
    if plan.cluster_id != cluster.cluster_id:
        raise ConfigurationError(
            f"The plan was made on cluster {plan.cluster_id}; this is {cluster.cluster_id}. Set "
            "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS to that cluster, or plan anew."
        )
    for topic, topic_id in plan.topic_ids.items():
        now = cluster.topic_ids.get(topic)
        if now is None:
            raise ConfigurationError(f"The plan's topic {topic} is not there any more.")
        if topic_id and now and topic_id != now:
            raise ConfigurationError(
                f"The topic {topic} is not the one that the plan was made for: it was deleted and "
                "created anew, so the plan's offsets name other records. Plan anew."
            )
        if cluster.counts[topic] != plan.counts[topic]:
            raise ConfigurationError(
                f"The topic {topic} had {plan.counts[topic]} partitions when the plan was made, "
                f"and has {cluster.counts[topic]} now. Plan anew."
            )
