"""The chart's schema of values: its part about settings follows from the table of settings.

`python -m tests.support.chart_schema` writes that part anew.
"""

import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from processor.shell.settings import Settings
from processor.shell.settings_source import Leaf, leaves

CHART: Final = Path(__file__).parents[2] / "deploy" / "helm" / "processor"
PATH: Final = CHART / "values.schema.json"
OWNED: Final = frozenset(
    {"rokt.api_key", "schema_registry.password", "server.password", "tracing.headers", "state_dir"}
)
"""What the chart sets itself, from `secrets` and `volume`."""


def settings_schema() -> dict[str, Any]:
    """Return the schema of the chart's `settings`."""
    root = _group("The settings of the processor, by the groups and names of its TOML file.")
    for leaf in leaves(Settings).values():
        if leaf.key in OWNED:
            continue
        *groups, name = leaf.path
        place = root
        for group in groups:
            place = place["properties"].setdefault(group, _group())
        place["properties"][name] = _value(leaf)
    server = root["properties"]["server"]
    server["properties"]["port"] |= {"minimum": 1}
    # What templates look into: a null takes it away.
    server["required"] = ["host", "port"]
    root["required"] = ["kafka", "schema_registry", "rokt", "server"]
    return root


def _group(description: str | None = None) -> dict[str, Any]:
    described = {} if description is None else {"description": description}
    return {"type": "object", "additionalProperties": False, **described, "properties": {}}


def _value(leaf: Leaf) -> dict[str, Any]:
    kind = leaf.field.annotation
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(part for part in get_args(kind) if part is not types.NoneType)
        if len(get_args(leaf.field.annotation)) > 2:  # a word or a time: both are text
            return {"type": "string"}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
    if kind is bool:
        return {"type": "boolean"}
    if kind is int:
        return {"type": ["integer", "string"]}
    if kind is float:
        return {"type": ["number", "string"]}
    return {"type": "string"}


def main() -> None:
    """Write the part about settings anew."""
    schema = json.loads(PATH.read_text())
    schema["properties"]["settings"] = settings_schema()
    PATH.write_text(json.dumps(schema, indent=2) + "\n")


if __name__ == "__main__":
    main()
