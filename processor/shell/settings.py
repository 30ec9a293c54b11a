"""Loading the settings: everything that is wrong with them is found at once."""

import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pydantic import ValidationError

from processor.errors import Problem, SettingsError
from processor.shell.settings_kinds import Access
from processor.shell.settings_peers import HttpClient, SchemaRegistry
from processor.shell.settings_rules import Clash, clashes
from processor.shell.settings_server import Server
from processor.shell.settings_source import LayeredSource, Leaf, Origin, leaves, variable
from processor.shell.settings_table import (
    Calls,
    Connections,
    Kafka,
    Log,
    RegistryAccess,
    Replay,
    Retries,
    Rokt,
    ServerAccess,
    Settings,
    TopicAccess,
    Topics,
)

__all__ = [
    "Calls",
    "Connections",
    "HttpClient",
    "Kafka",
    "Loaded",
    "Log",
    "Origin",
    "RegistryAccess",
    "Replay",
    "Retries",
    "Rokt",
    "SchemaRegistry",
    "Server",
    "Settings",
    "SettingsError",
    "TopicAccess",
    "Topics",
    "load",
    "load_connections",
    "load_in_part",
    "load_registry_access",
    "load_server",
    "load_topic_access",
    "load_with_origins",
]

Model = TypeVar("Model", bound=Access)
_BROKERS: Final = "kafka.bootstrap_servers"
_NOT_SET: Final = "is not set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[Model]):
    """Settings as far as they can be read, and everything that is wrong with them.

    `doubtful` are the TOML names of those that something is wrong with: they may hold stand-ins.
    """

    settings: Model
    origins: Mapping[str, Origin]
    problems: tuple[Problem, ...]
    doubtful: AbstractSet[str]


def load(config_path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return all settings; SettingsError names everything that is wrong with them."""
    return load_with_origins(config_path, environ)[0]


def load_connections(
    config_path: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Connections:
    """Return what a command needs that reads or writes topics but never calls Rokt."""
    return _load(Connections, config_path, environ)[0]


def load_registry_access(
    config_path: Path | None = None, environ: Mapping[str, str] = os.environ
) -> RegistryAccess:
    """Return what a command needs that only talks to the schema registry."""
    return _load(RegistryAccess, config_path, environ)[0]


def load_topic_access(
    config_path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    asks_brokers: bool = True,
) -> TopicAccess:
    """Return what a command needs that plans the topics and the rights on them.

    One that asks no broker and names none has a stand-in where none is set.
    """
    loaded = _read(TopicAccess, config_path, environ)
    unset = variable(_BROKERS), _NOT_SET
    problems = [
        each for each in loaded.problems if asks_brokers or (each.name, each.wrong) != unset
    ]
    if problems:
        raise SettingsError(problems)
    return loaded.settings


def load_server(config_path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Server:
    """Return what a command needs that only asks a processor's server."""
    return _load(ServerAccess, config_path, environ)[0].server


def load_with_origins(
    config_path: Path | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[Settings, Mapping[str, Origin]]:
    """Return all settings, and where the value of each comes from, by its TOML name."""
    return _load(Settings, config_path, environ)


def load_in_part(
    config_path: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Loaded[Settings]:
    """Return all settings, those that cannot be used with stand-ins, and what is wrong."""
    return _read(Settings, config_path, environ)


def _load(
    model: type[Model], config_path: Path | None, environ: Mapping[str, str]
) -> tuple[Model, Mapping[str, Origin]]:
    loaded = _read(model, config_path, environ)
    if loaded.problems:
        raise SettingsError(loaded.problems)
    return loaded.settings, loaded.origins


def _read(
    model: type[Model], config_path: Path | None, environ: Mapping[str, str]
) -> Loaded[Model]:
    source = LayeredSource(model, leaves(Settings), environ, config_path)
    problems = list(source.problems)
    refused: set[str] = set()
    try:
        settings = _build(model, source)
    except ValidationError as error:
        for leaf, wrong in _refusals(error):
            # Without its file, nobody knows what is missing.
            if wrong or source.is_complete:
                problems.append(_problem(source, leaf, wrong or _NOT_SET))
            refused.add(leaf.key)
            source.replace(leaf.key, _stand_in(leaf))
        settings = _build(model, source)
    found = [*clashes(settings, datetime.now(UTC))]
    # A value that was refused has a stand-in here, about which nothing is worth saying.
    found = [clash for clash in found if refused.isdisjoint(clash.keys)]
    known = refused.union(*(clash.keys for clash in found))
    if isinstance(settings, Connections | TopicAccess) and "kafka.properties" not in known:
        found += _refused_by_clients(settings.kafka)
    for clash in found:
        name = source.name(clash.keys[0])
        problems.append(Problem(name=name, wrong=clash.wrong, remedy=clash.remedy))
    return Loaded(
        settings=settings,
        origins=source.origins,
        problems=tuple(problems),
        doubtful=refused.union(*(clash.keys for clash in found))
        if source.is_complete
        else frozenset(leaves(model)),
    )


def _build(model: type[Model], source: LayeredSource) -> Model:
    arguments: dict[str, Any] = {"_build_sources": ((source,), {})}
    return model(**arguments)


def _refusals(error: ValidationError) -> Iterator[tuple[Leaf, str | None]]:
    """Yield the settings that pydantic refused and why, in our own words; None: not set."""
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == "default_factory_not_called":
            continue
        leaf = leaves(Settings)[".".join(map(str, detail["loc"]))]
        yield leaf, None if detail["type"] == "missing" else str(detail["ctx"]["error"])


def _refused_by_clients(kafka: Kafka) -> Iterator[Clash]:
    if kafka.properties:
        from processor.shell.settings_clients import refused  # noqa: PLC0415  loads librdkafka

        yield from refused(kafka)


def _problem(source: LayeredSource, leaf: Leaf, wrong: str) -> Problem:
    is_twin = source.is_twin(leaf.key)
    expected = "the path of a small text file that holds it" if is_twin else leaf.kind.expects
    return Problem(name=source.name(leaf.key), wrong=wrong, remedy=f"Set it to {expected}")


def _stand_in(leaf: Leaf) -> object:
    """Return a legal value for a refused one; None leaves it to the default."""
    return leaf.field.examples[0] if leaf.field.examples else None
