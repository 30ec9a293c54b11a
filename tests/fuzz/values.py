"""Values that follow a schema, or nearly so."""

from random import Random
from typing import Any, Final

from processor.shell.avro_form import PlainSchema, Type

COUNTS: Final = (0, 1, 2, 3, 7, 63, 64, 200, 2**20, 2**28, 2**31, 2**62, 2**63 - 1)

_ODD: Final = (
    b"", b"c-1", b"usd", b"\xff", b"\xed\xa0\x80", "é\u2028".encode(), b" a", b"\r\nx: y", b"\0",
    bytes(40), b"\x7f" * 33, b"t" * 2049,
)  # fmt: skip


def number(value: int) -> bytes:
    """Return a number as Avro writes it: zigzag, seven bits a byte."""
    rest, out = ((value << 1) ^ (value >> 63)) & (2**64 - 1), bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def value(schema: PlainSchema, random: Random) -> bytes:
    """Return a value of a schema, one that claims too much here and there."""
    return _Values(schema, random).of(schema.record)


class _Values:
    def __init__(self, schema: PlainSchema, random: Random) -> None:
        self._schema = schema
        self._random = random
        self._wrong = random.choice((0.0, 0.0, 0.02))

    def of(self, type_: Type, name: str = "") -> bytes:
        random = self._random
        type_ = self._schema.resolve(type_)
        if random.random() < self._wrong:
            return number(random.choice(COUNTS) * random.choice((1, -1)))
        if isinstance(type_, list):
            at = random.randrange(len(type_))
            return number(at - (len(type_) if random.random() < self._wrong else 0)) + self.of(
                type_[at], name
            )
        if isinstance(type_, dict):
            return self._complex(type_, name)
        return self._primitive(type_, name)

    def _complex(self, type_: dict[str, Any], name: str) -> bytes:
        random = self._random
        match type_["type"]:
            case "record":
                return b"".join(self.of(field["type"], field["name"]) for field in type_["fields"])
            case "fixed":
                return random.randbytes(min(type_["size"], 1000))
            case "enum":
                return number(random.randrange(len(type_["symbols"])))
            case "array" | "map":
                return self._blocks(type_, name)
            case primitive:
                return self._primitive(primitive, name)

    def _blocks(self, type_: dict[str, Any], name: str) -> bytes:
        out = b""
        for _ in range(self._random.choice((0, 1, 1, 2))):
            count = self._random.choice((1, 1, 2, 3))
            items = [self._item(type_, name) for _ in range(count)]
            body = b"".join(items)
            negative = self._random.random() < 0.3
            out += number(-count) + number(len(body)) if negative else number(count)
            out += body
        return out + number(0)

    def _item(self, type_: dict[str, Any], name: str) -> bytes:
        if type_["type"] == "array":
            return self.of(type_["items"], name)
        return self._primitive("string", "") + self.of(type_["values"], name)

    def _primitive(self, kind: str, name: str) -> bytes:
        random = self._random
        match kind:
            case "null":
                return b""
            case "boolean":
                return random.randbytes(1)
            case "float":
                return random.choice(
                    (random.randbytes(4), b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f")
                )
            case "double":
                return random.choice((random.randbytes(8), bytes(6) + b"\xf8\x7f"))
            case "int" if random.random() < 0.95:
                return number(random.choice((1, 2, 3, 2**31 - 1, -1)))
            case "int" | "long":
                return number(random.choice((1, 2, 3, 2**31 - 1, 2**63 - 1, -(2**63), 10**12)))
            case _:
                data = self._text(kind, name)
                return number(len(data)) + data

    def _text(self, kind: str, name: str) -> bytes:
        random = self._random
        if random.random() < 0.1:
            return random.choice(_ODD)
        if name == "currency":
            return random.choice((b"USD", b"CAD"))
        if name in ("unitPrice", "totalPrice") or kind == "bytes":
            return random.choice((b"\x01", b"\x7f\xff", b"\x00", b"\x01" + bytes(6)))
        return b"i-%d" % random.randrange(1000)
