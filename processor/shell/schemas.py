"""The four Avro schemas of the project, as text and as what a reader expects of a writer."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from processor.shell.vetting import ReaderSchema, as_reader

ORDER_PAID: Final = "OrderPaid"
CART_ABANDONED: Final = "CartAbandoned"
OUTCOME: Final = "RoktCallOutcome"
DEAD_LETTER: Final = "DeadLetter"
EVENTS: Final = (ORDER_PAID, CART_ABANDONED)
ALL: Final = (*EVENTS, OUTCOME, DEAD_LETTER)


def subject(topic: str) -> str:
    """Return the registry's subject for the values of a topic."""
    return f"{topic}-value"


@cache
def text(name: str) -> str:
    """Return the JSON text of a schema without the whitespace, as it is registered."""
    document = json.loads(_folder().joinpath(f"{name}.avsc").read_text("utf-8"))
    return json.dumps(document, separators=(",", ":"))


@cache
def readers() -> dict[str, ReaderSchema]:
    """Return the schemas that records are read with, by record name: the events and outcomes."""
    return {name: as_reader(text(name)) for name in (*EVENTS, OUTCOME)}


def _folder() -> Path:
    """Return where the .avsc files are: inside the wheel, otherwise in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_schemas", package.parent / "schemas"):
        if folder.is_dir():
            return folder
    missing = f"the Avro schemas are neither in {package / '_schemas'} nor beside the package"
    raise FileNotFoundError(missing)
