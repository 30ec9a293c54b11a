"""Mutations of what finds a record that kills its process."""

from typing import Final

from tests.mutations.table import of_processor

_BEGINNINGS: Final = "tests/unit/test_beginnings.py::"
_POLLER: Final = "tests/component/test_poller.py::"
_REHEARSAL: Final = "tests/component/test_rehearsal.py::"
_SUSPICION: Final = "tests/component/test_suspicion.py::"
_HANDED_BACK: Final = (
    f"{_POLLER}test_what_is_handed_back_was_not_begun_unless_an_error_ends_the_process"
)
_IN_TURN: Final = f"{_SUSPICION}test_what_is_suspected_waits_and_is_decoded_in_turn"
_OF_ITS_OWN: Final = f"{_REHEARSAL}test_a_record_that_its_own_child_dies_of_is_deadly"
_ALONE: Final = f"{_REHEARSAL}test_a_child_knows_no_secret_and_leaves_no_core"


CRASH_LOOPS: Final = (
    of_processor(
        "a beginning is counted before anything is fetched",
        "shell/kafka/poller.py",
        "        assigned = self._commits.begin(consumer, assigned)\n",
        "",
        f"{_POLLER}test_a_beginning_is_counted_before_anything_is_fetched",
    ),
    of_processor(
        "a beginning counts as long as the commit stays there",
        "shell/kafka/commits.py",
        "return began.beginning if began is not None and began.committed == one.offset else 0",
        "return 0",
        f"{_POLLER}test_a_beginning_is_counted_as_long_as_the_commit_stays_there",
    ),
    of_processor(
        "what was handed back kills nobody",
        "shell/kafka/commits.py",
        "given_back = 0 if self.is_failing else 1",
        "given_back = 0",
        _HANDED_BACK,
    ),
    of_processor(
        "what an error hands back may have made it",
        "shell/kafka/commits.py",
        "given_back = 0 if self.is_failing else 1",
        "given_back = 1",
        _HANDED_BACK,
    ),
    of_processor(
        "where nothing has come nothing has killed",
        "core/beginnings.py",
        "return 1 if end <= committed else before + 1",
        "return before + 1",
        f"{_BEGINNINGS}test_where_nothing_has_come_nothing_has_killed",
    ),
    of_processor(
        "a partition is suspected after the third death",
        "core/beginnings.py",
        "if beginning <= DEATHS:",
        "if True:",
        _IN_TURN,
    ),
    of_processor(
        "no partition is suspected before the third death",
        "core/beginnings.py",
        "if beginning <= DEATHS:",
        "if False:",
        f"{_SUSPICION}test_before_the_third_death_all_is_decoded_at_once",
    ),
    of_processor(
        "suspicion lasts until the commit has moved on",
        "core/beginnings.py",
        "self._below[partition], self._from[partition] = inf, committed",
        "self._below[partition], self._from[partition] = committed + REACH, committed",
        f"{_BEGINNINGS}test_all_of_a_partition_is_suspected_until_the_commit_has_moved_on",
    ),
    of_processor(
        "suspicion ends",
        "core/beginnings.py",
        "self._below[one.partition] = began + REACH",
        "pass",
        f"{_SUSPICION}test_once_the_commit_has_moved_on_what_lies_far_off_is_decoded_at_once",
    ),
    of_processor(
        "where a deadly record was more are looked for",
        "shell/suspicion.py",
        "                self._suspects.convict(_partition(task))\n",
        "",
        f"{_SUSPICION}test_where_a_deadly_record_was_all_is_rehearsed",
    ),
    of_processor(
        "a suspected record is not decoded before a child has",
        "shell/suspicion.py",
        "            self._suspects.has(record.source)\n",
        "            False\n",
        _IN_TURN,
    ),
    of_processor(
        "a deadly record is never decoded",
        "shell/suspicion.py",
        "self._decode_pending(key, lambda _: deadly(verdict))",
        "self._decode_pending(key, self._decode_at_once)",
        _IN_TURN,
    ),
    of_processor(
        "what waits for its rehearsal goes with its partition",
        "shell/suspicion.py",
        "if _partition(task) in gone]",
        "if False]",
        f"{_SUSPICION}test_what_waits_is_dropped_with_its_partition",
    ),
    of_processor(
        "a deadly dead letter kills no plan",
        "shell/history/careful.py",
        "if isinstance(verdict, Deadly):",
        "if False:",
        f"{_REHEARSAL}test_a_careful_decoder_survives_what_is_deadly",
    ),
    of_processor(
        "a schema is vetted in a child first where something has killed",
        "shell/schema_cache.py",
        "if self.is_careful and isinstance(answer, str):",
        "if False:",
        f"{_REHEARSAL}test_a_schema_that_a_child_dies_of_is_refused",
    ),
    of_processor(
        "who kills a child convicts no record",
        "shell/rehearsal.py",
        "        signal.SIGXCPU,\n",
        "        signal.SIGXCPU,\n        signal.SIGKILL,\n",
        f"{_REHEARSAL}test_a_child_that_somebody_kills_proves_nothing",
    ),
    of_processor(
        "a child that does not begin convicts no record",
        "shell/rehearsal.py",
        "        if not self._is_ready:\n            return Undecided(",
        "        if not self._is_ready:\n            return Deadly(",
        f"{_REHEARSAL}test_a_child_that_does_not_begin_proves_nothing",
    ),
    of_processor(
        "a record is convicted by a child of its own",
        "shell/rehearsal.py",
        "if isinstance(verdict, Harmless) or (is_alone and isinstance(verdict, Deadly)):",
        "if True:",
        f"{_REHEARSAL}test_a_child_that_others_have_worn_out_convicts_nobody",
    ),
    of_processor(
        "a child gets no secrets",
        "shell/rehearsal.py",
        "            env=_environment(),\n",
        "",
        _ALONE,
    ),
    of_processor(
        "a child takes little memory",
        "shell/rehearsal_child.py",
        "        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))\n",
        "        pass\n",
        _ALONE,
    ),
    of_processor(
        "a child takes little time",
        "shell/rehearsal_child.py",
        "            _limit_time()\n",
        "",
        _ALONE,
    ),
    of_processor(
        "the lease is kept while large records are taken in",
        "shell/kafka/poller.py",
        "                self._commits.send_and_wait(self._consumer)\n            self._room",
        "            self._room",
        "tests/component/test_portions.py::"
        "test_commits_go_on_between_portions_for_the_lease_hangs_on_them",
    ),
    of_processor(
        "short memory is no fault of a record",
        "shell/decoding.py",
        "except MemoryError:",
        "except ZeroDivisionError:",
        "tests/unit/test_decoding.py::test_short_memory_is_no_fault_of_a_record",
    ),
    of_processor(
        "nothing passes a record that could not be taken in",
        "shell/worker.py",
        "            self._has_stumbled = True\n",
        "",
        "tests/component/test_worker.py::test_nothing_passes_a_record_that_could_not_be_taken_in",
    ),
    of_processor(
        "a call that was withheld has no verdict",
        "shell/http/rokt_client.py",
        "        except Withheld:\n            raise\n",
        "",
        "tests/component/test_fast_transport.py::"
        "test_a_call_that_may_go_no_more_once_it_is_connected_never_goes_out",
    ),
    of_processor(
        "a schema that was refused is looked at again",
        "shell/schema_questions.py",
        "        self._comparisons[schema] = question\n",
        "        if isinstance(result, VettedSchema):\n"
        "            self._comparisons[schema] = question\n",
        "tests/unit/test_schema_cache.py::"
        "test_a_schema_that_is_refused_is_looked_at_again_as_others_are",
    ),
    of_processor(
        "the body is built in the child, too",
        "shell/rehearsal_child.py",
        "                confirm_call(content, _SHAPE)\n",
        "                pass\n",
        _OF_ITS_OWN,
    ),
)
