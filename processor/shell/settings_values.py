"""How the text of a setting becomes its value.

A `Kind` parses what the environment (always text) or the TOML file (text, numbers, booleans,
tables) gives. What is wrong is raised as ValueError whose message continues the name of the
setting ("is not a duration") and never quotes the value: it might be a secret in the wrong place.
"""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic_core import CoreSchema, core_schema

from processor.shell.secrets import MASK, Secret, SecretFile, check_readable

_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\s?(ms|s|m|h|)", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,9})?", re.ASCII)
_TRUTH: Final = {"true": True, "1": True, "yes": True, "on": True}
_FALSEHOOD: Final = {"false": False, "0": False, "no": False, "off": False}
_BOOLEANS: Final = _TRUTH | _FALSEHOOD


@dataclass(frozen=True, slots=True)
class FromFile:
    """The path that a `…_FILE` twin names, in the place of the value itself."""

    path: Path


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value; `expects` completes the remedy "Set it to …"."""

    expects: str
    parse: Callable[[Any], object]
    has_file_twin: bool = False
    show: Callable[[Any], str] = str

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        """Let pydantic parse with this kind and nothing else."""
        return core_schema.no_info_plain_validator_function(self.parse)


def refuse(predicate: str) -> NoReturn:
    """Say what is wrong with a value, and nothing of what led to it."""
    raise ValueError(predicate) from None


def text_of(raw: object) -> str:
    """Return `raw` as printable text."""
    if not isinstance(raw, str):
        refuse("is not text")
    if not raw.strip():
        refuse("is empty")
    if "\n" in raw or "\r" in raw:
        refuse("has more than one line")
    if not raw.isprintable():
        refuse("holds characters that cannot be printed")
    return raw


def header_text(raw: object) -> str:
    """Return `raw` if it can be the value of an HTTP header."""
    text = text_of(raw)
    if not text.isascii():
        refuse("holds characters other than printable ASCII")
    if text != text.strip():
        refuse("begins or ends with a blank")
    return text


def show_seconds(seconds: float) -> str:
    """Return a duration as people write it: `250 ms`, `45 s`, `15 m`."""
    for unit in ("h", "m", "s"):
        count = seconds / _UNITS[unit]
        if count >= 1 and count.is_integer():
            return f"{count:.0f} {unit}"
    return f"{seconds:g} s" if seconds >= 1 or seconds == 0 else f"{seconds * 1000:g} ms"


def _bounded(value: float, low: float, high: float, show: Callable[[float], str]) -> float:
    if value < low:
        refuse(f"is less than {show(low)}")
    if value > high:
        refuse(f"is more than {show(high)}")
    return value


def duration(low: float, high: float) -> Kind:
    """Return the kind of a duration in seconds, between two bounds."""

    def parse(raw: object) -> float:
        match = None if isinstance(raw, bool) else _DURATION.fullmatch(str(raw).strip())
        if match is None:
            refuse("is not a duration")
        return _bounded(float(match[1]) * _UNITS[match[2]], low, high, show_seconds)

    bounds = f"from {show_seconds(low)} to {show_seconds(high)}"
    expects = f"seconds (`30`, `0.5`) or a time such as `250ms`, `30s`, `15m`, {bounds}"
    return Kind(expects, parse, show=show_seconds)


def whole_number(low: int, high: int) -> Kind:
    """Return the kind of a whole number between two bounds."""

    def parse(raw: object) -> int:
        text = str(raw).strip()
        if isinstance(raw, bool) or not _WHOLE.fullmatch(text):
            refuse("is not a whole number")
        return int(_bounded(int(text), low, high, str))

    return Kind(f"a whole number from {low} to {high}", parse)


def number(low: float, high: float) -> Kind:
    """Return the kind of a number between two bounds."""
    show = "{:.12g}".format

    def parse(raw: object) -> float:
        text = str(raw).strip()
        if isinstance(raw, bool) or not _NUMBER.fullmatch(text):
            refuse("is not a number")
        return _bounded(float(text), low, high, show)

    return Kind(f"a number from {show(low)} to {show(high)}", parse)


def one_of(*choices: str) -> Kind:
    """Return the kind of a word out of a closed set."""

    def parse(raw: object) -> str:
        if raw not in choices:
            refuse("is none of its possible values")
        return str(raw)

    return Kind(" or ".join(f"`{choice}`" for choice in choices), parse)


def _parse_boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    answer = _BOOLEANS.get(str(raw).strip().lower())
    if answer is None:
        refuse("is neither true nor false")
    return answer


def _parse_start(raw: object) -> str | datetime:
    if raw in {"earliest", "latest"}:
        return str(raw)
    try:
        moment = raw if isinstance(raw, datetime) else datetime.fromisoformat(text_of(raw).strip())
    except ValueError:
        refuse("is neither `earliest`, `latest` nor an ISO time")
    if moment.tzinfo is None:
        refuse("is a time without a zone")
    return moment


def _parse_readable_file(raw: object) -> Path:
    path = Path(text_of(raw))
    check_readable(path)
    return path


def _parse_certificates(raw: object) -> Path:
    path = _parse_readable_file(raw)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        refuse("names a file that holds no PEM certificate")
    return path


def _parse_folder(raw: object) -> Path:
    path = Path(text_of(raw))
    if path.exists() and not path.is_dir():
        refuse("is not a folder")
    return path


def secret(vet: Callable[[str], str]) -> Callable[[Any], Secret | SecretFile]:
    """Return what parses a secret, given directly or in a file, that `vet` takes."""

    def check(text: str) -> str:
        if text == MASK:
            refuse("is the mask that stands for the secret")
        return vet(text)

    def parse(raw: object) -> Secret | SecretFile:
        if isinstance(raw, FromFile):
            return SecretFile(raw.path, check)
        if isinstance(raw, (Secret, SecretFile)):
            return raw
        return Secret(check(raw.rstrip("\r\n") if isinstance(raw, str) else text_of(raw)))

    return parse


BOOLEAN: Final = Kind("`true` or `false`", _parse_boolean)
TEXT: Final = Kind("printable text", text_of)
HEADER: Final = Kind("printable ASCII without blanks at its ends", header_text)
START: Final = Kind(
    "`earliest`, `latest` or an ISO time with its zone, such as `2025-01-31T08:00:00Z`",
    _parse_start,
)
READABLE_FILE: Final = Kind("the path of a file that this user can read", _parse_readable_file)
CERTIFICATES: Final = Kind(
    "the path of a file of PEM certificates that this user can read", _parse_certificates
)
FOLDER: Final = Kind("the path of a folder", _parse_folder)
HEADER_SECRET: Final = Kind(
    "the secret itself, or its `_FILE` twin to the path of a file that holds nothing else; "
    "printable ASCII without blanks at its ends",
    secret(header_text),
    has_file_twin=True,
)
TEXT_SECRET: Final = Kind(
    "the secret itself, or its `_FILE` twin to the path of a file that holds nothing else",
    secret(text_of),
    has_file_twin=True,
)
