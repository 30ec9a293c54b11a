"""What is said of scripts and admin requests that cannot be used: in our own words, all at once."""

from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest
from pydantic import BaseModel

from processor.fake_rokt.admin import ApiKey, Selection
from processor.fake_rokt.outage import Outage
from processor.fake_rokt.reading import MUST_BE, UnusableError, check, read, read_some
from processor.fake_rokt.rules import Rule, Script, Then

CASES: Final = {
    '{"rules":[{"then":{"stauts":503}}]}': (
        "rules[0].then.stauts is no known name; did you mean status?",
    ),
    '{"rules":[{"when":{"zzz":1},"then":{}}]}': (
        (
            "rules[0].when.zzz is no known name; the names are operation, cart_id, order_id, "
            "first_attempt, last_attempt, probability"
        ),
    ),
    '{"rules":[{},"x"],"reservations":{}}': (
        "rules[0].then is missing; it has to be an object that says what happens",
        'rules[1] must be an object, not "x"',
        "reservations must be a list of reservations, not {}",
    ),
    '{"rules":[{"then":{"latency":[1,"x"],"headers":{"a":1},"reject":[1]}}]}': (
        (
            "rules[0].then.latency must be seconds from 0, as 0.05, or the least and the most, "
            'as [0.01, 0.2], not [1, "x"]'
        ),
        "rules[0].then.headers must be an object of header names and values, both text, not 1",
        'rules[0].then.reject must be a list of cartItemIds or reservation ids, or "all", not [1]',
    ),
    '{"rules":[{"then":{"status":99},"times":0}]}': (
        "rules[0].then.status must be an HTTP status from 200 to 999, not 99",
        "rules[0].times must be a whole number from 1, or null, not 0",
    ),
    '{"rules":[{"then":{"latency":1e999}}]}': (
        (
            "rules[0].then.latency must be seconds from 0, as 0.05, or the least and the most, "
            "as [0.01, 0.2], not Infinity"
        ),
    ),
    '{"reservations":[{"id":"r"}]}': (
        "reservations[0].reservation_id is missing; it has to be an id, as text",
        (
            "reservations[0].id is no known name; the names are reservation_id, cart_id, "
            "cart_item_id, state, order_id"
        ),
    ),
    "[]": ("it must be an object, not []",),
    '{"rules":[\n': ("it is not JSON: Expecting value in line 2, column 1",),
    '{"rules":[],"rules":[]}': ("it is not usable JSON: an object has a key twice",),
    "[" * 100_000: ("it is not usable JSON: nested too deeply",),
}


@pytest.mark.parametrize(("written", "problems"), CASES.items(), ids=[text[:40] for text in CASES])
def test_everything_wrong_with_a_script_is_told(written: str, problems: tuple[str, ...]) -> None:
    with pytest.raises(UnusableError) as caught:
        read(Script, written.encode())
    assert caught.value.problems == problems


def test_bytes_that_are_no_text_are_told_apart() -> None:
    with pytest.raises(UnusableError, match="it is not UTF-8 text"):
        read(Script, b"\xff")


def test_one_rule_or_a_list_of_them_can_be_given() -> None:
    rule = Rule(then=Then(status=503))
    assert read_some(Rule, b'{"then":{"status":503}}') == (rule,)
    assert read_some(Rule, b'[{"then":{"status":503}},{"then":{"status":503}}]') == (rule, rule)
    with pytest.raises(UnusableError, match=r"\[1\]\.then is missing"):
        read_some(Rule, b'[{"then":{}},{}]')


def test_a_key_is_never_repeated() -> None:
    with pytest.raises(UnusableError) as caught:
        check(ApiKey, {"api_key": ["canary"]})
    assert caught.value.problems == ("api_key must be a text or null",)


def test_every_name_has_words_of_its_own() -> None:
    kinds = (Script, Outage, ApiKey, Selection)
    assert {name for kind in kinds for name in names_in(kind)} == set(MUST_BE)


def names_in(kind: Any) -> Iterator[str]:  # noqa: ANN401  (whatever a type is)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield name
            yield from names_in(field.annotation)
    for part in get_args(kind):
        yield from names_in(part)
