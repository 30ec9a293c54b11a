"""`processor config`: the settings in force, where each comes from, secrets masked."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import tomli_w
import typer
from pydantic_core import PydanticUndefined
from rich.console import Console
from rich.table import Table

from processor.cli import ConfigFile
from processor.shell.secrets import MASK, Secret, SecretFile
from processor.shell.settings import Origin, Settings, load_with_origins
from processor.shell.settings_properties import PropertiesFile
from processor.shell.settings_source import Leaf, leaves, variable

_GROUPS: Final = (
    "kafka",
    "schema_registry",
    "topics",
    "rokt",
    "calls",
    "retries",
    "http_client",
    "server",
    "tracing",
    "replay",
    "log",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A setting with its value in force."""

    leaf: Leaf
    value: object
    origin: Origin

    @property
    def shown(self) -> str:
        """The value for people; empty when there is none."""
        return show(self.leaf, self.value)

    @property
    def source(self) -> str:
        """Where the value comes from; of a secret in a file, which one that is."""
        match self.value:
            case SecretFile(path=path) | PropertiesFile(file=SecretFile(path=path)):
                return f"{self.origin}: {path}"
            case _:
                return str(self.origin)


def config(
    config_file: ConfigFile = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print a file for --config.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table of all settings and defaults.")
    ] = False,
) -> None:
    """Print the settings in force, secrets masked, or everything that is wrong with them."""
    if as_json + as_toml + as_markdown > 1:
        message = "choose one of --json, --toml and --markdown"
        raise typer.BadParameter(message)
    if as_markdown:
        typer.echo(markdown())
        return
    rows = effective(config_file)
    if as_json:
        typer.echo(json.dumps(to_json(rows), indent=2))
    elif as_toml:
        typer.echo(toml(rows), nl=False)
    elif sys.stdout.isatty():
        Console(highlight=False, markup=False, emoji=False).print(_table(rows))
    else:
        for row in rows:
            typer.echo(f"{row.leaf.variable}={row.shown}  # {row.source}")


def effective(config_file: Path | None) -> list[Row]:
    """Return every setting with its value in force and where that comes from."""
    settings, origins = load_with_origins(config_file)
    return [
        Row(leaf=leaf, value=_value(settings, leaf), origin=origins[key])
        for key, leaf in _in_order()
    ]


def to_json(rows: list[Row]) -> dict[str, dict[str, object]]:
    """Return the rows by their variables, the values as JSON has them."""
    return {row.leaf.variable: {"value": plain(row.value), "source": row.source} for row in rows}


def toml(rows: list[Row]) -> str:
    """Return the rows as a TOML file: without the secrets, which its first lines name."""
    missing = [f"#   {row.leaf.variable}{left_out}" for row in rows if (left_out := _secrets(row))]
    if missing:
        missing.insert(0, "# Secrets are left out; set them in the environment:")
    return "".join(f"{line}\n" for line in missing) + tomli_w.dumps(to_toml(rows))


def _secrets(row: Row) -> str:
    """Tell what a file must not hold of a setting; empty when it may hold all of it."""
    match row.value:
        case Secret():
            twin = variable(row.leaf.names[-1])
            return f", or the path of its file in {twin}"
        case PropertiesFile():
            return ""
        case Mapping() as properties:
            names = [name for name, value in properties.items() if isinstance(value, Secret)]
            return f" (with {', '.join(names)} beside what is below)" if names else ""
        case _:
            return ""


def to_toml(rows: list[Row]) -> dict[str, Any]:
    """Return the rows as the document that a TOML file would hold, without secrets."""
    document: dict[str, Any] = {}
    for row in rows:
        *group, name = row.leaf.path
        place = document.setdefault(group[0], {}) if group else document
        match row.value:
            case None | Secret():
                continue
            case SecretFile(path=path):
                place[f"{name}_file"] = str(path)
            case PropertiesFile(file=SecretFile(path=path)):
                place[f"{name}_file"] = str(path)
            case Mapping() as table:
                place[name] = {
                    key: value for key, value in table.items() if not isinstance(value, Secret)
                }
            case value:
                place[name] = plain(value)
    return document


def markdown() -> str:
    """Return the table of all settings for the README."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for _, leaf in _in_order():
        names = f"`{leaf.variable}`" + (", `…_FILE`" if leaf.kind.has_file_twin else "")
        lines.append(f"| {names} | {_default(leaf)} | {leaf.field.description} |")
    return "\n".join(lines)


def plain(value: object) -> object:
    """Return a value as JSON and TOML have it, secrets masked."""
    match value:
        case Secret() | SecretFile():
            return MASK
        case Path():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {name: plain(inner) for name, inner in value.items()}
        case _:
            return value


def show(leaf: Leaf, value: object) -> str:
    """Return a value for people, secrets masked."""
    match plain(value):
        case None:
            return ""
        case bool(truth):
            return str(truth).lower()
        case dict(table):
            return json.dumps(table)
        case other:
            return leaf.kind.show(other)


def _in_order() -> list[tuple[str, Leaf]]:
    """Return all settings in the order in which people think of them."""
    places = {group: place for place, group in enumerate(_GROUPS)}
    known = leaves(Settings).items()
    return sorted(known, key=lambda item: places.get(item[1].path[0], len(places)))


def _value(settings: Settings, leaf: Leaf) -> object:
    value: object = settings
    for name in leaf.path:
        value = getattr(value, name)
    return value


def _default(leaf: Leaf) -> str:
    field = leaf.field
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["default_text"])
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined:
        value = {}
    return f"`{show(leaf, value)}`" if value is not None else "none"


def _table(rows: list[Row]) -> Table:
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        style = "dim" if row.origin is Origin.DEFAULT else ""
        table.add_row(row.leaf.variable, row.shown, row.source, style=style)
    return table
