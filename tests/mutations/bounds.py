"""Bounds of what strangers can have us keep: of a cart, of ids, of replies, of logs."""

from typing import Final

from tests.mutations.table import of_processor

_LEDGER: Final = "tests/unit/test_ledger.py::"
_COPY: Final = "tests/component/test_ledger_copy.py::"
_200: Final = "tests/unit/test_replies_of_200.py::"

BOUNDS: Final = (
    of_processor(
        "of a cart's unreadable records so many are kept",
        "core/ledger.py",
        "more = origin if len(known) < _MOST_UNREADABLE else _FOR_GOOD",
        "more = origin",
        f"{_LEDGER}test_of_too_many_unreadable_records_not_each_is_kept_and_the_cart_is_never_released",
    ),
    of_processor(
        "a cart with too many unreadable records is never released",
        "core/ledger.py",
        "more = origin if len(known) < _MOST_UNREADABLE else _FOR_GOOD",
        "if len(known) >= _MOST_UNREADABLE:\n"
        "                            return\n"
        "                        more = origin",
        f"{_LEDGER}test_of_too_many_unreadable_records_not_each_is_kept_and_the_cart_is_never_released",
    ),
    of_processor(
        "of a cart so many items are kept",
        "core/ledger.py",
        "if may_be_too_many and len(cart.keys() | news.keys()) > _MOST_UNITS:",
        "if False:",
        f"{_LEDGER}test_a_cart_with_more_items_than_any_real_one_is_given_up_with_all_of_it_paid",
    ),
    of_processor(
        "what is learnt again of a cart adds nothing",
        "core/ledger.py",
        " and len(cart.keys() | news.keys()) > _MOST_UNITS:",
        ":",
        f"{_LEDGER}test_what_is_learnt_again_of_a_large_cart_adds_nothing",
    ),
    of_processor(
        "a partition goes on when what waits elsewhere is decoded",
        "core/engine.py",
        "                self._dispatch.keep_in_bounds(state, topic)\n"
        "        self._dispatch.make_room_for_waiting()\n",
        "                self._dispatch.keep_in_bounds(state, topic)\n",
        "tests/unit/test_made_up_schemas.py::"
        "test_a_partition_goes_on_when_what_waits_elsewhere_is_decoded",
    ),
    of_processor(
        "what came since the assignment stays known",
        "core/assignments.py",
        "max(owned.end, owned.offsets.position)",
        "owned.end",
        "tests/unit/test_ledgers.py::"
        "test_what_came_since_the_assignment_stays_known_when_the_results_are_read_again",
    ),
    of_processor(
        "a partition that is full when its records are decoded pauses at once",
        "core/engine.py",
        "            for topic in state.inputs:\n"
        "                self._dispatch.keep_in_bounds(state, topic)\n",
        "",
        "tests/unit/test_made_up_schemas.py::"
        "test_an_order_that_waits_and_can_be_read_then_counts_as_all_others",
    ),
    of_processor(
        "a topic that shows no way is looked at further",
        "core/partitioners.py",
        "len(newest) >= _MOST and bool(self._ways.get(topic))",
        "len(newest) >= _MOST",
        "tests/unit/test_partitioners.py::test_strays_that_come_first_hide_no_disagreement",
    ),
    of_processor(
        "topics that have disagreed are looked at for ever",
        "core/partitioners.py",
        "is_enough = shows_its_way and not self._has_disagreed",
        "is_enough = shows_its_way and self.disagreement is None",
        "tests/unit/test_partitioners.py::"
        "test_a_disagreement_that_was_hidden_for_a_while_is_noticed_again",
    ),
    of_processor(
        "what was unknown long ago has its minute again",
        "shell/schema_questions.py",
        "                question.unknown_since = None  # its minute begins anew\n",
        "                pass\n",
        "tests/unit/test_schema_cache.py::"
        "test_a_schema_that_was_unknown_long_ago_has_its_minute_again",
    ),
    of_processor(
        "coordinates of a copy are such as an outcome can bear",
        "core/copies.py",
        " and int(text) in numbers",
        "",
        "tests/unit/test_copies.py::test_headers_that_no_replay_writes_make_no_copy",
    ),
    of_processor(
        "of a cart that is given up nothing is called",
        "core/ledger.py",
        "            return Conflict(detail=_TOO_MANY)\n",
        "            pass\n",
        f"{_LEDGER}test_a_cart_with_more_items_than_any_real_one_is_given_up_with_all_of_it_paid",
    ),
    of_processor(
        "of a cart that is given up nothing is released",
        "core/ledger.py",
        "            return refuse_release(_TOO_MANY)\n",
        "            pass\n",
        f"{_LEDGER}test_a_cart_with_more_items_than_any_real_one_is_given_up_with_all_of_it_paid",
    ),
    of_processor(
        "large carts leave the memory when they are written",
        "shell/ledger/lasting.py",
        "            if weight > _TOO_HEAVY:\n",
        "            if False:\n",
        f"{_COPY}test_memory_does_not_grow_with_large_carts",
    ),
    of_processor(
        "of carts that were written lately so much stays in memory",
        "shell/ledger/lasting.py",
        " or self._recent_weight > _MOST_RECENT_WEIGHT:",
        ":",
        f"{_COPY}test_memory_does_not_grow_with_large_carts",
    ),
    of_processor(
        "large carts are written before there are many",
        "shell/ledger/lasting.py",
        "codec.read_cart, len)",
        "codec.read_cart)",
        f"{_COPY}test_memory_does_not_grow_with_large_carts",
    ),
    of_processor(
        "what one slice has left is written at the next tick",
        "shell/ledger/lasting.py",
        "                self._looked_at = 0.0  #",
        "                pass  #",
        f"{_COPY}test_large_carts_are_written_at_once_however_many_there_are",
    ),
    of_processor(
        "large outcomes are learnt before more are read",
        "shell/kafka/restorer.py",
        "view is not None and batch.add(number, offset, view) >= _MOST_ITEMS",
        "view is not None and batch.add(number, offset, view) < 0",
        "tests/component/test_restorer.py::"
        "test_large_outcomes_that_came_together_are_learnt_one_by_one",
    ),
    of_processor(
        "records of many items count for more",
        "core/inputs.py",
        "len(content.items) // _ITEMS_COUNT_ONCE_MORE",
        "0",
        "tests/unit/test_partitions.py::test_many_items_count_as_well_whenever_they_are_found",
    ),
    of_processor(
        "items that are found after a wait count, too",
        "core/engine.py",
        "                state.inputs[topic].was_read(offset, work.content)\n",
        "",
        "tests/unit/test_made_up_schemas.py::"
        "test_items_that_are_found_after_a_wait_fill_their_partition_as_well",
    ),
    of_processor(
        "an id has so many characters",
        "shell/decoding.py",
        "if len(value) > MAX_ID:",
        "if False:",
        "tests/unit/test_decoding.py::test_an_id_is_bounded",
    ),
    of_processor(
        "what is written anew takes no more than it did",
        "core/answers.py",
        "if isinstance(value, str) else _LONGEST_OTHER",
        "if isinstance(value, str) else _LONGEST_CONFIRMATION",
        f"{_200}test_a_confirmation_is_kept_as_clean_bounded_text",
    ),
    of_processor(
        "a line of the log is bounded",
        "shell/logs.py",
        "elif isinstance(value, str) and len(value) > _LONGEST:",
        "elif False:",
        "tests/unit/test_logs.py::test_a_long_text_is_cut",
    ),
    of_processor(
        "a copy may bear any time",
        "core/copies.py",
        're.compile(r"-?[0-9]{1,19}")',
        're.compile(r"[0-9]{1,18}")',
        "tests/unit/test_copies.py::test_whatever_time_a_producer_gave_its_record_is_read_back",
    ),
)
