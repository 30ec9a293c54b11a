"""Errors that end the process; a record never raises one.

    ProcessorError
    ├── ConfigurationError   exit code 2    what the user has set, or set up, cannot work
    │   └── SettingsError                   settings are missing or wrong, all of them at once
    ├── RuntimeFailure       exit code 1    something the processor needs failed or stayed away
    └── BrokenInvariant      exit code 70   a promise of this program does not hold: a bug

The message is for the person who runs the processor: what is wrong, and what to do about it. It
never holds a value that could be secret.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class ProcessorError(Exception):
    """The process cannot go on."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(ProcessorError):
    """What the user has set, or set up, cannot work; starting again will not help."""

    exit_code: ClassVar[int] = 2


class RuntimeFailure(ProcessorError):  # noqa: N818  the word that operators read
    """Something that the processor needs failed or stayed away; starting again may help."""


class BrokenInvariant(ProcessorError):  # noqa: N818  the word that operators read
    """A promise of this program does not hold. Going on could do harm."""

    exit_code: ClassVar[int] = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the settings, as a predicate on `name`, and its remedy."""

    name: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        """Return it as two sentences."""
        return f"{self.name} {self.wrong}. {self.remedy}{'' if self.remedy.endswith('?') else '.'}"


class SettingsError(ConfigurationError):
    """Settings are missing or wrong; `problems` holds every one that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order of their names."""
        self.problems = tuple(sorted(problems, key=lambda problem: problem.name))
        count = len(self.problems)
        title = "One setting needs" if count == 1 else f"{count} settings need"
        lines = (f"  - {problem}" for problem in self.problems)
        super().__init__("\n".join((f"{title} attention:", *lines)))
