"""Tracebacks: places and kinds of errors, our own words, and never what somebody else quotes."""

import pytest

from processor.errors import RuntimeFailure
from processor.shell.tracebacks import traceback_of, words_of

CANARY = "canary-5f1d"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError(f"invalid literal: {CANARY!r}"), "ValueError"),
        (KeyError(CANARY), "KeyError"),
        (AssertionError(CANARY), "AssertionError"),
        (UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY), "UnicodeDecodeError"),
        (RuntimeFailure("Kafka is away"), "RuntimeFailure: Kafka is away"),
        (
            FileNotFoundError(2, "No such file", "/x"),
            "FileNotFoundError: [Errno 2] No such file: '/x'",
        ),
    ],
)
def test_only_words_that_quote_nobody_are_repeated(error: BaseException, words: str) -> None:
    assert words_of(error) == words
    assert traceback_of(raised(error)).splitlines()[-1] == words


def test_what_led_to_an_error_stands_before_it() -> None:
    cause = raised(KeyError(CANARY))
    lines = traceback_of(raised(ValueError(CANARY), cause)).splitlines()
    kinds = [line for line in lines if not line.startswith(("Traceback", " "))]
    assert kinds == ["KeyError", "", "This led to another one:", "", "ValueError"]
    assert CANARY not in "".join(lines)


def test_what_was_raised_while_another_was_handled_stands_behind_it() -> None:
    def stumble() -> None:
        try:
            int(CANARY)
        except ValueError:
            dict[str, str]()[CANARY]

    with pytest.raises(KeyError) as caught:
        stumble()
    both = traceback_of(caught.value)
    caught.value.__suppress_context__ = True
    alone = traceback_of(caught.value)
    kinds = [both.splitlines().count(each) for each in ("ValueError", "KeyError")]
    assert (kinds, "ValueError" in alone, CANARY in both) == ([1, 1], False, False)


def test_errors_that_came_together_are_all_there() -> None:
    group = ExceptionGroup(CANARY, [ValueError(CANARY), RuntimeFailure("away")])
    told = traceback_of(raised(group))
    assert CANARY not in told
    assert [each in told for each in ("ExceptionGroup", "ValueError", "RuntimeFailure: away")] == [
        True
    ] * 3


def test_errors_that_lead_to_each_other_have_an_end() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert traceback_of(first).count("ValueError") == 1
