"""What schemas/README.md shows is what is sent."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from processor.core.calls import CallShape, confirm_call, release_call
from processor.core.outcomes import NAMESPACE
from processor.shell import schemas
from processor.shell.avro_form import MAX_BRANCHES, MAX_NESTING, MAX_TEXT, MAX_TYPES
from processor.shell.decoding import MAX_VALUE
from processor.shell.vetting import MAX_PRECISION, MAX_SCALE
from tests.support.codec import ABANDONED, PAID

README: Final = Path(__file__).parents[2].joinpath("schemas", "README.md").read_text("utf-8")
BODIES: Final = [body.encode() for body in re.findall(r"```json\n(.*)\n```", README)]
FINGERPRINTS: Final = re.findall(
    r"^(CONFIRM|RELEASE) +(\S+) +([0-9a-f]{64})$", README, re.MULTILINE
)

SHAPE: Final = CallShape(tag_id="configured")
ITEM: Final = replace(PAID.items[0], cart_item_id="i-1", total_price=Decimal("25.0000"))
CONFIRM: Final = confirm_call(replace(PAID, items=(ITEM,), attributes={"channel": "web"}), SHAPE)
RELEASE: Final = release_call(replace(ABANDONED, rokt_tag_id="shop-2"), ABANDONED.items, SHAPE)


def test_the_bodies_are_those_of_the_calls() -> None:
    assert [CONFIRM.body, RELEASE.body] == BODIES


def test_the_fingerprints_are_those_of_the_calls() -> None:
    assert [
        ("CONFIRM", "-", CONFIRM.fingerprint),
        ("RELEASE", "shop-2", RELEASE.fingerprint),
    ] == FINGERPRINTS


def test_the_limits_and_names_are_those_of_the_code() -> None:
    said = " ".join(README.split())
    assert f"at most {MAX_TEXT // 1024} KiB, nested at most {MAX_NESTING} levels" in said
    assert f"at most {MAX_TYPES:,} types" in said
    assert f"{MAX_BRANCHES} branches" in said
    assert f"a scale of at most {MAX_SCALE} and a precision of at most {MAX_PRECISION}" in said
    assert f"at most {MAX_VALUE // 1024**2} MiB" in said
    assert str(NAMESPACE) in said
    assert all(f"`{name}.avsc`" in said for name in schemas.ALL)
