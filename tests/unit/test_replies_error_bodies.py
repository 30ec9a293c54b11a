"""Error bodies: which count as documented, and what is kept of them."""

import json

import pytest

from processor.core.bodies import ErrorBody, error_body
from processor.core.replies import RoktError


def error(
    code: str | None = None, message: str | None = None, value_json: str | None = None
) -> RoktError:
    return RoktError(code=code, message=message, value_json=value_json)


DOCUMENTED = [
    ('{"description":"d"}', "d", ()),
    ('{"description":""}', "", ()),
    ('{"description":"d","errors":null}', "d", ()),
    ('{"description":"d","errors":"text"}', "d", ()),
    ('{"errors":[]}', None, ()),
    ('{"errors":{}}', None, ()),
    ('{"description":7,"errors":[]}', "7", ()),
    (
        '{"errors":[{"code":"c","message":"m","value":{"a":[1,2]}}]}',
        None,
        ("c", "m", '{"a":[1,2]}'),
    ),
    ('{"errors":[{"code":12,"message":null,"value":0}]}', None, ("12", None, "0")),
    ('{"errors":[{"code":true,"value":null}]}', None, ("true", None, None)),
    ('{"errors":[{}]}', None, (None, None, None)),
    ('{"errors":["text"]}', None, (None, "text", None)),
    ('{"errors":[["a"]]}', None, (None, '["a"]', None)),
    ('{"errors":{"code":"c","message":"m"}}', None, ("c", "m", None)),
    ('{"errors":{"value":1.5}}', None, (None, None, "1.5")),
    (
        '{"errors":{"items[0].currency":["is wrong"]}}',
        None,
        ("items[0].currency", '["is wrong"]', None),
    ),
    (
        '{"title":"Bad","status":400,"errors":{"cartId":"is empty"}}',
        None,
        ("cartId", "is empty", None),
    ),
    ('\ufeff{"description":"d"}', "d", ()),
    ('{"description":"a\\nb\\u0000\\u009b\\ud800c"}', "a b   c", ()),
    ('{"errors":[{"value":"\\u001b\\u007f"}]}', None, (None, None, '"\\u001b "')),
    ('{"errors":[{"value":1e999}]}', None, (None, None, None)),
]


@pytest.mark.parametrize(("body", "description", "entry"), DOCUMENTED)
def test_a_documented_body_is_kept_whatever_shape_errors_have(
    body: str, description: str | None, entry: tuple[str | None, str | None, str | None] | tuple[()]
) -> None:
    errors = (error(*entry),) if entry else ()
    assert error_body(body.encode()) == ErrorBody(description=description, errors=errors)


UNDOCUMENTED = [
    b"",
    b"null",
    b"[]",
    b'"description"',
    b"{}",
    b'{"description":null,"errors":null}',
    b'{"errors":"text"}',
    b'{"message":"Forbidden"}',
    b"<html>",
    b'{"description":"d"',
    b'{"description":"d"} trailing',
    b'{"description":"d","a":NaN}',
    b'{"description":"d","description":"e"}',
    b'{"description":"\xff"}',
    b"[" * 500_000,
    b'{"description":"d","errors":' + b"[" * 500_000,
    b'{"description":"d","a":' + b"9" * 10_000 + b"}",
]


@pytest.mark.parametrize("body", UNDOCUMENTED, ids=lambda body: repr(body[:40]))
def test_anything_else_is_not_a_documented_body(body: bytes) -> None:
    assert error_body(body) is None


def test_no_more_than_20_errors_are_kept() -> None:
    in_array = error_body(json.dumps({"errors": [{"code": str(n)} for n in range(1000)]}).encode())
    in_object = error_body(json.dumps({"errors": {str(n): "m" for n in range(1000)}}).encode())
    assert in_array is not None
    assert in_object is not None
    kept = [str(n) for n in range(20)]
    assert [entry.code for entry in in_array.errors] == kept
    assert [entry.code for entry in in_object.errors] == kept


def test_no_text_is_longer_than_1000_characters() -> None:
    long = "x" * 5000
    body = {"description": long, "errors": [{"code": long, "message": long, "value": [long]}]}
    kept = error_body(json.dumps(body).encode())
    cut = "x" * 999 + "…"
    assert kept == ErrorBody(description=cut, errors=(error(cut, cut, '["' + "x" * 997 + "…"),))
