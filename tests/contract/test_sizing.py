"""The tables of deploy/SIZING.md are what the model writes of what was measured."""

from pathlib import Path
from typing import Final

from processor.core.blueprints import DEFAULT_PARTITIONS
from processor.shell.settings_table import Calls, Retries
from tests.benchmarks.capacity import model, page
from tests.benchmarks.capacity.__main__ import PAGE, measurements
from tests.benchmarks.capacity.constants import PATH, Constants, read_constants, write_constants
from tests.benchmarks.capacity.fit import fit

REMEDY: Final = "write it anew: python -m tests.benchmarks.capacity"
TEXT: Final = PAGE.read_text("utf-8")


def test_the_tables_are_what_the_model_writes() -> None:
    parts = page.parts(read_constants(), measurements())

    assert all(f"<!-- {name}: begin -->\n{text}\n<!--" in TEXT for name, text in parts.items()), (
        REMEDY
    )
    assert page.renew(TEXT, parts) == TEXT, REMEDY


def test_the_constants_are_fitted_to_what_is_measured(tmp_path: Path) -> None:
    anew = tmp_path / PATH.name
    write_constants(Constants(running=fit(measurements()), sizes=read_constants().sizes), anew)

    assert anew.read_text("utf-8") == PATH.read_text("utf-8"), REMEDY


def test_the_limits_of_the_model_are_the_defaults_of_the_settings() -> None:
    calls, retries = Calls(), Retries()
    assert (
        calls.max_unfinished,
        calls.max_span,
        retries.give_up_after,
        calls.max_in_flight,
        DEFAULT_PARTITIONS,
    ) == (
        model.MAX_UNFINISHED,
        model.MAX_SPAN,
        model.PATIENCE,
        model.USUAL_IN_FLIGHT,
        model.USUAL_PARTITIONS,
    )
