"""What a caller meets on the wire, seen through a raw socket."""

import asyncio
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest

from processor.fake_rokt import (
    Content,
    FakeRokt,
    Lie,
    Reservation,
    Rule,
    Send,
    Settings,
    Then,
    When,
)
from tests.support.programs import wait_until

PATIENCE = 5.0
HEADERS = {
    "rokt-api-key": "skeletonkey",
    "rokt-tag-id": "tag",
    "rokt-session-id": "session",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Language": "en-US",
    "User-Agent": "tests",
}
CONFIRM = (
    b'{"cartId":"c","orderId":"o","items":['
    b'{"cartItemId":"i1","quantity":1,"currency":"CAD","unitPrice":10,"totalPrice":10,'
    b'"itemReservationId":"r1"},'
    b'{"cartItemId":"i2","quantity":1,"currency":"CAD","unitPrice":10,"totalPrice":10,'
    b'"itemReservationId":"r2"}]}'
)
RELEASE = (
    b'{"cartId":"c","items":[{"cartItemId":"i1","itemReservationId":"r1"},'
    b'{"cartItemId":"i2","itemReservationId":"r2"}]}'
)


@dataclass(frozen=True)
class Seen:
    """Everything that came over a connection, and how it ended: `fin`, `rst` or `open`."""

    raw: bytes
    end: str

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.raw.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ") for line in lines)}

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:  # noqa: ANN401  (JSON can be anything)
        return json.loads(self.body)


def wire(
    body: bytes = CONFIRM,
    path: str = "/v1/Cart/confirm",
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> bytes:
    every = HEADERS | {"Host": "rokt", "Content-Length": str(len(body))} | (headers or {})
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    return "\r\n".join([*lines, "\r\n"]).encode() + body


@contextmanager
def connected(rokt: FakeRokt) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", rokt.port), PATIENCE) as connection:
        yield connection


def ask(rokt: FakeRokt, request: bytes | None = None, *, most: int = 1 << 30) -> Seen:
    """Send one request and read to the end of the connection, or to `most` bytes."""
    with connected(rokt) as connection:
        connection.sendall(wire(headers={"Connection": "close"}) if request is None else request)
        raw = b""
        try:
            while piece := connection.recv(1 << 16):
                raw += piece
                if len(raw) >= most:
                    return Seen(raw, "open")
        except ConnectionResetError:
            return Seen(raw, "rst")
        return Seen(raw, "fin")


def closing(body: bytes = CONFIRM, path: str = "/v1/Cart/confirm") -> bytes:
    return wire(body, path, headers={"Connection": "close"})


def release() -> bytes:
    return closing(RELEASE, "/v1/cart/release")


@contextmanager
def ruled(**then: Any) -> Iterator[FakeRokt]:  # noqa: ANN401  (whatever a rule can say)
    with FakeRokt.in_thread(Settings(rules=(Rule(then=Then(**then)),))) as rokt:
        yield rokt


def until(condition: Callable[[], bool]) -> None:
    wait_until(condition, within=PATIENCE, what="the fake Rokt has noticed")


@pytest.fixture
def rokt() -> Iterator[FakeRokt]:
    with FakeRokt.in_thread() as running:
        yield running


def confirmed(number: int) -> dict[str, object]:
    return {
        "cartItemId": f"i{number}",
        "itemReservationId": f"r{number}",
        "itemConfirmationId": f"confirmation.o.i{number}",
        "itemConfirmationUrl": f"https://confirmations.invalid/confirmation.o.i{number}",
        "success": True,
    }


def test_a_confirm_is_answered_in_the_documented_shape(rokt: FakeRokt) -> None:
    seen = ask(rokt)
    assert (seen.status, seen.headers["content-type"]) == (200, "application/json")
    assert seen.json == {"cartId": "c", "orderId": "o", "items": [confirmed(1), confirmed(2)]}


def test_a_release_is_answered_in_the_documented_shape(rokt: FakeRokt) -> None:
    assert ask(rokt, release()).json == {
        "cartId": "c",
        "items": [
            {"cartItemId": "i1", "itemReservationId": "r1", "success": True},
            {"cartItemId": "i2", "itemReservationId": "r2", "success": True},
        ],
    }


def test_a_connection_serves_many_requests(rokt: FakeRokt) -> None:
    with httpx2.Client(base_url=rokt.base_url, headers=HEADERS) as client:
        for _ in range(3):
            assert client.post("/v1/Cart/confirm", content=CONFIRM).status_code == 200
    assert len({entry.peer_port for entry in rokt.ledger.entries}) == 1


def test_a_second_confirm_is_answered_alike_and_counted(rokt: FakeRokt) -> None:
    assert ask(rokt).raw == ask(rokt).raw
    tally = rokt.ledger.orders["o"]
    assert (tally.arrivals, tally.effects, tally.duplicates, len(tally.bodies)) == (2, 2, 1, 1)


def test_releasing_what_was_confirmed_fails(rokt: FakeRokt) -> None:
    ask(rokt)
    assert [item["success"] for item in ask(rokt, release()).json["items"]] == [False, False]
    assert rokt.ledger.entries[-1].is_applied is False


def test_confirming_what_was_released_fails_without_a_confirmation(rokt: FakeRokt) -> None:
    ask(rokt, release())
    item = {"cartItemId": "i1", "itemReservationId": "r1", "success": False}
    assert ask(rokt).json["items"][0] == item


def test_a_reservation_of_another_cart_cannot_be_processed() -> None:
    seeded = Reservation(reservation_id="r1", cart_id="another")
    with FakeRokt.in_thread(Settings(reservations=(seeded,))) as rokt:
        seen = ask(rokt)
        entry = rokt.ledger.entries[0]
    assert (seen.status, seen.json["errors"][0]["code"]) == (422, "WRONG_CART")
    assert (entry.order_id, entry.is_refused, entry.is_applied) == ("o", True, False)


def test_an_unknown_reservation_cannot_be_processed_where_they_are_strict() -> None:
    with FakeRokt.in_thread(Settings(strict_reservations=True)) as rokt:
        assert ask(rokt).status == 422


def test_a_bad_request_is_answered_with_the_documented_error_body(rokt: FakeRokt) -> None:
    seen = ask(rokt, closing(CONFIRM.replace(b'"c"', b"1")))
    assert (seen.status, seen.json) == (
        400,
        {
            "description": "The request is malformed.",
            "errors": [
                {
                    "code": "STRING_TYPE",
                    "message": "Input should be a valid string",
                    "value": {"where": "cartId", "given": "1"},
                }
            ],
        },
    )


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_meets_a_bare_401(rokt: FakeRokt, key: str) -> None:
    seen = ask(rokt, wire(headers={"Connection": "close", "rokt-api-key": key}))
    assert (seen.status, seen.body, "content-type" in seen.headers) == (401, b"", False)
    entry = rokt.ledger.entries[0]
    assert (entry.is_key_right, entry.order_id, entry.is_applied) == (False, "o", False)


def test_a_missing_key_meets_a_bare_401(rokt: FakeRokt) -> None:
    request = closing().replace(b"rokt-api-key: skeletonkey\r\n", b"")
    assert (ask(rokt, request).status, ask(rokt, request).body) == (401, b"")


def test_another_method_is_refused_with_the_one_that_is_allowed(rokt: FakeRokt) -> None:
    request = wire(method="PUT", headers={"Connection": "close"})
    seen = ask(rokt, request)
    assert (seen.status, seen.headers["allow"]) == (405, "POST")


def test_the_path_is_taken_letter_by_letter(rokt: FakeRokt) -> None:
    assert ask(rokt, closing(path="/v1/cart/confirm")).status == 404


def test_the_ledger_says_what_was_asked_by_whom_and_what_came_of_it(rokt: FakeRokt) -> None:
    ask(rokt)
    (entry,) = rokt.ledger.entries
    assert entry.body == CONFIRM
    assert (entry.tag_id, entry.session_id, entry.accept_language) == ("tag", "session", "en-US")
    assert (entry.user_agent, entry.is_key_right, entry.attempt) == ("tests", True, 1)
    assert (entry.status, entry.is_applied, entry.is_answered) == (200, True, True)
    assert entry.items_applied == ("i1", "i2")
    assert entry.effect_at is not None
    assert entry.ended_at is not None
    assert entry.arrived_at <= entry.effect_at <= entry.ended_at
    assert "skeletonkey" not in repr(entry)


@pytest.mark.parametrize("status", [400, 403, 422, 500, 504])
def test_a_documented_status_has_the_documented_body(status: int) -> None:
    with ruled(status=status) as rokt:
        seen = ask(rokt)
        entry = rokt.ledger.entries[0]
    assert (seen.status, set(seen.json)) == (status, {"description", "errors"})
    assert [set(error) for error in seen.json["errors"]] == [{"code", "message", "value"}]
    assert isinstance(seen.json["errors"][0]["value"], dict)
    assert (entry.status, entry.is_ruled, entry.is_applied) == (status, True, False)


@pytest.mark.parametrize("status", [202, 204, 302, 401, 404, 409, 418, 429, 502, 503, 599])
def test_any_status_can_be_answered(status: int) -> None:
    with ruled(status=status, content=Content.EMPTY) as rokt:
        seen = ask(rokt)
    assert (seen.status, seen.body) == (status, b"")


def test_the_documented_error_body_can_go_with_any_status() -> None:
    with ruled(status=404, content=Content.ERROR) as rokt:
        assert set(ask(rokt).json) == {"description", "errors"}


def test_headers_and_body_can_be_given() -> None:
    headers = {"Location": "http://elsewhere.invalid/", "Content-Type": "text/plain"}
    with ruled(status=302, headers=headers, body="gone fishing") as rokt:
        seen = ask(rokt)
    assert (seen.headers["location"], seen.headers["content-type"], seen.body) == (
        "http://elsewhere.invalid/",
        "text/plain",
        b"gone fishing",
    )


def test_a_body_can_be_given_as_json() -> None:
    with ruled(body={"cartId": None, "items": []}) as rokt:
        assert ask(rokt).json == {"cartId": None, "items": []}


@pytest.mark.parametrize("value", ["2", "0", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_retry_after_can_be_anything(value: str) -> None:
    with ruled(status=429, headers={"Retry-After": value}) as rokt:
        assert ask(rokt).headers["retry-after"] == value


def test_retry_after_can_be_a_date_to_come() -> None:
    with ruled(status=503, retry_after_in=60) as rokt:
        moment = parsedate_to_datetime(ask(rokt).headers["retry-after"]).timestamp()
    assert 55 < moment - time.time() <= 60


@pytest.mark.parametrize(
    ("reject", "successes", "applied"),
    [
        ("all", [False, False], ()),
        (("i1",), [False, True], ("i2",)),
        (("r2",), [True, False], ("i1",)),
    ],
)
def test_items_can_be_rejected(
    reject: object, successes: list[bool], applied: tuple[str, ...]
) -> None:
    with ruled(reject=reject) as rokt:
        assert [item["success"] for item in ask(rokt).json["items"]] == successes
        (entry,) = rokt.ledger.entries
    assert (entry.is_applied, entry.items_applied) == (bool(applied), applied)


@pytest.mark.parametrize(
    ("lie", "path", "told"),
    [
        (Lie.WRONG_CART_ID, ["cartId"], "another-cart"),
        (Lie.WRONG_ORDER_ID, ["orderId"], "another-order"),
        (Lie.WRONG_RESERVATION_ID, ["items", 0, "itemReservationId"], "another-reservation"),
        (Lie.MISSING_ITEM, ["items"], [confirmed(2)]),
        (Lie.DUPLICATE_ITEM, ["items"], [confirmed(1), confirmed(2), confirmed(1)]),
        (Lie.UNKNOWN_ITEM, ["items", 2, "cartItemId"], "unknown-item"),
        (Lie.SUCCESS_AS_TEXT, ["items", 0, "success"], "true"),
    ],
)
def test_an_answer_can_lie_about_a_real_effect(
    lie: Lie, path: list[str | int], told: object
) -> None:
    with ruled(lies=[lie]) as rokt:
        seen = ask(rokt)
        assert rokt.ledger.entries[0].items_applied == ("i1", "i2")
    found = seen.json
    for step in path:
        found = found[step]
    assert (seen.status, found) == (200, told)


def test_success_can_be_a_number() -> None:
    with ruled(lies=[Lie.SUCCESS_AS_NUMBER]) as rokt:
        assert b'"success":1}' in ask(rokt).body


def test_a_body_can_be_html() -> None:
    with ruled(content=Content.HTML) as rokt:
        seen = ask(rokt)
    assert seen.headers["content-type"].startswith("text/html")
    assert seen.body.startswith(b"<!DOCTYPE html>")


def test_a_body_can_be_invalid_json() -> None:
    with ruled(content=Content.INVALID_JSON) as rokt:
        seen = ask(rokt)
    assert seen.headers["content-length"] == str(len(seen.body))
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.body)


def test_a_body_can_be_broken_gzip() -> None:
    with ruled(content=Content.BROKEN_GZIP) as rokt:
        seen = ask(rokt)
    assert seen.headers["content-encoding"] == "gzip"
    with pytest.raises(zlib.error):
        zlib.decompress(seen.body, wbits=31)


def test_a_body_can_be_a_bomb() -> None:
    with ruled(content=Content.GZIP_BOMB, size=10_000_000) as rokt:
        seen = ask(rokt)
    assert len(seen.body) < 20_000
    assert len(zlib.decompress(seen.body, wbits=31)) == 10_000_000


def test_a_body_can_be_huge_and_right() -> None:
    with ruled(content=Content.HUGE, size=3_000_000) as rokt:
        seen = ask(rokt)
    assert (len(seen.body), seen.json["orderId"]) == (3_000_000, "o")


def test_a_body_can_be_endless_until_its_caller_leaves() -> None:
    with ruled(send=Send.ENDLESS) as rokt:
        seen = ask(rokt, most=5_000_000)
        until(lambda: rokt.ledger.totals.in_progress == 0)
        entry = rokt.ledger.entries[0]
    assert (seen.status, seen.end, seen.headers["transfer-encoding"]) == (200, "open", "chunked")
    assert (entry.status, entry.is_applied, entry.is_answered) == (200, True, False)
    assert entry.is_disconnected


@pytest.mark.parametrize("send", [Send.SLOW_HEADERS, Send.SLOW_BODY])
def test_an_answer_can_drip_byte_by_byte(send: Send) -> None:
    with ruled(send=send, drip=0.002, status=422) as rokt, connected(rokt) as connection:
        connection.sendall(closing())
        pieces = []
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
        entry = rokt.ledger.entries[0]
    is_body_slow = send is Send.SLOW_BODY
    assert len(pieces) > 20
    assert (b"\r\n\r\n" in pieces[0]) is is_body_slow
    assert json.loads(b"".join(pieces).partition(b"\r\n\r\n")[2])["errors"]
    assert (entry.status, entry.is_answered) == (422, True)


def test_a_caller_that_leaves_a_dripping_answer_was_not_answered() -> None:
    with ruled(send=Send.SLOW_BODY, drip=60) as rokt:
        seen = ask(rokt, most=1)
        until(lambda: rokt.ledger.totals.in_progress == 0)
        entry = rokt.ledger.entries[0]
    assert (seen.status, entry.is_answered, entry.is_disconnected) == (200, False, True)


@pytest.mark.parametrize(("send", "end"), [(Send.TRUNCATE, "fin"), (Send.TRUNCATE_RESET, "rst")])
@pytest.mark.parametrize("body", [None, ""])
def test_a_body_can_be_shorter_than_announced(send: Send, end: str, body: str | None) -> None:
    with ruled(send=send, body=body) as rokt:
        seen = ask(rokt, wire())
        entry = rokt.ledger.entries[0]
    assert (seen.status, seen.end) == (200, end)
    assert len(seen.body) < int(seen.headers["content-length"])
    assert (entry.status, entry.is_applied, entry.is_answered) == (200, True, False)


def test_a_chunk_can_be_shorter_than_announced() -> None:
    with ruled(send=Send.TRUNCATE_CHUNK) as rokt:
        seen = ask(rokt, wire())
    size, _, chunk = seen.body.partition(b"\r\n")
    assert (seen.headers["transfer-encoding"], seen.end) == ("chunked", "fin")
    assert 0 < len(chunk) < int(size, 16)


@pytest.mark.parametrize(("send", "end"), [(Send.CLOSE, "fin"), (Send.RESET, "rst")])
@pytest.mark.parametrize("apply", [True, False])
def test_a_connection_can_drop_before_or_after_the_effect(
    send: Send, end: str, *, apply: bool
) -> None:
    with ruled(send=send, apply=apply) as rokt:
        assert ask(rokt, wire()) == Seen(b"", end)
        until(lambda: rokt.ledger.totals.in_progress == 0)
        entry = rokt.ledger.entries[0]
    assert (entry.is_applied, entry.is_answered, entry.status) == (apply, False, None)


@pytest.mark.parametrize(("send", "end"), [(Send.TRUNCATE, "fin"), (Send.RESET, "rst")])
def test_it_runs_on_the_loop_of_the_standard_library_too(send: Send, end: str) -> None:
    async def on_asyncio() -> tuple[Seen, FakeRokt]:
        rule = Rule(then=Then(send=send))
        async with FakeRokt(Settings(rules=(rule,))) as rokt:
            return await asyncio.to_thread(ask, rokt, wire()), rokt

    seen, rokt = asyncio.run(on_asyncio())
    assert (seen.end, rokt.ledger.totals.in_progress) == (end, 0)


def test_a_call_can_stay_without_an_answer() -> None:
    with ruled(send=Send.NEVER) as rokt, connected(rokt) as connection:
        connection.sendall(wire())
        until(lambda: any(entry.is_applied for entry in rokt.ledger.entries))
        assert rokt.ledger.totals.in_progress == 1
        connection.close()
        until(lambda: rokt.ledger.totals.in_progress == 0)
        entry = rokt.ledger.entries[0]
    assert (entry.is_applied, entry.is_answered, entry.is_disconnected) == (True, False, True)


@pytest.mark.parametrize(
    ("status", "apply"), [(500, True), (500, False), (200, True), (200, False)]
)
def test_effect_and_answer_are_switched_separately(status: int, *, apply: bool) -> None:
    with ruled(status=status, apply=apply) as rokt:
        seen = ask(rokt)
        rokt.rules.clear()
        released = ask(rokt, release()).json["items"][0]["success"]
        entry = rokt.ledger.entries[0]
    assert (seen.status, entry.is_applied, entry.is_answered) == (status, apply, True)
    assert released is not apply


def test_an_effect_takes_place_though_its_caller_has_left() -> None:
    with ruled(latency=0.2) as rokt:
        with connected(rokt) as connection:
            connection.sendall(wire())
            until(lambda: rokt.ledger.totals.in_progress == 1)
        until(lambda: rokt.ledger.totals.in_progress == 0)
        until(lambda: rokt.ledger.entries[0].is_applied)
        entry = rokt.ledger.entries[0]
    assert entry.ended_at is not None
    assert entry.effect_at is not None
    assert entry.ended_at < entry.effect_at
    assert (entry.is_answered, entry.is_disconnected, entry.status) == (False, True, None)


@pytest.mark.parametrize(
    ("then", "before", "after"),
    [
        ({"latency": 0.1}, 0.1, 0),
        ({"latency": (0.1, 0.15)}, 0.1, 0),
        ({"answer_latency": 0.1}, 0, 0.1),
    ],
)
def test_time_can_pass_before_and_after_the_effect(
    then: dict[str, Any], before: float, after: float
) -> None:
    with ruled(**then) as rokt:
        ask(rokt)
        (entry,) = rokt.ledger.entries
    assert entry.effect_at is not None
    assert entry.ended_at is not None
    assert entry.effect_at - entry.arrived_at >= before
    assert entry.ended_at - entry.effect_at >= after


def test_the_usual_latency_holds_where_no_rule_says_otherwise() -> None:
    rule = Rule(when=When(first_attempt=2), then=Then(status=500))
    with FakeRokt.in_thread(Settings(latency=0.05, rules=(rule,))) as rokt:
        ask(rokt)
        ask(rokt)
        spans = [(entry.ended_at or 0) - entry.arrived_at for entry in rokt.ledger.entries]
    assert all(span >= 0.05 for span in spans)


def test_attempts_are_counted_for_each_order() -> None:
    rule = Rule(when=When(last_attempt=2), then=Then(status=503))
    with FakeRokt.in_thread(Settings(rules=(rule,))) as rokt:
        statuses = [ask(rokt).status for _ in range(3)]
        other = ask(rokt, closing(CONFIRM.replace(b'"o"', b'"p"'))).status
    assert (statuses, other) == ([503, 503, 200], 503)


def test_a_rule_does_not_excuse_a_call_that_breaks_the_contract() -> None:
    with ruled(status=500) as rokt:
        assert ask(rokt, closing(b"{}")).status == 400


def test_overlapping_calls_of_a_cart_show_in_the_ledger() -> None:
    with ruled(send=Send.NEVER) as rokt:
        with connected(rokt) as first, connected(rokt) as second:
            for connection in (first, second):
                connection.sendall(wire())
            until(lambda: rokt.ledger.totals.in_progress == 2)
        until(lambda: rokt.ledger.totals.in_progress == 0)
        assert rokt.ledger.overlaps == {"c": 2}
