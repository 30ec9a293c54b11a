"""Container files: rows become the records that a producer would have sent."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from processor.core.events import CartAbandoned, OrderPaid
from processor.core.vocabulary import CartId, OrderId
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell import schemas
from processor.shell.decoding import Decoder
from processor.shell.history.files import Rows, find_files, inspect_files
from processor.shell.vetting import vet
from tests.support.codec import ABANDONED, PAID, datum_of, items_of, only, schema_of

IDS = {schemas.ORDER_PAID: 1, schemas.CART_ABANDONED: 2}


def write(path: Path, schema: dict[str, Any], *rows: dict[str, Any], codec: str = "null") -> Path:
    parsed = fastavro.parse_schema(schema)
    with path.open("wb") as file:
        fastavro.writer(file, parsed, rows, codec=codec, sync_interval=1)
    return path


def orders(folder: Path, count: int = 3, **options: Any) -> Path:  # noqa: ANN401  of the writer
    rows = [datum_of(PAID) | {"orderId": f"o-{number}"} for number in range(count)]
    return write(folder / "orders.avro", schema_of("OrderPaid"), *rows, **options)


def read(*paths: Path, cart_field: str = "cartId", begin: int = 0) -> list[Any]:
    """Return each row's position with the event that it decodes to."""
    files = inspect_files(paths, cart_field)
    found: list[Any] = []
    for after, record in Rows(files, IDS, cart_field).read(begin):
        name = schemas.ORDER_PAID if record.value and record.value[4] == 1 else "CartAbandoned"
        known = only(IDS[name], vet(schemas.text(name), schemas.readers()))
        found.append((after, record.key, Decoder(known).decode(record, name)))
    return found


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_rows_of_any_codec_are_read_as_they_were_written(tmp_path: Path, codec: str) -> None:
    found = read(orders(tmp_path, 1, codec=codec))
    assert found == [(1, b"c-1", replace(PAID, order_id=OrderId("o-0")))]


def test_prices_of_another_scale_stay_exact(tmp_path: Path) -> None:
    schema = schema_of("OrderPaid")
    for field in items_of(schema)["fields"]:
        if field["name"] in ("unitPrice", "totalPrice"):
            field["type"]["scale"] = 2
    datum = datum_of(PAID)
    datum["items"][0] |= {"unitPrice": Decimal("12.50"), "totalPrice": Decimal("-12.50")}
    ((_, _, event),) = read(write(tmp_path / "f.avro", schema, datum))
    assert [str(event.items[0].unit_price), str(event.items[0].total_price)] == [
        "12.5000",
        "-12.5000",
    ]


def test_payments_go_first_and_rows_are_counted_through_all_files(tmp_path: Path) -> None:
    carts = write(tmp_path / "carts.avro", schema_of("CartAbandoned"), datum_of(ABANDONED))
    found = read(carts, orders(tmp_path))
    assert [(after, type(event)) for after, _, event in found] == [
        (1, OrderPaid),
        (2, OrderPaid),
        (3, OrderPaid),
        (4, CartAbandoned),
    ]
    assert read(carts, orders(tmp_path), begin=2) == found[2:]


def test_a_field_may_hold_the_original_key(tmp_path: Path) -> None:
    schema = schema_of("OrderPaid")
    schema["fields"].append({"name": "key", "type": "bytes"})
    path = write(tmp_path / "f.avro", schema, datum_of(PAID) | {"key": b"\xff"})
    ((_, key, event),) = read(path, cart_field="key")
    assert (key, event.cart_id) == (b"\xff", CartId("c-1"))


def test_the_origin_of_a_row_is_its_file_and_its_number_there(tmp_path: Path) -> None:
    files = inspect_files([orders(tmp_path)], "cartId")
    sources = [record.source for _, record in Rows(files, IDS, "cartId").read(0)]
    digest = files[0].container.sha256
    assert [(s.topic, s.partition, s.offset) for s in sources] == [
        (f"file:{digest}", 0, number) for number in range(3)
    ]


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    good = orders(tmp_path)
    cut = tmp_path / "cut.avro"
    cut.write_bytes(good.read_bytes()[:-20])
    strange = write(
        tmp_path / "strange.avro",
        {"type": "record", "name": "Strange", "fields": [{"name": "cartId", "type": "string"}]},
        {"cartId": "c"},
    )
    for paths, cart_field, why in (
        ([tmp_path / "none"], "cartId", "cannot be read"),
        ([cut], "cartId", "no whole Avro container file"),
        ([strange], "cartId", "holds no events"),
        ([good], "basket", "has no field basket"),
        ([good, good], "cartId", "the same file"),
    ):
        if why == "the same file":
            twin = tmp_path / "twin.avro"
            twin.write_bytes(good.read_bytes())
            paths = [good, twin]  # noqa: PLW2901
        with pytest.raises(ConfigurationError, match=why):
            inspect_files(paths, cart_field)


def test_a_plan_gets_the_same_files_again_in_its_own_order(tmp_path: Path) -> None:
    carts = write(tmp_path / "carts.avro", schema_of("CartAbandoned"), datum_of(ABANDONED))
    files = inspect_files([carts, orders(tmp_path)], "cartId")
    containers = [each.container for each in files]
    again = find_files([carts, tmp_path / "orders.avro"], containers, "cartId")
    assert [each.container for each in again] == containers
    with pytest.raises(ConfigurationError, match="1 are not given, or have changed"):
        find_files([carts], containers, "cartId")


def test_a_row_that_is_damaged_is_told_with_its_number(tmp_path: Path) -> None:
    path = orders(tmp_path, 2)
    files = inspect_files([path], "cartId")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"o-1") - 1] = 0x7F  # the length of a text, now far too long
    path.write_bytes(data)
    with pytest.raises(RuntimeFailure, match="cannot be read at row 1"):
        list(Rows(files, IDS, "cartId").read(0))
