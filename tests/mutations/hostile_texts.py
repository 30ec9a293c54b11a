"""The protections against what hostile events say, and hostile replies."""

from typing import Final

from tests.mutations.table import of_processor

_EVENT: Final = "tests/unit/test_events.py::"
_MADE_UP: Final = "tests/unit/test_made_up_schemas.py::"
_PARTITIONERS: Final = "tests/unit/test_partitioners.py::"
_REPLY: Final = "tests/unit/test_replies"


EVENTS: Final = (
    of_processor(
        "headers are bounded",
        "core/events.py",
        "if value and len(value) > _LONGEST_HEADER:",
        "if False:",
        f"{_EVENT}test_a_broken_field_is_named",
    ),
    of_processor(
        "headers are printable",
        "core/events.py",
        "if value and not (value.isascii() and value.isprintable() and value == value.strip()):",
        "if False:",
        f"{_EVENT}test_a_broken_field_is_named",
    ),
    of_processor(
        "no price is infinite",
        "core/events.py",
        "if not price.is_finite() or price >= _PRICE_LIMIT:",
        "if price.is_finite() and price >= _PRICE_LIMIT:",
        f"{_EVENT}test_a_broken_item_is_named",
    ),
    of_processor(
        "items behind 20 problems are not looked at",
        "core/events.py",
        "    for index, item in enumerate(order.items):\n        if len(found) >= _MOST_PROBLEMS:",
        "    for index, item in enumerate(order.items):\n        if False:",
        f"{_EVENT}test_what_is_wrong_with_many_items_takes_no_memory",
    ),
    of_processor(
        "large records count for more",
        "core/inputs.py",
        "_size(record) // COUNTS_ONCE_MORE)",
        "0)",
        "tests/unit/test_partitions.py::"
        "test_large_records_fill_a_partition_sooner_and_make_room_as_they_end",
    ),
    of_processor(
        "what only waits for its schema fills no partition",
        "core/inputs.py",
        "self._sparing if 0 < waiting < self._most_waiting else self._usual",
        "self._usual",
        f"{_MADE_UP}test_good_orders_go_on_beside_them",
    ),
    of_processor(
        "what waits for its schema is bounded",
        "core/inputs.py",
        "0 < waiting < self._most_waiting",
        "0 < waiting",
        f"{_MADE_UP}test_what_waits_is_bounded_over_all_partitions",
    ),
    of_processor(
        "what can be read counts",
        "core/inputs.py",
        "if self.waiting and record.source.offset in self._undecoded:",
        "if False:",
        f"{_MADE_UP}test_an_order_that_waits_and_can_be_read_then_counts_as_all_others",
    ),
    of_processor(
        "a payment that waits for its schema keeps releases back",
        "core/inputs.py",
        "return self.waiting > 0 and self._undecoded.next_offset < offset",
        "return False",
        f"{_MADE_UP}test_none_is_passed_by_a_commit_or_a_release",
    ),
    of_processor(
        "large records come in portions",
        "shell/kafka/portions.py",
        "if portion and size > room:",
        "if False:",
        "tests/component/test_portions.py::test_large_records_of_one_batch_come_one_by_one",
    ),
    of_processor(
        "what waited for a schema is decoded in portions",
        "core/partitions.py",
        "while taken < len(waiting) and room > 0:",
        "while taken < len(waiting):",
        "tests/unit/test_partitions.py::test_what_waits_for_a_schema_is_taken_in_portions",
    ),
    of_processor(
        "all portions that waited for a schema are decoded",
        "shell/worker.py",
        "if 0 < self._engine.pending(what) < before:",
        "if False:",
        "tests/component/test_portions.py::test_what_waited_for_a_schema_is_decoded_in_portions",
    ),
    of_processor(
        "strays that come first are outvoted",
        "core/partitioners.py",
        "shows_its_way and not self._has_disagreed",
        "shows_its_way",
        f"{_PARTITIONERS}test_strays_that_come_first_are_outvoted_by_the_newest_keys",
    ),
    of_processor(
        "the newest keys outvote the others",
        "core/partitioners.py",
        "if len(self._placed) > _MOST:",
        "if False:",
        f"{_PARTITIONERS}test_strays_that_come_first_are_outvoted_by_the_newest_keys",
    ),
    of_processor(
        "topics disagree until both show the same way",
        "core/partitioners.py",
        "        if len(known) <= 1 or not all(known.values()):\n            return\n",
        "        if len(known) <= 1 or not all(known.values()):\n"
        "            self.disagreement = None\n            return\n",
        f"{_PARTITIONERS}test_while_it_cannot_be_told_whether_they_agree_again_they_do_not",
    ),
    of_processor(
        "moments beyond the calendar are shown",
        "core/moments.py",
        "except (ValueError, OverflowError, OSError):",
        "except ZeroDivisionError:",
        "tests/unit/test_moments.py::test_what_lies_beyond_the_calendar_is_shown_as_it_is",
    ),
)
REPLIES: Final = (
    of_processor(
        "no key of a reply occurs twice",
        "core/bodies.py",
        "if len(members) != len(pairs):",
        "if False:",
        f"{_REPLY}_of_200.py::test_a_200_says_what_its_checks_let_pass",
    ),
    of_processor(
        "NaN is no JSON",
        "core/bodies.py",
        ", parse_constant=_refuse_constant)",
        ")",
        f"{_REPLY}_of_200.py::test_a_200_says_what_its_checks_let_pass",
    ),
    of_processor(
        "a reply nested beyond reason is no JSON",
        "core/bodies.py",
        "except (ValueError, RecursionError):  # hostile",
        "except ValueError:  # hostile",
        f"{_REPLY}_of_200.py::test_a_200_says_what_its_checks_let_pass",
    ),
    of_processor(
        "texts of replies are cleaned",
        "core/bodies.py",
        'return _UNSAFE.sub(" ", short)',
        "return short",
        f"{_REPLY}_of_200.py::test_a_confirmation_is_kept_as_clean_bounded_text",
    ),
    of_processor(
        "no address that runs what it says is kept",
        "core/answers.py",
        "None if text is None or _ACTIVE.match(text) else text",
        "text",
        f"{_REPLY}_of_200.py::test_an_address_that_runs_what_it_says_is_not_kept",
    ),
    of_processor(
        "texts of replies are bounded",
        "core/bodies.py",
        'text if len(text) <= longest else text[: longest - 1] + "…"',
        "text",
        f"{_REPLY}_error_bodies.py::test_no_text_is_longer_than_1000_characters",
    ),
    of_processor(
        "errors of replies are bounded",
        "core/bodies.py",
        "islice(_errors(errors), _MOST_ERRORS)",
        "_errors(errors)",
        f"{_REPLY}_error_bodies.py::test_no_more_than_20_errors_are_kept",
    ),
    of_processor(
        "what is kept of a body is bounded",
        "core/bodies.py",
        "body[:_LONGEST_EXCERPT]",
        "body",
        f"{_REPLY}.py::test_of_a_body_the_first_8_kib_are_kept",
    ),
)
HOSTILE_TEXTS: Final = (*EVENTS, *REPLIES)
