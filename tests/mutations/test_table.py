"""The table of mutations fits the source: what it takes out is there, and so are the tests."""

from pathlib import Path
from typing import Final

import pytest

from tests.mutations.bounds import BOUNDS
from tests.mutations.crash_loops import CRASH_LOOPS
from tests.mutations.credentials import CREDENTIALS
from tests.mutations.edges import EDGES
from tests.mutations.hostile import HOSTILE
from tests.mutations.hostile_texts import HOSTILE_TEXTS
from tests.mutations.peers import PEERS
from tests.mutations.server import SERVER
from tests.mutations.spans import SPANS
from tests.mutations.supply import SUPPLY
from tests.mutations.table import MUTATIONS, Mutation

ALL: Final = (
    *MUTATIONS,
    *CREDENTIALS,
    *EDGES,
    *PEERS,
    *SPANS,
    *SERVER,
    *SUPPLY,
    *CRASH_LOOPS,
    *HOSTILE,
    *HOSTILE_TEXTS,
    *BOUNDS,
)
_ROOT: Final = Path(__file__).parents[2]


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.name)
def test_what_a_mutation_takes_out_is_in_the_source_once(mutation: Mutation) -> None:
    counts = [(_ROOT / edit.file).read_text().count(edit.old) for edit in mutation.edits]
    assert counts == [1] * len(mutation.edits)


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.name)
def test_the_test_that_misses_it_exists(mutation: Mutation) -> None:
    file, _, name = mutation.test.partition("::")
    assert f"def {name.partition('[')[0]}" in (_ROOT / file).read_text()


def test_no_two_mutations_have_one_name() -> None:
    assert len({mutation.name for mutation in ALL}) == len(ALL)
