"""Reading: what scripts and admin requests give, or all that is wrong with it, in plain words."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from processor.fake_rokt.contract import Operation, json_without_tricks
from processor.fake_rokt.outage import Mode
from processor.fake_rokt.reservations import State
from processor.fake_rokt.rules import Content, Lie, Send

Model = TypeVar("Model", bound=BaseModel)

_SHOWN: Final = 60
_TEXT: Final = "a text"
_ID: Final = "an id, as text"
_SECONDS: Final = "seconds from 0"
_DURATION: Final = "seconds from 0, as 0.05, or the least and the most, as [0.01, 0.2]"
_HEADERS: Final = "an object of header names and values, both text"
_YES_OR_NO: Final = "true or false"
_WHOLE: Final = "a whole number"
_STATUS: Final = "an HTTP status from 200 to 999"


def _one_of(symbols: type[StrEnum]) -> str:
    return f"one of {', '.join(symbols)}"


MUST_BE: Final[Mapping[str, str]] = {
    "after": _WHOLE,
    "answer_latency": _DURATION,
    "api_key": "a text or null",
    "apply": "true, false or null",
    "body": "a text, an object or a list",
    "cart_id": _ID,
    "cart_item_id": _ID,
    "comment": _TEXT,
    "content": _one_of(Content),
    "drip": _SECONDS,
    "first_attempt": "a whole number from 1",
    "headers": _HEADERS,
    "last_attempt": "a whole number from 1, or null",
    "latency": _DURATION,
    "lies": f"a list of some of {', '.join(Lie)}",
    "limit": "a whole number from 0",
    "mode": _one_of(Mode),
    "operation": _one_of(Operation),
    "order_id": _ID,
    "probability": "a number from 0 to 1",
    "reject": 'a list of cartItemIds or reservation ids, or "all"',
    "reservation_id": _ID,
    "reservations": "a list of reservations",
    "retry_after_in": "seconds from now",
    "rules": "a list of rules",
    "seconds": "seconds, more than 0",
    "send": _one_of(Send),
    "size": "a number of bytes from 0",
    "state": _one_of(State),
    "status": _STATUS,
    "strict_reservations": _YES_OR_NO,
    "then": "an object that says what happens",
    "times": "a whole number from 1, or null",
    "when": "an object that says which calls",
}
"""What the value of each name has to be; null stands for the default where there is none."""

_PARENTS: Final = frozenset({"rules", "reservations", "when", "then"})


class UnusableError(ValueError):
    """What was given cannot be used; `problems` holds a sentence for everything wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Keep the problems in their order."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def read(kind: type[Model], content: bytes) -> Model:
    """Read JSON; raises UnusableError."""
    return check(kind, _parse(content))


def read_some(kind: type[Model], content: bytes) -> tuple[Model, ...]:
    """Read one value, or a list of them; raises UnusableError."""
    given = _parse(content)
    if not isinstance(given, list):
        return (check(kind, given),)
    try:
        return TypeAdapter(tuple[kind, ...]).validate_python(given)  # type: ignore[valid-type]
    except ValidationError as error:
        raise UnusableError(_told(kind, error)) from None


def check(kind: type[Model], given: object) -> Model:
    """Read a value that is no JSON any more; raises UnusableError."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise UnusableError(_told(kind, error)) from None


def _parse(content: bytes) -> object:
    try:
        return json_without_tricks(content)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnusableError([f"it is not JSON: {error.msg} in {where}"]) from None
    except UnicodeDecodeError:
        raise UnusableError(["it is not JSON: it is not UTF-8 text"]) from None
    except ValueError as error:
        raise UnusableError([f"it is not usable JSON: {error}"]) from None


def _told(kind: type[BaseModel], error: ValidationError) -> Iterator[str]:
    told = set()
    for each in error.errors(include_url=False, include_context=False):
        place = _own(each["loc"])
        if place not in told:  # a value of several possible shapes is reported for each
            told.add(place)
            yield _problem(kind, each["type"], place, each["input"])


def _problem(kind: type[BaseModel], code: str, loc: tuple[int | str, ...], given: object) -> str:
    *_, last = loc or ("",)
    if code == "extra_forbidden":
        known = list(_model_at(kind, loc).model_fields)
        close = get_close_matches(str(last), known, n=1)
        meant = f"did you mean {close[0]}?" if close else f"the names are {', '.join(known)}"
        return f"{_place(loc)} is no known name; {meant}"
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    if code == "missing":
        return f"{_place(loc)} is missing; it has to be {MUST_BE[name]}"
    is_whole = bool(loc) and (loc[-1] == name or name not in _PARENTS)
    wanted = MUST_BE[name] if is_whole else "an object"
    return f"{_place(loc)} must be {wanted}{_instead(name, given)}"


def _own(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Cut off what follows the innermost of our names: pydantic's names of possible shapes."""
    for index, part in enumerate(loc):
        if isinstance(part, str) and part not in _PARENTS:
            return loc[: index + 1]
    return loc


def _model_at(kind: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc[:-1]:
        if isinstance(part, str):
            kind = _model_in(kind.model_fields[part].annotation)
    return kind


def _model_in(annotation: Any) -> type[BaseModel]:  # noqa: ANN401  (whatever a type is)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return _model_in(get_args(annotation)[0])


def _place(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.removeprefix(".") or "it"


def _instead(name: str, given: object) -> str:
    if name == "api_key":
        return ""
    text = json.dumps(given, default=str, ensure_ascii=False)
    return f", not {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"
