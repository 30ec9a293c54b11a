"""Where settings come from: the environment, over one TOML file, over the defaults.

pydantic-settings' own sources pass unknown names over in silence, stop at the first malformed
value and report a group as missing instead of what it lacks. This one always fills the groups,
takes all values as they are and keeps the problems that only it can see.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from processor.errors import Problem
from processor.shell.settings_values import FromFile, Kind

PREFIX: Final = "PROCESSOR_"
CONFIG_VARIABLE: Final = "PROCESSOR_CONFIG"
CONFIG_OPTION: Final = "--config"
_KUBERNETES: Final = re.compile(r"PROCESSOR_(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_.*)")


class Origin(StrEnum):
    """Where the value in force comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One setting: its place in the groups, and how it is declared."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def key(self) -> str:
        """The name in the TOML file."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return variable(self.key)

    @property
    def kind(self) -> Kind:
        """What it parses to."""
        return next(part for part in self.field.metadata if isinstance(part, Kind))

    @property
    def names(self) -> tuple[str, ...]:
        """The TOML names that give it a value."""
        return (self.key, f"{self.key}_file") if self.kind.has_file_twin else (self.key,)


def variable(key: str) -> str:
    """Return the environment variable of a TOML name."""
    return PREFIX + key.replace(".", "__").upper()


@cache
def leaves(model: type[BaseModel]) -> Mapping[str, Leaf]:
    """Return all settings of a model by their TOML names, in the order of their declaration."""
    found = (Leaf(path=path, field=field) for path, field in _walk(model, ()))
    return {leaf.key: leaf for leaf in found}


def _walk(
    model: type[BaseModel], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            yield from _walk(group, (*path, name))
        else:
            yield (*path, name), field


class LayeredSource(PydanticBaseSettingsSource):
    """The raw values in force, where each comes from, and what is wrong with their names."""

    def __init__(
        self,
        model: type[BaseSettings],
        known: Mapping[str, Leaf],
        environ: Mapping[str, str],
        config_path: Path | None,
    ) -> None:
        """Read both layers. `known` are all settings there are; `model` may need only some."""
        super().__init__(model)
        self._known = known
        self._groups = [leaf.path[0] for leaf in leaves(model).values() if len(leaf.path) > 1]
        self._values: dict[str, object] = {}
        self._names: dict[str, str] = {}
        self.origins: dict[str, Origin] = dict.fromkeys(leaves(model), Origin.DEFAULT)
        self.problems: list[Problem] = []
        self.is_complete = True
        if config_path is not None:
            self._add_file(config_path, CONFIG_OPTION)
        elif named := environ.get(CONFIG_VARIABLE):
            self._add_file(Path(named), CONFIG_VARIABLE)
        self._add_environment(environ)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the raw value of a top-level field, as the protocol of sources asks."""
        del field
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the raw values as groups, every group filled."""
        values: dict[str, Any] = {group: {} for group in self._groups}
        for key in self.origins.keys() & self._values.keys():
            *group, name = self._known[key].path
            (values[group[0]] if group else values)[name] = self._values[key]
        return values

    def name(self, key: str) -> str:
        """Return the name to report: that under which the value in force was given."""
        return self._names.get(key, variable(key))

    def is_twin(self, key: str) -> bool:
        """Tell whether the value in force is the path of a file that holds it."""
        return isinstance(self._values.get(key), FromFile)

    def replace(self, key: str, value: object) -> None:
        """Put `value` in the place of one that cannot be used; None is as good as not set."""
        self._values[key] = value
        if value is None:
            del self._values[key]

    def _add_environment(self, environ: Mapping[str, str]) -> None:
        known = {variable(name): name for leaf in self._known.values() for name in leaf.names}
        given: dict[str, object] = {}
        for name, value in environ.items():
            if name in known:
                # An empty variable is how compose files and charts say "not set".
                given |= {known[name]: value} if value.strip() else {}
            elif name.upper() in known or (name.startswith(PREFIX) and not _is_foreign(name)):
                self._unknown(name, known)
        self._add(given, Origin.ENVIRONMENT, variable)

    def _add_file(self, path: Path, named_by: str) -> None:
        known = {name: name for leaf in self._known.values() for name in leaf.names}
        groups = {leaf.path[0] for leaf in self._known.values() if len(leaf.path) > 1}
        given: dict[str, object] = {}
        for name, value in _flat(self._read_file(path, named_by), groups):
            if name in known:
                given[name] = value
            elif name in groups:
                remedy = f"Write its settings below a line `[{name}]`"
                self._refuse(f"{name} in {path}", "is a table, not a value", remedy)
            else:
                self._unknown(name, known, f" in {path}")
        self._add(given, Origin.FILE, lambda name: f"{name} in {path} ({variable(name)})")

    def _read_file(self, path: Path, named_by: str) -> Mapping[str, object]:
        remedy = f"Give the path of a readable TOML file (now {path})"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            wrong = f"names a file that cannot be read: {(error.strerror or 'unknown').lower()}"
        except UnicodeDecodeError:
            wrong = "names a file that is not UTF-8 text"
        except ValueError as error:
            # Its reasons name places, keys and single characters, never a value.
            reason = str(error)
            wrong = f"names a file that is not valid TOML: {reason[:1].lower()}{reason[1:]}"
            remedy = f"Mend {path} there"
        self.is_complete = False
        self._refuse(named_by, wrong, remedy)
        return {}

    def _add(
        self, given: Mapping[str, object], origin: Origin, named: Callable[[str], str]
    ) -> None:
        for leaf in self._known.values():
            values = [given[name] for name in leaf.names if name in given]
            if not values:
                continue
            if len(values) > 1:
                self._doubled(leaf, named)
            is_twin = leaf.key not in given
            self._values[leaf.key] = _from_file(values[0]) if is_twin else values[0]
            self._names[leaf.key] = named(leaf.names[-1] if is_twin else leaf.key)
            if leaf.key in self.origins:
                self.origins[leaf.key] = origin

    def _doubled(self, leaf: Leaf, named: Callable[[str], str]) -> None:
        name, twin = map(named, leaf.names)
        self._refuse(name, f"and {twin} are both set", "Set only one of the two")

    def _unknown(self, name: str, known: Mapping[str, str], where: str = "") -> None:
        close = get_close_matches(name, known, n=1, cutoff=0.7)
        close = close or get_close_matches(name.upper(), known, n=1, cutoff=0.7)
        remedy = f"Did you mean {close[0]}?" if close else "Remove it, or look up its right name"
        self._refuse(f"{name}{where}", "is no setting", remedy)

    def _refuse(self, name: str, wrong: str, remedy: str) -> None:
        self.problems.append(Problem(name=name, wrong=wrong, remedy=remedy))


def _flat(document: Mapping[str, object], groups: Collection[str]) -> Iterator[tuple[str, object]]:
    """Yield the settings of a file by their names: those in groups behind the group's."""
    for name, value in document.items():
        if name in groups and isinstance(value, dict):
            yield from ((f"{name}.{inner}", content) for inner, content in value.items())
        else:
            yield name, value


def _is_foreign(name: str) -> bool:
    """Tell whether a variable is the place of the file, or one that Kubernetes injects."""
    return name == CONFIG_VARIABLE or _KUBERNETES.fullmatch(name) is not None


def _from_file(path: object) -> FromFile | object:
    return FromFile(Path(path)) if isinstance(path, str) else path
