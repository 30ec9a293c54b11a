"""Avro container files: events that a data lake has kept, as records that Kafka never held.

Each row becomes a record: its value framed anew with our own schema, its key the cart that a
field of the row names.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import fastavro

from processor.core.copies import FILE_TOPIC
from processor.core.records import Record, Source
from processor.core.replays import Container
from processor.errors import BrokenInvariant, ConfigurationError, RuntimeFailure
from processor.shell.framing import prefix
from processor.shell.schemas import EVENTS, ORDER_PAID, readers, text
from processor.shell.vetting import Refusal, VettedSchema, vet

CART_FIELD: Final = "cartId"
_CHUNK: Final = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFile:
    """A container file that can be read, and what is in it."""

    path: Path
    container: Container
    schema: VettedSchema


def inspect_files(paths: Iterable[Path], cart_field: str) -> tuple[ContainerFile, ...]:
    """Look through container files; ConfigurationError says what is wrong with one.

    Those with payments go first, so that no release goes before its payment.
    """
    files = [_inspect(path, cart_field) for path in paths]
    seen: dict[str, Path] = {}
    for each in files:
        other = seen.setdefault(each.container.sha256, each.path)
        if other is not each.path:
            raise ConfigurationError(f"{each.path} and {other} are the same file: give it once.")
    return tuple(sorted(files, key=lambda each: each.container.event != ORDER_PAID))


def find_files(
    paths: Sequence[Path], containers: Sequence[Container], cart_field: str
) -> tuple[ContainerFile, ...]:
    """Return the files of a plan's containers, in their order; each has to be among `paths`."""
    if paths and not containers:
        raise ConfigurationError("The plan reads Kafka, and no container files: leave --avro out.")
    given = {each.container.sha256: each for each in inspect_files(paths, cart_field)}
    missing = [each for each in containers if each.sha256 not in given]
    if missing:
        listed = ", ".join(f"{each.event} with {each.rows} rows" for each in missing)
        raise ConfigurationError(
            f"The plan reads {len(containers)} container files, of which {len(missing)} are not "
            f"given, or have changed: {listed} (SHA-256 {missing[0].sha256}). Name the same files "
            "with --avro."
        )
    return tuple(given[each.sha256] for each in containers)


def names_of(files: Iterable[ContainerFile]) -> dict[str, str]:
    """Return how people know the topics of files: by the file's name, and a bit of its digest."""
    return {
        f"{FILE_TOPIC}{sha256}": f"{each.path.name}@{sha256[:8]}"
        for each in files
        for sha256 in [each.container.sha256]
    }


class Rows:
    """The rows of some container files, one after the other, as records."""

    def __init__(
        self, files: Sequence[ContainerFile], schema_ids: Mapping[str, int], cart_field: str
    ) -> None:
        """`schema_ids` are those of our own schemas in the registry, by the record's name."""
        self._files = files
        self._prefixes = {name: prefix(schema_id) for name, schema_id in schema_ids.items()}
        self._cart_field = cart_field

    def read(self, begin: int) -> Iterator[tuple[int, Record]]:
        """Yield each row from `begin` on as a record, and the number of the row after it.

        Rows are counted through all files; the record's offset is counted in its own.
        """
        start = 0
        for file in self._files:
            rows = file.container.rows
            if begin < start + rows:
                for row in _rows(file, max(0, begin - start), self._cart_field):
                    yield start + row.number + 1, self._record(file.container, file.schema, row)
            start += rows

    def _record(self, container: Container, schema: VettedSchema, row: "_Row") -> Record:
        name = container.event
        target = BytesIO()
        target.write(self._prefixes[name])
        fastavro.schemaless_writer(target, readers()[name].parsed, _as_ours(row.datum, schema))
        source = Source(f"{FILE_TOPIC}{container.sha256}", 0, row.number, None)
        return Record(source, row.key, target.getvalue())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of a container file, read as our schema; its prices are still in the file's scale."""

    number: int
    key: bytes | None
    datum: dict[str, Any]


def _inspect(path: Path, cart_field: str) -> ContainerFile:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            file.seek(0)
            schema, rows = _count(path, file, cart_field)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    container = Container(sha256=digest.hexdigest(), event=schema.name, rows=rows)
    return ContainerFile(path=path, container=container, schema=schema)


def _count(path: Path, file: BinaryIO, cart_field: str) -> tuple[VettedSchema, int]:
    try:
        blocks = fastavro.block_reader(file)
        written = str(blocks.metadata["avro.schema"])
        rows = sum(block.num_records for block in blocks)
    except OSError:
        raise
    except Exception as error:  # the library may raise anything on what is no container
        raise ConfigurationError(
            f"{path} is no whole Avro container file, or has a codec that is not installed "
            f"({type(error).__name__}: {str(error)[:200]})."
        ) from error
    schema = vet(written, {name: readers()[name] for name in EVENTS})
    if isinstance(schema, Refusal):
        raise ConfigurationError(f"{path} holds no events that can be read: {schema.detail}")
    if cart_field not in {field["name"] for field in schema.writer["fields"]}:
        raise ConfigurationError(
            f"{path} has no field {cart_field} that gives the cart: name it with --cart-field."
        )
    return schema, rows


def _rows(file: ContainerFile, begin: int, cart_field: str) -> Iterator[_Row]:
    """Yield the rows of a file from `begin` on; RuntimeFailure where one cannot be read."""
    number = 0
    try:
        with file.path.open("rb") as opened:
            for block in fastavro.block_reader(opened):
                after = number + block.num_records
                if after > begin:
                    yield from _rows_of(
                        _bytes_of(block), range(number, after), begin, file, cart_field
                    )
                number = after
    except (ConfigurationError, RuntimeFailure):
        raise
    except Exception as error:  # the library may raise anything on hostile bytes
        raise RuntimeFailure(
            f"{file.path} cannot be read at row {number} or soon after ({type(error).__name__}): "
            "export it anew."
        ) from error


def _bytes_of(block: Any) -> BytesIO:  # noqa: ANN401  its stubs leave out what it documents
    """Return a block's rows, decompressed."""
    bytes_: BytesIO = block.bytes_
    return bytes_


def _rows_of(
    block: BytesIO, numbers: range, begin: int, file: ContainerFile, cart_field: str
) -> Iterator[_Row]:
    schema = file.schema
    for number in numbers:
        start = block.tell()
        written: Any = fastavro.schemaless_reader(block, schema.writer, None)
        if number < begin:
            continue
        datum = written
        if schema.reader is not None:
            block.seek(start)
            datum = fastavro.schemaless_reader(block, schema.writer, schema.reader)
        yield _Row(number=number, key=_key(written[cart_field]), datum=datum)


def _key(cart: object) -> bytes | None:
    """Return the key that a field gives: the original key, or the cart's id."""
    if isinstance(cart, str):
        return cart.encode(errors="surrogatepass")
    return cart if isinstance(cart, bytes) else None


@cache
def _our_scales() -> Mapping[str, int]:
    ours = vet(text(ORDER_PAID), readers())
    if isinstance(ours, Refusal):
        raise BrokenInvariant(f"our own schema is refused: {ours.detail}")
    return ours.scales


def _as_ours(datum: dict[str, Any], schema: VettedSchema) -> dict[str, Any]:
    """Return a row with its prices in the scale that our schema has; the largest, so exactly."""
    shifts = {
        field: scale - schema.scales[field]
        for field, scale in _our_scales().items()
        if schema.scales.get(field, scale) != scale
    }
    if not shifts:
        return datum
    items = [
        item | {field: _shift(item[field], by) for field, by in shifts.items()}
        for item in datum["items"]
    ]
    return datum | {"items": items}


def _shift(unscaled: bytes, by: int) -> bytes:
    if not unscaled:
        return unscaled  # no price at all, which decoding tells
    number = int.from_bytes(unscaled, "big", signed=True) * int(10**by)
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
