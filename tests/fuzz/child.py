"""One fuzzer in a process of its own: `python -m tests.fuzz.child TARGET SECONDS …`.

What follows are arguments of libFuzzer. Needs atheris, which only `make fuzz` installs.
"""

import sys
from random import Random

import atheris

from tests.fuzz.limits import keep_within

with atheris.instrument_imports(include=["processor.core", "processor.shell", "tests.fuzz"]):
    from tests.fuzz.making import MAKERS
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until the time is over, or something breaks."""
    name, seconds, *arguments = sys.argv[1:]
    keep_within(int(seconds) + 120)
    make = MAKERS[name]

    def change(data: bytes, longest: int, seed: int) -> bytes:
        return make(data, longest, Random(seed), atheris.Mutate)

    # A merge starts it again by this line, through a shell.
    again = f"{sys.executable} -m tests.fuzz.child {name} {seconds}"
    atheris.Setup([again, *arguments], TARGETS[name], custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
