"""What the fake Rokt's README says is so, and its lines do what they seem to."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

import httpx2
import pytest

from processor import fake_rokt
from processor.fake_rokt import (
    Content,
    Entry,
    FakeRokt,
    Ledger,
    Lie,
    Mode,
    Rule,
    Script,
    Send,
    Settings,
    State,
    Tally,
    Then,
    Totals,
    When,
)
from processor.fake_rokt.admin import Selection
from processor.fake_rokt.reading import read

FOLDER: Final = Path(fake_rokt.__file__).parent
GUIDE: Final = FOLDER.joinpath("README.md").read_text("utf-8")
EXAMPLE: Final = FOLDER.joinpath("example.json").read_bytes()
CURLS: Final = re.findall(r"^\$ (curl .*)$", GUIDE, re.MULTILINE)
HEADERS: Final = {
    "rokt-api-key": "skeletonkey",
    "rokt-tag-id": "tag",
    "rokt-session-id": "session",
    "Accept": "application/json",
}


def told(name: str) -> bool:
    return f"`{name}`" in GUIDE or f'"{name}"' in GUIDE


def test_every_name_that_can_be_written_or_read_is_explained() -> None:
    models = (Script, Rule, When, Then, Selection)
    symbols = (Content, Lie, Mode, Send, State)
    values = (Entry, Tally, Totals)
    names = {name for model in models for name in model.model_fields}
    names |= {symbol.value for kind in symbols for symbol in kind}
    names |= {field.name for kind in values for field in fields(kind)}
    assert [name for name in sorted(names) if not told(name)] == []


def test_the_rules_to_copy_are_those_of_the_example_script() -> None:
    shown = re.findall(r"^(.+)\n\n```json\n(.*)\n```$", GUIDE, re.MULTILINE)
    rules = [json.loads(rule) | {"comment": comment} for comment, rule in shown]
    assert rules == json.loads(EXAMPLE)["rules"]
    assert len(rules) == 10


def test_the_python_lines_run() -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    exec(lines, {"print": lambda *_: None})  # noqa: S102  (our own README)


@pytest.fixture
def rokt() -> Iterator[FakeRokt]:
    script = read(Script, EXAMPLE)
    settings = Settings(rules=script.rules, reservations=script.reservations)
    with FakeRokt.in_thread(settings) as running:
        yield running


def test_the_curl_lines_are_answered(rokt: FakeRokt) -> None:
    with httpx2.Client(trust_env=False) as client:
        for line in CURLS:
            method, url, body = read_curl(line)
            url = url.replace("http://127.0.0.1:8081/_fake/", rokt.admin_url)
            seen = client.request(method, url, content=body)
            assert (line, seen.status_code, seen.text) == (line, 200, seen.text)
    assert len(CURLS) > 10


def read_curl(line: str) -> tuple[str, str, str | None]:
    method, url, body = "GET", "", None
    words = iter(shlex.split(line)[1:])
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-d":
                body = next(words)
            case _:
                url = word
    return method, url, body


def call(rokt: FakeRokt, operation: str, cart: str, order: str | None, item: str) -> str:
    """Make a call and return what its caller sees, in a word."""
    bought = {"quantity": 1, "currency": "CAD", "unitPrice": 1, "totalPrice": 1}
    ids = {"cartItemId": item, "itemReservationId": f"r-{item}"}
    content: dict[str, object] = {"cartId": cart, "items": [ids if order is None else ids | bought]}
    if order is not None:
        content["orderId"] = order
    with httpx2.Client(headers=HEADERS, trust_env=False, timeout=1.0) as client:
        try:
            reply = client.post(f"{rokt.base_url}/v1/{operation}", json=content)
        except httpx2.TransportError as error:
            return type(error).__name__
    if reply.status_code != 200:
        return f"{reply.status_code} {reply.headers.get('Retry-After', '')}".strip()
    told_order = reply.json().get("orderId")
    is_good = all(each["success"] for each in reply.json()["items"])
    return ("well" if is_good else "false") + ("" if told_order == order else ", another order")


@pytest.mark.parametrize(
    ("order", "seen", "effects"),
    [
        ("o-1", ["503", "well"], 1),
        ("o-2", ["500", "well"], 2),
        ("o-3", ["ReadError", "well"], 2),
        ("o-4", ["ReadTimeout", "well"], 1),
        ("o-5", ["429 2", "429 2", "well"], 1),
        ("o-6", ["422", "422"], 0),
        ("o-7", ["false", "false"], 0),
        ("o-8", ["well, another order"], 1),
    ],
)
def test_the_rules_to_copy_do_what_they_say(order: str, seen: list[str], effects: int) -> None:
    # The last rule of the example is a matter of luck.
    rules = read(Script, EXAMPLE).rules[:-1]
    with FakeRokt.in_thread(Settings(rules=rules)) as rokt:
        item = order.replace("o-", "i-")
        assert [call(rokt, "Cart/confirm", "c", order, item) for _ in seen] == seen
        assert rokt.ledger.orders[order].effects == effects
        assert call(rokt, "Cart/confirm", "c", "o-other", "i-other") == "well"


def test_the_rule_for_releases_leaves_confirms_alone() -> None:
    with FakeRokt.in_thread(Settings(rules=read(Script, EXAMPLE).rules[:-1])) as rokt:
        assert call(rokt, "cart/release", "c-9", None, "i") == "502"
        assert call(rokt, "Cart/confirm", "c-9", "o", "i") == "well"


def test_the_ledger_has_the_keys_that_are_explained(rokt: FakeRokt) -> None:
    seen = httpx2.get(f"{rokt.admin_url}ledger", trust_env=False).json()
    stats = httpx2.get(f"{rokt.admin_url}stats", trust_env=False).json()
    assert [key for key in (*seen, *stats) if not told(key)] == []
    assert isinstance(rokt.ledger, Ledger)
