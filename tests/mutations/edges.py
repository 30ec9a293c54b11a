"""Mutations of the edges: the ledger's copy on disk, and the connections that carry calls."""

from typing import Final

from tests.mutations.table import Edit, Mutation, of_shell

_COPY: Final = "tests/component/test_ledger_copy.py::"
_HTTP: Final = "tests/component/test_fast_transport.py::"


EDGES: Final = (
    of_shell(
        "which records have outcomes is known again after a restart",
        "ledger/lasting.py",
        "position=done.first_at(kept.position)",
        "position=kept.position",
        "tests/property/test_lasting_ledgers.py::test_it_answers_like_one_in_memory",
    ),
    of_shell(
        "offsets that go back have the results read anew after a restart, too",
        "ledger/lasting.py",
        "floors=dict(done.floors)",
        "floors={}",
        f"{_COPY}test_offsets_that_go_back_have_all_results_read_again",
    ),
    of_shell(
        "what was not written counts as not written",
        "ledger/lasting.py",
        "        if self.trouble is None:\n            for shelf",
        "        if True:\n            for shelf",
        f"{_COPY}test_a_full_disk_is_said_and_nothing_is_forgotten",
    ),
    of_shell(
        "a copy of other results is thrown away",
        "ledger/disk.py",
        "not self._is_of(wanted)",
        "False",
        f"{_COPY}test_a_copy_of_something_else_is_not_used",
    ),
    of_shell(
        "where no topic id is told no copy is used",
        "ledger/disk.py",
        'identity["topic_id"] is None or',
        "False or",
        f"{_COPY}test_where_brokers_tell_no_topic_id_no_copy_is_used",
    ),
    of_shell(
        "a damaged copy is not used again",
        "ledger/disk.py",
        "                _mark(self._folder)\n",
        "                pass\n",
        f"{_COPY}test_a_damaged_copy_ends_the_process_once_and_is_not_used_again",
    ),
    of_shell(
        "a disk that was full is opened again",
        "ledger/disk.py",
        "        self._open_again()\n",
        "        return self._trouble\n",
        f"{_COPY}test_a_full_disk_is_said_and_nothing_is_forgotten",
    ),
    Mutation(
        "a checkpoint never goes beyond what was read without a gap",
        (
            Edit(
                "processor/core/done.py", "min(end, min(ats, default=end))", "min(ats, default=end)"
            ),
        ),
        "tests/unit/test_ledgers.py::"
        "test_what_somebody_else_wrote_before_our_outcomes_is_read_after_a_restart",
    ),
    Mutation(
        "what was not read is not passed over",
        (Edit("processor/core/ledgers.py", "if begin > self.position:", "if False:"),),
        "tests/unit/test_ledgers.py::test_what_was_not_read_is_not_passed_over",
    ),
    of_shell(
        "a reading that is stopped tells of no hole",
        "kafka/restorer.py",
        "            if self._stopping.is_set():\n                return  # an outcome",
        "            if False:\n                return  # an outcome",
        "tests/component/test_restorer.py::"
        "test_a_stop_while_a_schema_is_waited_for_restores_nothing",
    ),
    of_shell(
        "a results topic of another id is read from its beginning",
        "kafka/results.py",
        "now_there != self.topic_id",
        "False",
        "tests/component/test_restorer.py::test_a_topic_of_another_id_is_read_from_its_beginning",
    ),
    of_shell(
        "a copy that lost something is not trusted",
        "ledger/disk.py",
        'if found != b"%d" % self._serial:',
        "if found is None:",
        f"{_COPY}test_a_copy_that_lost_something_while_it_was_closed_is_not_trusted",
    ),
    Mutation(
        "a gap in the results is read",
        (
            Edit(
                "processor/core/assignments.py",
                "state.is_settled and state.results.has_gap",
                "False",
            ),
        ),
        "tests/unit/test_ledgers.py::test_a_gap_is_read_after_a_while_and_only_where_there_is_one",
    ),
    of_shell(
        "a call that is given up hangs up",
        "http/fast_transport.py",
        "            self.give_back(connection)\n            raise",
        "            raise",
        "tests/component/test_fast_transport.py::"
        "test_a_call_cancelled_while_it_waits_hangs_up_at_once",
    ),
    of_shell(
        "whether a call may be written is asked again once it is connected",
        "http/fast_transport.py",
        "if not request.may_go():",
        "if False:",
        f"{_HTTP}test_a_call_that_may_go_no_more_once_it_is_connected_never_goes_out",
    ),
    of_shell(
        "what comes behind a reply answers no other call",
        "http/connection.py",
        "self._is_spoilt |= self._is_complete",
        "pass",
        f"{_HTTP}test_what_comes_behind_a_reply_is_no_reply_to_the_next_call",
    ),
    of_shell(
        "an endless head is not taken in",
        "http/connection.py",
        "if self._beside > _HEAD_LIMIT:",
        "if False:",
        "tests/component/test_http_edge_failures.py::"
        "test_a_broken_exchange_may_have_been_applied_and_is_never_repeated",
    ),
    of_shell(
        "an endless body is not taken in",
        "http/connection.py",
        "self._transport.pause_reading()",
        "pass",
        f"{_HTTP}test_an_endless_body_is_not_taken_in_while_nobody_reads_it",
    ),
)
