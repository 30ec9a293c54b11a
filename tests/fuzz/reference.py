"""A second reader of Avro, as strict and as plain as can be, to hold the first one against.

It shares the plain form of schemas with the processor and nothing else. What nobody reads is
passed over as the specification lets one: blocks by their size, texts without a look inside.
"""

from decimal import Context, Decimal
from typing import Any, Final

from processor.shell.avro_form import PlainSchema, Type
from processor.shell.vetting import VettedSchema

_LONGEST_NUMBER: Final = 10
_LONGEST_PRICE: Final = 32
_EXACT: Final = Context(prec=100)
_INT_RANGE: Final = range(-(2**31), 2**31)


class MalformedError(Exception):
    """The bytes are no value of the schema."""


class OverlongError(Exception):
    """A number has more digits than a long: what it comes to is anybody's guess."""


def value_of(data: bytes, writer: PlainSchema, reader: PlainSchema, vetted: VettedSchema) -> Any:  # noqa: ANN401
    """Return what the bytes say of the reader's fields; raise MalformedError if nothing."""
    reading = _Reading(data, writer, reader, vetted)
    value = reading.record(writer.record, reader.record)
    if reading.at != len(data):
        raise MalformedError("bytes are left")
    return value


class _Reading:
    def __init__(
        self, data: bytes, writer: PlainSchema, reader: PlainSchema, vetted: VettedSchema
    ) -> None:
        self._data = data
        self._writer = writer
        self._reader = reader
        self._scales = vetted.scales
        self.at = 0

    def record(self, writer: dict[str, Any], reader: dict[str, Any]) -> dict[str, Any]:
        wanted = {field["name"]: field for field in reader["fields"]}
        found = {}
        for field in writer["fields"]:
            name = field["name"]
            if name in wanted:
                found[name] = self._value(field["type"], wanted[name]["type"], name)
            else:
                self._pass_over(field["type"])
        return {name: found.get(name, field.get("default")) for name, field in wanted.items()}

    def _value(self, writer: Type, reader: Type, name: str) -> Any:  # noqa: ANN401
        writer = self._writer.resolve(writer)
        if isinstance(writer, list):
            return self._value(writer[self._index(len(writer))], reader, name)
        ours = [self._reader.resolve(each) for each in self._branches(reader)]
        kind = _kind(writer)
        if kind == "null":
            if "null" not in ours:
                raise MalformedError("a null where there is none")
            return None
        inner = next((each for each in ours if _kind(each) == kind), None)
        if kind == "record" and isinstance(writer, dict) and isinstance(inner, dict):
            return self.record(writer, inner)
        if kind == "array" and isinstance(writer, dict) and isinstance(inner, dict):
            return self._items(lambda: self._value(writer["items"], inner["items"], name))
        if kind == "map" and isinstance(writer, dict) and isinstance(inner, dict):
            return dict(
                self._items(
                    lambda: (self._text(), self._value(writer["values"], inner["values"], name))
                )
            )
        return self._plain(writer, kind, name)

    def _plain(self, writer: Type, kind: object, name: str) -> Any:  # noqa: ANN401
        if kind in ("int", "long"):
            number = self._number()
            if kind == "int" and number not in _INT_RANGE:
                raise MalformedError("a number is too large")
            return number
        if kind == "enum" and isinstance(writer, dict):
            return writer["symbols"][self._index(len(writer["symbols"]))]
        if name in self._scales:
            return _price(self._bytes(), self._scales[name])
        return self._text()

    def _branches(self, reader: Type) -> list[Any]:
        return reader if isinstance(reader, list) else [reader]

    def _items(self, item: Any) -> list[Any]:  # noqa: ANN401
        found: list[Any] = []
        while count := self._number():
            if count < 0:
                self._number()
            found += (item() for _ in range(abs(count)))
        return found

    def _pass_over(self, type_: Type) -> None:
        type_ = self._writer.resolve(type_)
        kind = "union" if isinstance(type_, list) else _kind(type_)
        match kind:
            case "null":
                pass
            case "boolean":
                self._take(1)
            case "float":
                self._take(4)
            case "double":
                self._take(8)
            case "int" | "long" | "enum":
                self._number()
            case "bytes" | "string":
                self._bytes()
            case _:
                self._pass_over_parts(type_)

    def _pass_over_parts(self, type_: Type) -> None:
        if isinstance(type_, list):
            self._pass_over(type_[self._index(len(type_))])
        elif not isinstance(type_, dict):
            raise TypeError(type_)
        elif type_["type"] == "fixed":
            self._take(type_["size"])
        elif type_["type"] == "record":
            for field in type_["fields"]:
                self._pass_over(field["type"])
        else:
            self._pass_over_blocks(type_)

    def _pass_over_blocks(self, type_: dict[str, Any]) -> None:
        while count := self._number():
            if count < 0:
                self._take(self._number())
                continue
            for _ in range(count):
                if type_["type"] == "map":
                    self._bytes()
                self._pass_over(type_["values" if type_["type"] == "map" else "items"])

    def _index(self, size: int) -> int:
        index = self._number()
        if index not in range(size):
            raise MalformedError("there is no such branch or symbol")
        return index

    def _number(self) -> int:
        number = shift = 0
        while True:
            (byte,) = self._take(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if shift > 7 * _LONGEST_NUMBER or number >= 2**64:
            raise OverlongError
        return (number >> 1) ^ -(number & 1)

    def _text(self) -> str:
        try:
            return self._bytes().decode()
        except UnicodeDecodeError:
            raise MalformedError("a text is not UTF-8") from None

    def _bytes(self) -> bytes:
        return self._take(self._number())

    def _take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._data) - self.at:
            raise MalformedError("the bytes end too early")
        self.at += size
        return self._data[self.at - size : self.at]


def _kind(type_: Type) -> object:
    return type_["type"] if isinstance(type_, dict) else type_


def _price(unscaled: bytes, scale: int) -> Decimal:
    if not unscaled:
        raise MalformedError("a price has no digits")
    if len(unscaled) > _LONGEST_PRICE:
        return Decimal("Infinity")
    return _EXACT.scaleb(Decimal(int.from_bytes(unscaled, "big", signed=True)), -scale)
