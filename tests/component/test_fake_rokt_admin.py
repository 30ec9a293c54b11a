"""The admin interface, outages, https and the fast server."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import trustme

from processor.fake_rokt import FakeRokt, Mode, Outage, Rule, Settings, Then
from tests.support.programs import wait_until

HEADERS = {
    "rokt-api-key": "skeletonkey",
    "rokt-tag-id": "tag",
    "rokt-session-id": "session",
    "Content-Type": "application/json",
    "Accept": "application/json",
}
ITEM = {
    "cartItemId": "i",
    "quantity": 1,
    "currency": "CAD",
    "unitPrice": 10,
    "totalPrice": 10,
    "itemReservationId": "r",
}
ORDER = {"cartId": "c", "orderId": "o", "items": [ITEM]}
CONFIRM_ON_THE_WIRE = (
    b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: rokt\r\nrokt-api-key: skeletonkey\r\n"
    b"rokt-tag-id: tag\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
    b'Content-Length: 39\r\n\r\n{"cartId":"c","orderId":"o","items":[]}'
)


@pytest.fixture
def rokt() -> Iterator[FakeRokt]:
    with FakeRokt.in_thread() as running:
        yield running


def confirm(
    rokt: FakeRokt,
    key: str = "skeletonkey",
    **options: Any,  # noqa: ANN401  (httpx's own)
) -> httpx2.Response:
    headers = HEADERS | {"rokt-api-key": key}
    with httpx2.Client(headers=headers, trust_env=False, **options) as client:
        return client.post(f"{rokt.base_url}/v1/Cart/confirm", json=ORDER)


def admin(rokt: FakeRokt, method: str, name: str, content: object = None) -> httpx2.Response:
    with httpx2.Client(trust_env=False) as client:
        return client.request(method, f"{rokt.admin_url}{name}", json=content)


def test_rules_can_be_added_read_and_cleared(rokt: FakeRokt) -> None:
    one, more = {"then": {"status": 503}, "times": 2}, [{"then": {"status": 418}}]
    assert admin(rokt, "POST", "rules", one).json() == {"rules_in_force": 1}
    assert admin(rokt, "POST", "rules", more).json() == {"rules_in_force": 2}
    assert confirm(rokt).status_code == 503
    rules = admin(rokt, "GET", "rules").json()["rules"]
    assert [(rule["then"]["status"], rule["times"]) for rule in rules] == [(503, 1), (418, None)]
    assert admin(rokt, "DELETE", "rules").json() == {"rules_in_force": 0}
    assert confirm(rokt).status_code == 200


def test_reservations_can_be_seeded_and_followed(rokt: FakeRokt) -> None:
    seed = {"reservation_id": "r", "cart_id": "c", "cart_item_id": "i"}
    assert admin(rokt, "POST", "reservations", seed).json() == {"reservations_seeded": 1}
    confirm(rokt)
    (seen,) = admin(rokt, "GET", "reservations").json()["reservations"]
    assert seen == seed | {"state": "confirmed", "order_id": "o"}
    admin(rokt, "POST", "reservations", [seed | {"state": "expired"}])
    assert confirm(rokt).json()["items"][0]["success"] is False


def test_the_ledger_is_served_as_json_and_cleared(rokt: FakeRokt) -> None:
    confirm(rokt)
    confirm(rokt)
    ledger = admin(rokt, "GET", "ledger").json()
    first, second = ledger["entries"]
    assert (first["sequence"], first["operation"], first["order_id"]) == (1, "CONFIRM", "o")
    assert '"orderId":"o"' in first["body"]
    assert first["body_sha256"] == second["body_sha256"]
    assert ledger["orders"] == {
        "o": {
            "arrivals": 2,
            "effects": 2,
            "duplicates": 1,
            "bodies": [first["body_sha256"]],
        }
    }
    assert (ledger["overlaps"], ledger["totals"]["statuses"]) == ({}, {"200": 2})
    assert admin(rokt, "GET", "ledger?after=1").json()["entries"] == [second]
    assert admin(rokt, "GET", "ledger?limit=1").json()["entries"] == [first]
    assert admin(rokt, "GET", "ledger?order_id=another").json()["entries"] == []
    admin(rokt, "DELETE", "ledger")
    assert admin(rokt, "GET", "ledger").json()["entries"] == []


def test_the_ledger_can_show_whatever_arrives(rokt: FakeRokt) -> None:
    body = b'{"cartId":"\\ud800","orderId":"o"}'
    head = (
        b"POST /v1/Cart/confirm HTTP/1.1\r\nHost: rokt\r\nrokt-tag-id: \xe9\r\n"
        b"User-Agent: \xff\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", rokt.port), 5) as caller:
        caller.sendall(head + body)
        assert caller.recv(1 << 16).startswith(b"HTTP/1.1 401")
    (entry,) = admin(rokt, "GET", "ledger").json()["entries"]
    assert (entry["tag_id"], entry["user_agent"]) == ("\\udce9", "\\udcff")
    assert entry["cart_id"] == "\\ud800"


def test_figures_are_served(rokt: FakeRokt) -> None:
    confirm(rokt)
    stats = admin(rokt, "GET", "stats").json()
    assert (stats["totals"]["arrivals"], stats["totals"]["effects"]) == (1, 1)
    assert (stats["most_calls_of_one_cart_at_once"], stats["is_down"]) == (1, False)


def test_the_key_can_be_rotated_and_revoked_and_is_never_told(rokt: FakeRokt) -> None:
    assert admin(rokt, "PUT", "api-key", {"api_key": None}).json() == {"is_revoked": True}
    assert confirm(rokt).status_code == 401
    admin(rokt, "PUT", "api-key", {"api_key": "canary"})
    assert confirm(rokt).status_code == 401
    assert confirm(rokt, "canary").status_code == 200
    pages = [admin(rokt, "GET", page).text for page in ("ledger", "stats", "rules")]
    assert "canary" not in "".join(pages)
    assert "skeletonkey" not in "".join(pages)


def test_the_admin_interface_answers_on_the_main_port_too(rokt: FakeRokt) -> None:
    assert httpx2.get(f"{rokt.base_url}/_fake/stats", trust_env=False).status_code == 200


@pytest.mark.parametrize("path", ["/", "/_fake", "/_fake/"])
def test_the_admin_port_lists_its_pages(rokt: FakeRokt, path: str) -> None:
    seen = httpx2.get(rokt.admin_url.removesuffix("/_fake/") + path, trust_env=False)
    assert (seen.status_code, seen.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    lines = re.findall(r"^([A-Z]{3,}) +/_fake/(\S*)", seen.text, re.MULTILINE)
    assert ("GET", "ledger") in lines
    answered = [admin(rokt, method, name, {}).status_code for method, name in lines]
    assert {404, 405} & set(answered) == set()


def test_the_main_port_has_no_index_but_below_its_own_path(rokt: FakeRokt) -> None:
    assert httpx2.get(f"{rokt.base_url}/", trust_env=False).status_code == 404
    assert httpx2.get(f"{rokt.base_url}/_fake", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("method", "name", "content", "status"),
    [
        ("GET", "nothing", None, 404),
        ("PUT", "rules", {}, 405),
        ("POST", "rules", {"then": {"stauts": 500}}, 400),
        ("POST", "reservations", {"id": "r"}, 400),
        ("PUT", "api-key", {}, 400),
        ("PUT", "down", {"mode": "sideways"}, 400),
        ("GET", "ledger?after=x", None, 400),
    ],
)
def test_a_mistaken_admin_request_is_refused(
    rokt: FakeRokt, method: str, name: str, content: object, status: int
) -> None:
    seen = admin(rokt, method, name, content)
    assert (seen.status_code, set(seen.json())) == (status, {"error"})
    assert "pydantic" not in seen.text


def test_an_outage_can_be_a_status_for_everything(rokt: FakeRokt) -> None:
    outage = {"mode": "status", "status": 503, "headers": {"Retry-After": "7"}, "body": "down"}
    admin(rokt, "PUT", "down", outage)
    seen = confirm(rokt, "wrong")
    assert (seen.status_code, seen.headers["retry-after"], seen.text) == (503, "7", "down")
    assert rokt.ledger.entries[0].is_applied is False
    admin(rokt, "DELETE", "down")
    assert confirm(rokt).status_code == 200


def test_an_outage_can_be_a_closed_port(rokt: FakeRokt) -> None:
    with httpx2.Client(headers=HEADERS, trust_env=False) as client:
        url = f"{rokt.base_url}/v1/Cart/confirm"
        assert client.post(url, json=ORDER).status_code == 200
        admin(rokt, "PUT", "down", {"mode": "port"})
        for _ in range(2):  # the connection that was open is gone, and no new one is let in
            with pytest.raises(httpx2.TransportError):
                client.post(url, json=ORDER)
        with pytest.raises(httpx2.ConnectError, match="refused"):
            client.post(url, json=ORDER)
        assert admin(rokt, "GET", "stats").json()["is_down"] is True
        admin(rokt, "DELETE", "down")
        assert client.post(url, json=ORDER).status_code == 200


def test_an_outage_can_reset_every_connection(rokt: FakeRokt) -> None:
    admin(rokt, "PUT", "down", {"mode": "reset"})
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", rokt.port), 5) as caller,
    ):
        caller.recv(1)
    assert rokt.ledger.entries == ()


def test_an_outage_can_end_by_itself(rokt: FakeRokt) -> None:
    rokt.from_thread(rokt.go_down(Outage(mode=Mode.PORT, seconds=0.1)))
    with pytest.raises(httpx2.ConnectError):
        confirm(rokt)
    wait_until(
        lambda: not admin(rokt, "GET", "stats").json()["is_down"], within=5, what="it is back"
    )
    assert confirm(rokt).status_code == 200


def test_a_second_outage_takes_the_place_of_the_first(rokt: FakeRokt) -> None:
    rokt.from_thread(rokt.go_down(Outage(mode=Mode.PORT, seconds=60)))
    rokt.from_thread(rokt.go_down(Outage(mode=Mode.STATUS, status=500)))
    assert confirm(rokt).status_code == 500


def test_an_outage_outlives_the_end_of_the_one_before(rokt: FakeRokt) -> None:
    rokt.from_thread(rokt.go_down(Outage(seconds=0.05)))
    rokt.from_thread(rokt.go_down(Outage(status=500)))
    rokt.from_thread(asyncio.sleep(0.15))
    assert confirm(rokt).status_code == 500


def test_it_speaks_https_with_a_certificate_of_ones_own() -> None:
    authority = trustme.CA()
    server, caller = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(caller)
    with FakeRokt.in_thread(Settings(tls=server)) as rokt:
        assert rokt.base_url.startswith("https://")
        assert confirm(rokt, verify=caller).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            confirm(rokt)


def test_it_stops_with_calls_in_progress() -> None:
    settings = Settings(rules=(Rule(then=Then(latency=60)),))
    with socket.socket() as caller:
        with FakeRokt.in_thread(settings) as rokt:
            with pytest.raises(httpx2.ReadTimeout):
                confirm(rokt, timeout=0.2)
            caller.connect(("127.0.0.1", rokt.port))
            caller.sendall(CONFIRM_ON_THE_WIRE)
            wait_until(lambda: len(rokt.ledger.entries) == 2, within=5, what="it has arrived")
        assert rokt.ledger.totals.in_progress == 0
    assert [entry.is_applied for entry in rokt.ledger.entries] == [False, False]


def test_the_fast_server_answers_alike_and_keeps_the_ledger() -> None:
    with FakeRokt.in_thread() as strict, FakeRokt.in_thread(Settings(is_fast=True)) as fast:
        plain, quick = confirm(strict), confirm(fast)
        assert (quick.json(), quick.status_code) == (plain.json(), 200)
        tally = fast.ledger.orders["o"]
        assert (tally.arrivals, tally.effects, fast.ledger.overlaps) == (1, 1, {})
        assert admin(fast, "GET", "stats").json()["totals"]["answered"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/Cart/confirm", b"{"),
        ("/v1/Cart/confirm", b"[]"),
        ("/v1/Cart/confirm", b'{"cartId":"c","orderId":"o"}'),
        ("/v1/Cart/confirm", b'{"cartId":"c","orderId":"o","items":[{}]}'),
        ("", b"{}"),
    ],
)
def test_the_fast_server_ends_the_connection_on_what_it_cannot_read(path: str, body: bytes) -> None:
    head = f"POST {path}".strip() + f"\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        FakeRokt.in_thread(Settings(is_fast=True)) as fast,
        socket.create_connection(("127.0.0.1", fast.port), 5) as caller,
    ):
        caller.sendall(head.encode() + body)
        with contextlib.suppress(ConnectionResetError):
            assert caller.recv(1) == b""
        assert fast.ledger.entries == ()


def test_the_fast_server_can_close_its_port_too() -> None:
    with (
        FakeRokt.in_thread(Settings(is_fast=True)) as fast,
        httpx2.Client(headers=HEADERS, trust_env=False) as client,
        socket.create_connection(("127.0.0.1", fast.port), 5) as idle,
    ):
        assert client.post(f"{fast.base_url}/v1/Cart/confirm", json=ORDER).status_code == 200
        admin(fast, "PUT", "down", {"mode": "port"})
        assert idle.recv(1) == b""


def test_the_fast_server_takes_a_request_in_pieces_and_time_to_answer() -> None:
    settings = Settings(is_fast=True, latency=(0.01, 0.02))
    with (
        FakeRokt.in_thread(settings) as fast,
        httpx2.Client(headers=HEADERS, trust_env=False) as client,
    ):
        body = [b'{"cartId":"c",', b'"orderId":"o",', b'"items":[]}']
        size = {"Content-Length": str(len(b"".join(body)))}
        for _ in range(2):
            seen = client.post(f"{fast.base_url}/v1/Cart/confirm", content=iter(body), headers=size)
            assert seen.json() == {"cartId": "c", "orderId": "o", "items": []}
        (first, _) = fast.ledger.entries
    assert first.ended_at is not None
    assert first.ended_at - first.arrived_at >= 0.01
