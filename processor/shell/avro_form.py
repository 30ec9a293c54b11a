"""The plain form of an Avro schema: names, types, logical types and nothing else.

Namespaces, documentation, aliases and foreign attributes are dropped, so that schemas that mean
the same are equal values, and nothing that a registry holds reaches the decoder unread.

Reading a schema also bounds what its records can cost. A type *takes nothing* when a value of
it may hold something that is written in zero bytes (a null outside a union, an empty record, a
fixed of size 0). Arrays and maps of those are refused: a block may claim billions of items. All
other items take a byte each, so the size of a record bounds the work of decoding it.
"""

import json
import re
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

Type: TypeAlias = str | list[Any] | dict[str, Any]

MAX_TEXT: Final = 64 * 1024
MAX_NESTING: Final = 16
MAX_TYPES: Final = 1000
MAX_BRANCHES: Final = 32

PRIMITIVES: Final = frozenset(
    ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
)
_RESERVED: Final = PRIMITIVES | frozenset(
    ("record", "error", "request", "enum", "fixed", "array", "map", "union", "error_union")
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOGICAL: Final = ("logicalType", "precision", "scale")


class RefusedError(Exception):
    """A schema that is not accepted; the message is one plain sentence."""


def refuse(sentence: str) -> NoReturn:
    """Refuse the schema at hand."""
    raise RefusedError(sentence)


class PlainSchema(NamedTuple):
    """A record in its plain form, and all named types in it by their unqualified name."""

    record: dict[str, Any]
    named: dict[str, dict[str, Any]]

    @property
    def name(self) -> str:
        """The unqualified name of the record."""
        return str(self.record["name"])

    def resolve(self, type_: Type) -> Type:
        """Return the definition of a type that may be given by its name."""
        return self.named.get(type_, type_) if isinstance(type_, str) else type_

    def holds_array(self, type_: Type) -> bool:
        """Tell whether there is an array anywhere in a type."""
        found = self.resolve(type_)
        if isinstance(found, list):
            return any(map(self.holds_array, found))
        if isinstance(found, str):
            return False
        inner = [field["type"] for field in found.get("fields", ())]
        if found["type"] == "map":
            inner.append(found["values"])
        return found["type"] == "array" or any(map(self.holds_array, inner))


class _Extent(NamedTuple):
    """How large a type is when every name in it is replaced by its definition."""

    types: int = 1
    depth: int = 1
    takes_nothing: bool = False


def read_schema(text: str, *, keeps_defaults: bool = False) -> PlainSchema:
    """Return the plain form of a schema's JSON text; raise RefusedError when it is not accepted.

    Defaults matter to a reader and not to a writer, hence `keeps_defaults`.
    """
    if len(text.encode("utf-8", "replace")) > MAX_TEXT:
        refuse(f"The schema is longer than {MAX_TEXT // 1024} KiB.")
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        refuse("The schema is not valid JSON.")
    if not isinstance(document, dict) or document.get("type") != "record":
        refuse("The schema is not a record.")
    reading = _Reading(keeps_defaults=keeps_defaults)
    record, _ = reading.read(document, "", 1)
    return PlainSchema(reading.named[record["name"]], reading.named)


def strip_logical_types(type_: Type) -> Type:
    """Return the type as it is on the wire, where logical types make no difference."""
    if isinstance(type_, list):
        return [strip_logical_types(branch) for branch in type_]
    if isinstance(type_, str):
        return type_
    if type_["type"] in PRIMITIVES:
        return str(type_["type"])
    stripped = {key: value for key, value in type_.items() if key not in _LOGICAL}
    for inner in ("items", "values"):
        if inner in stripped:
            stripped[inner] = strip_logical_types(stripped[inner])
    if "fields" in stripped:
        stripped["fields"] = [
            {**field, "type": strip_logical_types(field["type"])} for field in stripped["fields"]
        ]
    return stripped


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        refuse("The schema has a JSON object with a repeated key.")
    return found


class _Reading:
    """One pass over a schema: builds the plain form and measures it."""

    def __init__(self, *, keeps_defaults: bool) -> None:
        self.named: dict[str, dict[str, Any]] = {}
        self._keeps_defaults = keeps_defaults
        self._extents: dict[str, _Extent] = {}
        self._by_full_name: dict[str, str] = {}

    def read(self, node: object, namespace: str, depth: int) -> tuple[Any, _Extent]:
        if depth > MAX_NESTING:
            refuse(f"The schema is nested deeper than {MAX_NESTING} levels.")
        if isinstance(node, str):
            return self._read_name(node, namespace, depth)
        if isinstance(node, list):
            return self._read_union(node, namespace, depth)
        if not isinstance(node, dict):
            refuse("The schema has a type that is neither a name, a list nor an object.")
        kind = node.get("type")
        if kind == "record":
            return self._read_record(node, namespace, depth)
        if kind in ("enum", "fixed"):
            return self._read_symbols_or_size(node, namespace)
        if kind in ("array", "map"):
            return self._read_repeated(node, namespace, depth)
        if not isinstance(kind, str):
            refuse("The schema has a type without a name.")
        if kind not in PRIMITIVES or not isinstance(node.get("logicalType"), str):
            return self.read(kind, namespace, depth)
        plain = {"type": kind} | {key: node[key] for key in _LOGICAL if key in node}
        return plain, _Extent(takes_nothing=kind == "null")

    def _read_name(self, name: str, namespace: str, depth: int) -> tuple[str, _Extent]:
        if name in PRIMITIVES:
            return name, _Extent(takes_nothing=name == "null")
        full_name = name if "." in name or not namespace else f"{namespace}.{name}"
        plain = self._by_full_name.get(full_name)
        if plain is None:
            refuse("The schema uses a type that it does not define before.")
        extent = self._extents.get(plain)
        if extent is None:
            refuse(f"The schema is recursive: {plain} contains itself.")
        if depth + extent.depth - 1 > MAX_NESTING:
            refuse(f"The schema is nested deeper than {MAX_NESTING} levels.")
        return plain, extent

    def _read_union(self, node: list[Any], namespace: str, depth: int) -> tuple[Any, _Extent]:
        if not 0 < len(node) <= MAX_BRANCHES:
            refuse(f"The schema has a union without branches or with more than {MAX_BRANCHES}.")
        branches = [self.read(branch, namespace, depth + 1) for branch in node]
        if any(isinstance(plain, list) for plain, _ in branches):
            refuse("The schema has a union directly in a union.")
        if len({_identity(plain) for plain, _ in branches}) != len(branches):
            refuse("The schema has a union with two branches of the same type.")
        # A null costs nothing here: the number of its branch has been written.
        extents = [
            extent._replace(takes_nothing=extent.takes_nothing and _identity(plain) != "null")
            for plain, extent in branches
        ]
        return [plain for plain, _ in branches], _join(extents)

    def _read_repeated(
        self, node: dict[str, Any], namespace: str, depth: int
    ) -> tuple[Any, _Extent]:
        kind = node["type"]
        inner = "items" if kind == "array" else "values"
        plain, extent = self.read(node.get(inner), namespace, depth + 1)
        if extent.takes_nothing:
            refuse(f"The schema has {'an array' if kind == 'array' else 'a map'} of empty values.")
        return {"type": kind, inner: plain}, _join([extent])

    def _read_symbols_or_size(
        self, node: dict[str, Any], namespace: str
    ) -> tuple[dict[str, Any], _Extent]:
        name, _ = self._define(node, namespace)
        plain: dict[str, Any] = {"type": node["type"], "name": name}
        extent = _Extent()
        if node["type"] == "fixed":
            plain["size"] = _size(node.get("size"))
            extent = _Extent(takes_nothing=plain["size"] == 0)
            plain |= {key: node[key] for key in _LOGICAL if key in node}
        else:
            plain["symbols"] = _symbols(node.get("symbols"))
            if self._keeps_defaults and "default" in node:
                plain["default"] = node["default"]
        self.named[name] = plain
        self._extents[name] = extent
        return plain, extent

    def _read_record(
        self, node: dict[str, Any], namespace: str, depth: int
    ) -> tuple[dict[str, Any], _Extent]:
        name, inner_namespace = self._define(node, namespace)
        listed = node.get("fields")
        if not isinstance(listed, list):
            refuse(f"Record {name} has no list of fields.")
        fields, extents = [], []
        for field in listed:
            if not isinstance(field, dict):
                refuse(f"Record {name} has a field that is not an object.")
            field_type, extent = self.read(field.get("type"), inner_namespace, depth + 1)
            plain = {"name": _name(field.get("name")), "type": field_type}
            if self._keeps_defaults and "default" in field:
                plain["default"] = field["default"]
            fields.append(plain)
            extents.append(extent)
        if len({field["name"] for field in fields}) != len(fields):
            refuse(f"Record {name} has two fields of the same name.")
        record = {"type": "record", "name": name, "fields": fields}
        self.named[name] = record
        self._extents[name] = _join(extents) if extents else _Extent(takes_nothing=True)
        return record, self._extents[name]

    def _define(self, node: dict[str, Any], namespace: str) -> tuple[str, str]:
        """Note the name of a type; return it unqualified, with the namespace inside the type."""
        full_name = node.get("name")
        space = node.get("namespace", namespace)
        if not isinstance(full_name, str) or not isinstance(space, str | None):
            refuse("The schema has a named type without a name.")
        if "." in full_name:
            space, _, full_name = full_name.rpartition(".")
        name, space = _name(full_name), space or ""
        if name in _RESERVED or name in self._by_full_name.values():
            refuse(f"The schema has two types of the name {name}.")
        self._by_full_name[f"{space}.{name}" if space else name] = name
        return name, space


def _join(extents: list[_Extent]) -> _Extent:
    types = 1 + sum(extent.types for extent in extents)
    if types > MAX_TYPES:
        refuse(f"The schema has more than {MAX_TYPES} types.")
    depth = 1 + max(extent.depth for extent in extents)
    return _Extent(types, depth, any(extent.takes_nothing for extent in extents))


def _identity(type_: Type) -> str:
    """Return what tells the branches of a union apart: the name, otherwise the type."""
    if isinstance(type_, dict):
        return str(type_.get("name", type_["type"]))
    return str(type_)


def _name(name: object) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        refuse("The schema has a name that is not letters, digits and underscores.")
    return name


def _size(size: object) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        refuse("The schema has a fixed type without a size.")
    return size


def _symbols(symbols: object) -> list[str]:
    if not isinstance(symbols, list) or not symbols:
        refuse("The schema has an enum without symbols.")
    names = [_name(symbol) for symbol in symbols]
    if len(set(names)) != len(names):
        refuse("The schema has an enum with a repeated symbol.")
    return names
