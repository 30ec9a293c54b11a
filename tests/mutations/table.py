"""The protections: where each stands in the source, how it is taken out, and what misses it."""

from dataclasses import dataclass
from typing import Final

SEARCH: Final = "tests/property/test_cluster.py::test_no_schedule_breaks_a_promise"
OUTAGE: Final = "tests/property/test_cluster.py::test_a_full_outage_dead_letters_nothing"
HOLDS: Final = "tests/unit/test_holds.py"
HISTORY: Final = "tests/unit/test_history.py"
PERMITS: Final = "tests/unit/test_permits.py"
OVERLOAD: Final = "tests/unit/test_holds_overload.py"
PROBES: Final = "tests/unit/test_holds_probes.py"
LANE: Final = "tests/unit/test_replay_lane.py"
OTHERS: Final = (
    "tests/property/test_cluster.py::test_whatever_carts_fail_for_ever_all_others_are_confirmed"
)
POISON: Final = "test_one_order_that_is_always_told_to_wait_slows_nobody_else_and_is_convicted"


@dataclass(frozen=True, slots=True)
class Edit:
    """Text of a source file, there exactly once, and what takes its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """One protection: its name, the edits that take it out, the test that must turn red."""

    name: str
    edits: tuple[Edit, ...]
    test: str


def of_one_place(name: str, file: str, old: str, new: str, test: str = SEARCH) -> Mutation:
    """Return a protection that stands in one place; files lie below the project's root."""
    return Mutation(name, (Edit(file, old, new),), test)


def of_processor(name: str, file: str, old: str, new: str, test: str = SEARCH) -> Mutation:
    """Return the same for a file below `processor/`."""
    return of_one_place(name, f"processor/{file}", old, new, test)


def of_shell(name: str, file: str, old: str, new: str, test: str = SEARCH) -> Mutation:
    """Return the same for a file below `processor/shell/`."""
    return of_processor(name, f"shell/{file}", old, new, test)


MUTATIONS: Final = (
    of_processor(
        "no call beyond the acknowledged horizon",
        "core/dispatch.py",
        "if offset >= state.inputs[topic].horizon:",
        "if False:",
    ),
    of_processor(
        "a horizon that shrinks holds from its sending",
        "core/inputs.py",
        "self.horizon = min(self.horizon, reach)",
        "pass",
    ),
    of_processor(
        "the closing horizon covers what is doubtful",
        "core/partitions.py",
        "if work.is_ambiguous or lane.running is work:",
        "if False:",
    ),
    of_processor(
        "the lease is checked at the write of a call",
        "core/engine.py",
        "return self.assignments.is_current(state) and now.at < state.lease_until",
        "return self.assignments.is_current(state)",
    ),
    of_processor(
        "the lease counts from the sending of a commit",
        "core/assignments.py",
        "state.lease_until = sent_at + self._settings.lease",
        "state.lease_until = now.at + self._settings.lease",
    ),
    of_processor(
        "a refused commit renews no lease",
        "core/assignments.py",
        "if not self.is_current(state) or live & set(refused):",
        "if not self.is_current(state):",
    ),
    of_processor(
        "no call before the ledger is restored",
        "core/assignments.py",
        "state.phase = Phase.RESTORING\n",
        "state.phase = Phase.WORKING\n",
    ),
    of_processor(
        "the ledger is restored up to the end of the results",
        "shell/kafka/restorer.py",
        " Reading(restore, begin, high)",
        " Reading(restore, begin, low)",
        "tests/component/test_restorer.py::test_a_partition_is_read_from_its_position_to_its_end",
    ),
    of_processor(
        "only what is finished is committed",
        "core/offsets.py",
        "return self._order[0] if self._order else self.position",
        "return self.position",
    ),
    of_processor(
        "an outcome is acknowledged before its record is finished",
        "core/writings.py",
        "if writing.is_outcome_produced:",
        "if True:",
    ),
    of_processor(
        "a dead letter is acknowledged before its outcome is written",
        "core/writings.py",
        "self._produce(output_id, work, dead_letter or outcome)",
        "self._produce(output_id, work, outcome)",
    ),
    of_processor(
        "what belongs to a former assignment is stale",
        "core/assignments.py",
        "return self.states.get(state.number) is state",
        "return state.number in self.states",
    ),
    of_processor(
        "an acknowledgement counts in the generation of its sending",
        "shell/kafka/commits.py",
        "if consumer.consumer_group_metadata() != sent.generation:",
        "if False:",
        "tests/component/test_commits.py::test_an_answer_of_another_generation_refuses_all_of_it",
    ),
    Mutation(
        "one record of a cart at a time",
        (
            Edit(
                "processor/core/dispatch.py",
                "if work is None or lane.running is not None or isinstance(work.content, Pending):",
                "if work is None or isinstance(work.content, Pending):",
            ),
            Edit(
                "processor/core/turns.py",
                "if head is None or lane.running is not None:",
                "if head is None:",
            ),
        ),
        SEARCH,
    ),
    of_processor(
        "what was in flight at a crash is tainted",
        "core/engine.py",
        "work.is_tainted = offset < owned.taint_below",
        "work.is_tainted = False",
    ),
    of_processor(
        "the results are read once more before a tainted call",
        "core/dispatch.py",
        "if not work.is_tainted or state.rereading is Rereading.DONE:",
        "if True:",
        "tests/unit/test_engine.py::test_the_results_are_read_again_before_a_tainted_call",
    ),
    of_processor(
        "a settled order is not called again",
        "core/ledger.py",
        "is_settled = known is not None and known.effect in _SETTLED",
        "is_settled = False",
    ),
    of_processor(
        "a release waits for the payments before it",
        "core/gates.py",
        "and payments.offsets.position >= gate",
        "",
    ),
    of_processor(
        "a lost partition's calls end before it works again",
        "core/dispatch.py",
        "return state.is_working(now.at) and self._assignments.is_alone(state.number)",
        "return state.is_working(now.at)",
    ),
    of_processor(
        "while everything fails there is a hold",
        "core/judge.py",
        "if not self._retries.holds:\n            return False",
        "return False",
        OUTAGE,
    ),
    of_processor(
        "nobody is convicted while all fail",
        "core/conclusions.py",
        "return seen_with.is_own_fault or elapsed >= settings.give_up_after",
        "return True",
        f"{HOLDS}::test_nothing_is_convicted_when_nobody_has_succeeded_since",
    ),
    of_processor(
        "who fails alone is convicted",
        "core/conclusions.py",
        "return seen_with.is_own_fault or elapsed >= settings.give_up_after",
        "return False",
        f"{HOLDS}::test_one_poison_order_is_convicted_within_ninety_seconds_and_stops_nobody",
    ),
    of_processor(
        "a success counts by its sending",
        "core/history.py",
        "self.proven_until = max(self.proven_until, work.sent_at)",
        "self.proven_until = at",
        f"{HISTORY}::test_later_a_success_counts_by_its_sending",
    ),
    of_processor(
        "carts that failed before show an outage after a minute",
        "core/history.py",
        "len(self._failing) >= CARTS_OF_AN_OUTAGE and quiet >= LONG_QUIET",
        "False",
        f"{PROBES}::test_carts_that_failed_before_an_outage_are_not_convicted_in_it",
    ),
    of_processor(
        "an order that alone is told to wait pauses nobody",
        "core/judge.py",
        "is_pause=is_pacing and not is_own_fault",
        "is_pause=is_pacing",
        f"{OVERLOAD}::{POISON}",
    ),
    of_processor(
        "an order that alone is told to wait slows nobody",
        "core/judge.py",
        "if not is_own_fault:\n            self._permits.slow_down",
        "if True:\n            self._permits.slow_down",
        f"{OVERLOAD}::{POISON}",
    ),
    of_processor(
        "time of holds is no patience",
        "core/permits.py",
        "is_held = is_idle or scope in self.holds.by_scope or self.holds.is_stopped(scope)",
        "is_held = is_idle",
        f"{PERMITS}::test_the_clock_of_patience_stands_still_while_a_scope_is_stopped",
    ),
    of_processor(
        "time in which nothing may work is no patience",
        "core/permits.py",
        "is_idle = not may_work or now.at - since > _STOOD_STILL",
        "is_idle = False",
        f"{PERMITS}::test_nor_does_it_move_while_nothing_may_work_or_the_process_stands_still",
    ),
    of_processor(
        "what was in the air puts no probe off",
        "core/holds.py",
        "if hold is None or (sent_at < hold.next_probe.at and hold.failures):",
        "if hold is None:",
        f"{PROBES}::test_calls_that_were_only_written_after_a_hold_began_put_no_probe_off",
    ),
    of_processor(
        "a refusal that is final is a failed probe too",
        "core/judge.py",
        "self._permits.holds.put_off(scope, verdict, work.sent_at, now)",
        "pass",
        f"{PROBES}::test_a_reply_in_a_hold_that_may_end_its_record_is_a_failed_probe",
    ),
    of_processor(
        "the end of a hold restarts the limits of those it stopped",
        "core/permits.py",
        "for each in _with_dependents(scope):\n                self.limits[each].restart()",
        "for each in (scope,):\n                self.limits[each].restart()",
        f"{OVERLOAD}::"
        "test_the_releases_that_a_hold_of_the_confirms_stopped_do_not_come_all_at_once",
    ),
    of_processor(
        "a probe in two goes to a record that was never tried",
        "core/turns.py",
        "if not hold.prefers_untried:",
        "if True:",
        f"{HOLDS}::test_every_second_probe_goes_to_an_order_that_was_never_tried",
    ),
    of_processor(
        "a hold is probed",
        "core/permits.py",
        "return Permit.PROBE if limit.in_flight == 0 and at >= hold.next_probe.at else Permit.NO",
        "return Permit.NO",
        f"{HOLDS}::test_a_hold_sends_one_call_at_a_time_after_growing_pauses_in_turn",
    ),
    of_processor(
        "a hold that nobody can probe ends",
        "core/engine.py",
        "        dispatch.permits.end_unprobed_holds(now)\n",
        "",
        "tests/property/test_cluster.py::test_a_hold_whose_records_are_gone_stops_nobody",
    ),
    of_processor(
        "what a tainted conflict may have done counts",
        "core/ledger.py",
        " and outcome.effect is not Effect.MAYBE_APPLIED",
        "",
        "tests/property/test_cluster.py::"
        "test_an_order_called_under_two_carts_keeps_its_content_over_a_crash",
    ),
    of_processor(
        "Retry-After is capped",
        "core/headers.py",
        "min(seconds, _LONGEST_PAUSE)",
        "seconds",
        "tests/unit/test_replies.py::test_retry_after_is_read_in_every_shape",
    ),
    of_processor(
        "one original is worked once in a replay",
        "core/dispatch.py",
        "work.copy is not None and state.ledger.has_replayed(work.copy)",
        "False",
    ),
    of_processor(
        "a copy waits for live records that may have been called before a takeover",
        "core/dispatch.py",
        "if topic != lane and position < owned.taint_below:",
        "if False:",
        f"{LANE}::test_a_copy_waits_for_live_records_that_may_have_been_called_before_the_takeover",
    ),
    of_processor(
        "the results are read again when the lane comes from another owner",
        "core/assignments.py",
        "state.rereading = Rereading.NOT_ASKED",
        "pass",
        f"{LANE}::test_the_results_are_read_again_when_the_lane_comes_to_live_inputs_that_stay",
    ),
    of_processor(
        "live calls find permits beside a replay",
        "core/permits.py",
        "self._most // 2",
        "self._most",
        f"{LANE}::test_copies_wait_while_half_of_the_permits_are_taken",
    ),
    of_processor(
        "what a person asks for again stays doubtful",
        "core/planning.py",
        "work.is_tainted |= may_be_applied",
        "pass",
        f"{LANE}::test_what_was_doubtful_stays_so_when_the_authorised_call_is_refused",
    ),
    of_processor(
        "a name that is given again is another replay",
        "core/replays.py",
        'return f"{self.replay_id}.{self.created_at:x}"',
        "return self.replay_id",
        "tests/unit/test_copies.py::test_a_name_that_is_given_again_makes_other_copies",
    ),
    of_processor(
        "what is older than all outcomes is not replayed unasked",
        "shell/history/ledgers.py",
        "if begin > 0 else self._oldest_of_all()",
        "if begin > 0 else 0",
        "tests/unit/test_restored_ledgers.py::"
        "test_a_ledger_with_its_beginning_knows_nothing_from_before_its_first_outcome",
    ),
    of_processor(
        "copies that are gone from the lane end a replay",
        "core/standings.py",
        "not self.begin <= self.committed <= self.end",
        "False",
        "tests/unit/test_pace.py::"
        "test_a_lane_without_what_is_to_be_worked_next_is_lost_after_some_seconds",
    ),
    of_processor(
        "of a doubtful order one record is asked for again",
        "core/forecast.py",
        """            case Proceed() if hash(event.order_id) in self._orders:
                # What somebody asked for is one more call, which the earlier record makes.
                return replace(found, prospect=Prospect.REPEAT, is_authorised=False)
""",
        "",
        "tests/unit/test_forecast.py::test_what_is_asked_for_again_is_asked_for_once",
    ),
    of_processor(
        "slices that were left in a hurry are written",
        "shell/history/bookkeeping.py",
        "self._written -= {self._current}",
        "pass",
        "tests/unit/test_bookkeeping.py::"
        "test_slices_that_were_left_within_a_second_are_written_as_they_ended",
    ),
)
