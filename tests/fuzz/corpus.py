"""The inputs that are kept: where they are, and playing them again.

    python -m tests.fuzz.corpus TARGET [FILE …]

Without files all inputs of the target are played, and some hundred changes of them, always the
same. The first line of a record's input is the text of a schema or the name of one of ours.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.limits import keep_within

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = ROOT / "tests" / "fuzz" / "corpus"
_CPU_SECONDS: Final = 120
_CHANGES: Final = 600
_LONGEST: Final = 4096


def name_by_content(folder: Path) -> None:
    """Give each file the name that follows from what is in it."""
    for path in list(folder.iterdir()):
        path.rename(folder / sha256(path.read_bytes()).hexdigest()[:12])


def play(target: str, files: Sequence[Path]) -> None:
    """Give a target these inputs, or all that are kept and changes of them."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415  (within the limits)

    kept = sorted((KEPT / target).iterdir())
    for name, data in _inputs(target, files or kept, changes=0 if files else _CHANGES):
        try:
            TARGETS[target](data)
        except BaseException:
            sys.stderr.write(f"{name}: {data!r}\n")
            raise


def _inputs(target: str, files: Sequence[Path], changes: int) -> Iterator[tuple[str, bytes]]:
    from tests.fuzz.making import MAKERS  # noqa: PLC0415  (within the limits)

    inputs = [path.read_bytes() for path in files]
    yield from zip([path.name for path in files], inputs, strict=True)
    for seed in range(changes):
        random = Random(seed)
        data = random.choice(inputs)
        for _ in range(random.choice((1, 1, 2, 5))):
            data = MAKERS[target](data, _LONGEST, random, _any_change(random))
        yield f"change {seed}", data


def _any_change(random: Random) -> Callable[[bytes, int], bytes]:
    def change(data: bytes, longest: int) -> bytes:
        at = random.randrange(len(data) + 1)
        new = random.choice((b"", b"\0", b"\xff", b"\x80" * 9, random.randbytes(3)))
        return (data[:at] + new + data[at + random.randrange(3) :])[:longest]

    return change


if __name__ == "__main__":
    keep_within(_CPU_SECONDS)
    play(sys.argv[1], [Path(name) for name in sys.argv[2:]])
