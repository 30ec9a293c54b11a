import pytest
from multidict import CIMultiDict

from processor.fake_rokt.contract import Call, Item, Operation, Refusal, Request, read

CONFIRM_PATH = "/v1/Cart/confirm"
RELEASE_PATH = "/v1/cart/release"
RESERVATION_ID = "rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98"
HEADERS = {
    "rokt-api-key": "skeletonkey",
    "rokt-tag-id": "253_439d21r21r21321",
    "rokt-session-id": "ca75f48-ebbd-4d8e-83c3-fdd70893294d",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Language": "en-US",
}
ITEM = (
    b'{"cartItemId":"ci","quantity":1,"currency":"CAD","unitPrice":10,"totalPrice":10,'
    b'"itemReservationId":"r"}'
)
CONFIRM = b'{"cartId":"c","orderId":"o","items":[' + ITEM + b"]}"
RELEASE = b'{"cartId":"c","items":[{"cartItemId":"ci","itemReservationId":"r"}]}'

DOCUMENTED_CONFIRM = b"""{
"cartId": "1580265846172",
"orderId": "1580265885747",
"items": [
{
"cartItemId": "30d0a389-5f63-4e20-9553-13ff40f8b11c",
"catalogItemId": "parkwhiz_quote.84118520",
"quantity": 1,
"currency": "CAD",
"unitPrice": 10,
"totalPrice": 10,
"itemReservationId": "rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98"
}
]
}"""
DOCUMENTED_RELEASE = (
    b'{        "cartId": "1580265846172",        "items": [            {                '
    b'"cartItemId": "30d0a389-5f63-4e20-9553-13ff40f8b11c",                '
    b'"itemReservationId": "rokt_item_reservation_id.63a94103-75da-4d71-8c14-84674d286b98"'
    b"            }        ]    }"
)


def request(
    body: bytes = CONFIRM,
    *,
    path: str = CONFIRM_PATH,
    method: str = "POST",
    without: str = "",
    headers: dict[str, str] | None = None,
) -> Request:
    merged = CIMultiDict(HEADERS | (headers or {}))
    merged.pop(without, None)
    return Request(method=method, path=path, headers=merged, body=body, is_key_right=True)


def refused(asked: Request) -> tuple[int, list[tuple[str, str]]]:
    refusal = read(asked)
    assert isinstance(refusal, Refusal), refusal
    return refusal.status, [(problem.code, problem.where) for problem in refusal.problems]


@pytest.mark.parametrize(
    ("path", "body", "operation", "order_id"),
    [
        (CONFIRM_PATH, DOCUMENTED_CONFIRM, Operation.CONFIRM, "1580265885747"),
        (RELEASE_PATH, DOCUMENTED_RELEASE, Operation.RELEASE, None),
    ],
)
def test_the_documented_sample_request_is_accepted_byte_for_byte(
    path: str, body: bytes, operation: Operation, order_id: str | None
) -> None:
    item = Item(cart_item_id="30d0a389-5f63-4e20-9553-13ff40f8b11c", reservation_id=RESERVATION_ID)
    assert read(request(body, path=path)) == Call(
        operation=operation, cart_id="1580265846172", order_id=order_id, items=(item,)
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"cartId":"c","orderId":"o","items":[]}',
        b'{"cartId":"c","orderId":"o"}',
    ],
)
def test_an_order_without_items_needs_no_session(body: bytes) -> None:
    assert read(request(body, without="rokt-session-id")) == Call(
        operation=Operation.CONFIRM, cart_id="c", order_id="o", items=()
    )


def test_an_item_can_be_bought_without_a_reservation() -> None:
    body = CONFIRM.replace(b',"itemReservationId":"r"', b"")
    call = read(request(body))
    assert isinstance(call, Call)
    assert call.items == (Item(cart_item_id="ci", reservation_id=None),)


def test_all_documented_fields_are_accepted() -> None:
    body = CONFIRM[:-1] + b',"payPalOrderId":"p","merchantId":"m","attributes":{"a":"b"}}'
    assert isinstance(read(request(body)), Call)


def test_exact_decimals_are_accepted() -> None:
    body = CONFIRM.replace(b'"unitPrice":10', b'"unitPrice":99999999999999.9999')
    assert isinstance(read(request(body)), Call)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(path="/v1/cart/confirm"), 404),
        (request(path="/v1/Cart/release"), 404),
        (request(path="/v1/Cart/confirm/"), 404),
        (request(path="/v1/Cart/confirm?a=b"), 404),
        (request(path="/v1/%43art/confirm"), 404),
        (request(method="GET"), 405),
        (request(method="PUT"), 405),
        (request(without="Content-Type"), 415),
        (request(headers={"Content-Type": "text/plain"}), 415),
        (request(headers={"Content-Type": "application/json; charset=latin-1"}), 415),
        (request(headers={"Content-Encoding": "gzip"}), 415),
        (request(without="Accept"), 406),
        (request(headers={"Accept": "*/*"}), 406),
        (request(headers={"Accept": "text/html"}), 406),
    ],
)
def test_another_path_method_or_media_type_is_refused(asked: Request, status: int) -> None:
    assert refused(asked) == (status, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "Application/JSON"},
        {"Accept": "application/json;q=0.9"},
        {"Accept": "text/html, application/json"},
    ],
)
def test_other_spellings_of_json_are_accepted(headers: dict[str, str]) -> None:
    assert isinstance(read(request(headers=headers)), Call)


def test_a_wrong_key_is_refused_before_anything_is_read() -> None:
    asked = Request(
        method="POST", path=CONFIRM_PATH, headers=CIMultiDict(), body=b"", is_key_right=False
    )
    assert read(asked) == Refusal(status=401)


@pytest.mark.parametrize(
    ("asked", "code", "where"),
    [
        (request(without="rokt-tag-id"), "MISSING_HEADER", "rokt-tag-id"),
        (request(headers={"rokt-tag-id": ""}), "MISSING_HEADER", "rokt-tag-id"),
        (request(headers={"rokt-tag-id": "é"}), "BAD_HEADER", "rokt-tag-id"),
        (request(without="rokt-session-id"), "MISSING_HEADER", "rokt-session-id"),
        (
            request(RELEASE, path=RELEASE_PATH, without="rokt-session-id"),
            "MISSING_HEADER",
            "rokt-session-id",
        ),
        (
            request(b'{"cartId":"c","items":[]}', path=RELEASE_PATH, without="rokt-session-id"),
            "MISSING_HEADER",
            "rokt-session-id",
        ),
    ],
)
def test_a_missing_or_bad_header_is_a_bad_request(asked: Request, code: str, where: str) -> None:
    assert refused(asked) == (400, [(code, where)])


def test_a_header_that_comes_twice_is_a_bad_request() -> None:
    asked = request()
    asked.headers.add("rokt-tag-id", "another")  # type: ignore[union-attr]
    assert refused(asked) == (400, [("DUPLICATE_HEADER", "rokt-tag-id")])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        CONFIRM + b" x",
        CONFIRM.replace(b'"cartId":"c"', b'"cartId":"c","cartId":"c"'),
        CONFIRM.replace(b'"quantity":1', b'"quantity":1,"quantity":1'),
        CONFIRM.replace(b'"unitPrice":10', b'"unitPrice":NaN'),
        CONFIRM.replace(b'"unitPrice":10', b'"unitPrice":-Infinity'),
        CONFIRM.replace(b'"c"', b'"\xff"'),
        b"\xef\xbb\xbf" + CONFIRM,
        b"[" * 100_000,
    ],
)
def test_what_is_not_plain_json_is_a_bad_request(body: bytes) -> None:
    assert refused(request(body)) == (400, [("NOT_JSON", "body")])


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        (b'"cartId":"c",', b"", "MISSING", "cartId"),
        (b'"cartId":"c"', b'"cartId":null', "STRING_TYPE", "cartId"),
        (b'"cartId":"c"', b'"cartId":1', "STRING_TYPE", "cartId"),
        (b'"cartId":"c"', b'"cartId":""', "STRING_TOO_SHORT", "cartId"),
        (b'"orderId":"o",', b"", "MISSING", "orderId"),
        (b'"orderId":"o"', b'"orderId":1', "STRING_TYPE", "orderId"),
        (b"[" + ITEM + b"]", b"null", "LIST_TYPE", "items"),
        (b"[" + ITEM + b"]", b"{}", "LIST_TYPE", "items"),
        (ITEM, b"1", "MODEL_TYPE", "items.0"),
        (b'"orderId":"o"', b'"orderId":"o","extra":1', "EXTRA_FORBIDDEN", "extra"),
        (b'"cartItemId":"ci"', b'"cartItemId":"ci","sku":"s"', "EXTRA_FORBIDDEN", "items.0.sku"),
        (b'"orderId":"o"', b'"orderId":"o","merchantId":null', "STRING_TYPE", "merchantId"),
        (b'"orderId":"o"', b'"orderId":"o","attributes":[]', "DICT_TYPE", "attributes"),
        (b'"orderId":"o"', b'"orderId":"o","attributes":{"a":1}', "STRING_TYPE", "attributes.a"),
        (b'"cartItemId":"ci",', b"", "MISSING", "items.0.cartItemId"),
        (b'"currency":"CAD",', b"", "MISSING", "items.0.currency"),
        (b'"currency":"CAD"', b'"currency":1', "STRING_TYPE", "items.0.currency"),
        (b'"quantity":1,', b"", "MISSING", "items.0.quantity"),
        (b'"itemReservationId":"r"', b'"itemReservationId":null', "STRING_TYPE", "items.0.itemRes"),
        (b'"cartItemId":"ci"', b'"cartItemId":"\\ud800"', "STRING_UNICODE", "items.0.cartItemId"),
    ],
)
def test_a_field_of_another_shape_is_a_bad_request(
    old: bytes, new: bytes, code: str, where: str
) -> None:
    assert old in CONFIRM
    status, problems = refused(request(CONFIRM.replace(old, new)))
    assert (status, [each[0] for each in problems]) == (400, [code])
    assert problems[0][1].startswith(where)


@pytest.mark.parametrize("field", [b'"unitPrice":10', b'"totalPrice":10', b'"quantity":1'])
@pytest.mark.parametrize("value", [b'"1"', b"true", b"null", b"1e999"])
def test_a_number_is_a_json_number(field: bytes, value: bytes) -> None:
    name = field.split(b":", maxsplit=1)[0]
    status, problems = refused(request(CONFIRM.replace(field, name + b":" + value)))
    assert status == 400
    assert {where.split(".")[2] for _, where in problems} == {name.decode().strip('"')}


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b'"quantity":1', b'"quantity":0', "items.0.quantity"),
        (b'"quantity":1', b'"quantity":-1', "items.0.quantity"),
        (b'"quantity":1', b'"quantity":1.5', "items.0.quantity"),
        (b'"unitPrice":10', b'"unitPrice":-0.01', "items.0.unitPrice"),
        (b'"totalPrice":10', b'"totalPrice":-10', "items.0.totalPrice"),
        (b'"currency":"CAD"', b'"currency":"cad"', "items.0.currency"),
        (b'"currency":"CAD"', b'"currency":"CA"', "items.0.currency"),
    ],
)
def test_nonsense_cannot_be_processed(old: bytes, new: bytes, where: str) -> None:
    assert refused(request(CONFIRM.replace(old, new))) == (422, [("INVALID_VALUE", where)])


def test_an_item_that_repeats_cannot_be_processed() -> None:
    body = CONFIRM.replace(ITEM, ITEM + b"," + ITEM)
    assert refused(request(body)) == (422, [("REPEATED_ITEM", "items")] * 2)


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        (b',"itemReservationId":"r"', b"", "MISSING", "items.0.itemReservationId"),
        (b'"cartId":"c"', b'"cartId":"c","orderId":"o"', "EXTRA_FORBIDDEN", "orderId"),
        (b'"r"', b'"r","quantity":1', "EXTRA_FORBIDDEN", "items.0.quantity"),
        (b'"r"', b'"r","catalogItemId":"s"', "EXTRA_FORBIDDEN", "items.0.catalogItemId"),
    ],
)
def test_a_release_knows_its_own_fields_only(old: bytes, new: bytes, code: str, where: str) -> None:
    asked = request(RELEASE.replace(old, new), path=RELEASE_PATH)
    assert refused(asked) == (400, [(code, where)])
