"""Secrets: values that never show themselves, given directly or kept in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, Self

MASK: Final = "********"
_SIZE_LIMIT: Final = 65_536
_CHECK_INTERVAL: Final = 1.0


class Secret:
    """A text that prints as asterisks wherever it ends up; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._value

    def current(self, now: float) -> "Secret":  # noqa: ARG002  as SecretFile has it
        """Return this secret: one that was given directly never changes."""
        return self

    def __repr__(self) -> str:
        """Return the mask."""
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        """Return the mask."""
        return MASK

    def __format__(self, spec: str) -> str:
        """Return the mask, aligned as asked."""
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        """Tell whether both hide the same text."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Return the hash of the hidden text."""
        return hash(self._value)

    def __copy__(self) -> Self:
        """Return the same object: it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the same object: it never changes."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the bytes would show the text."""
        message = "a secret cannot be pickled"
        raise TypeError(message)


class SecretFile:
    """A secret that lives in a file and follows its changes.

    `problem` says why the file could not be read again since it changed, if so; the last good
    secret then stays in use, because a rotation that is half done must not stop the processor.
    """

    def __init__(self, path: Path, check: Callable[[str], str]) -> None:
        """Read the file; ValueError says what is wrong with it. `check` vets and returns it."""
        self.path = path
        self.problem: str | None = None
        self._check = check
        self._identity = identity(path)
        self._secret = Secret(check(read_text(path)))
        self._checked_at = float("-inf")

    def current(self, now: float) -> Secret:
        """Return the secret, read again if the file has changed.

        `now` is seconds on a clock that never goes back; the file is looked at no more than
        once a second.
        """
        if now - self._checked_at >= _CHECK_INTERVAL:
            self._checked_at = now
            self._follow()
        return self._secret

    def _follow(self) -> None:
        try:
            # The identity is taken first: a change between the two shows at the next look.
            seen = identity(self.path)
            if seen == self._identity:
                self.problem = None
                return
            self._secret = Secret(self._check(read_text(self.path)))
        except ValueError as error:
            self.problem = str(error)
        else:
            self._identity = seen
            self.problem = None

    def __repr__(self) -> str:
        """Name the file, never what is in it."""
        return f"SecretFile({str(self.path)!r})"


Credential = Secret | SecretFile


def read_text(path: Path) -> str:
    """Return what a small text file holds, without the line ends at its end.

    ValueError says what is wrong as a predicate on the setting that names the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_SIZE_LIMIT + 1)
    except OSError as error:
        raise ValueError(_unreadable(error)) from None
    if len(content) > _SIZE_LIMIT:
        message = f"names a file of more than {_SIZE_LIMIT} bytes"
        raise ValueError(message)
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        message = "names a file that is not UTF-8 text"
        raise ValueError(message) from None
    if not text.strip():
        message = "names an empty file"
        raise ValueError(message)
    return text


def check_readable(path: Path) -> None:
    """Raise ValueError unless the file can be opened and read."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(_unreadable(error)) from None


def identity(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written or another one takes its place.

    ValueError says why it cannot be looked at.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise ValueError(_unreadable(error)) from None
    return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)


def _unreadable(error: OSError) -> str:
    cause = (error.strerror or "unknown error").lower()
    return f"names a file that cannot be read: {cause}"
