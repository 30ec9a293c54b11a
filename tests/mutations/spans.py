"""The protections around spans: whatever their export does, records are worked all the same."""

from typing import Final

from tests.mutations.table import of_shell

EXPORT: Final = "tests/component/test_span_export.py::"
MADE: Final = "tests/unit/test_spans.py::"
SET: Final = "tests/unit/test_settings_tracing.py::"
TOLD: Final = (
    "tests/component/test_worker.py::"
    "test_whoever_follows_the_work_is_told_of_it_and_changes_what_goes_out"
)


SPANS: Final = (
    of_shell(
        "the queue of spans is bounded",
        "tracing/outbox.py",
        "deque(maxlen=_ROOM)",
        "deque()",
        f"{EXPORT}test_whoever_ends_spans_never_waits_and_the_newest_are_kept",
    ),
    of_shell(
        "a receiver of spans that hangs holds no stop up",
        "tracing/outbox.py",
        "self._thread.join(within)",
        "self._thread.join()",
        f"{EXPORT}test_a_receiver_that_hangs_holds_no_stop_up",
    ),
    of_shell(
        "spans that are there at a stop are sent",
        "tracing/outbox.py",
        "is_last = self._is_closing.is_set()\n",
        "is_last = self._is_closing.is_set()\n            if is_last:\n                break\n",
        f"{EXPORT}test_what_ended_last_is_sent_at_the_close",
    ),
    of_shell(
        "the thread of the spans outlives whatever sending does",
        "tracing/outbox.py",
        "except Exception as error:",
        "except ZeroDivisionError as error:",
        f"{EXPORT}test_the_thread_outlives_whatever_sending_does",
    ),
    of_shell(
        "dropped spans are said once in a while",
        "tracing/outbox.py",
        "if count and steady() - self._said_at >= _SAY_AGAIN_AFTER:",
        "if count:",
        f"{EXPORT}test_dropped_spans_are_said_once_in_a_while",
    ),
    of_shell(
        "spans that may be taken later are sent again",
        "tracing/collector.py",
        "frozenset({429, 502, 503, 504})",
        "frozenset()",
        f"{EXPORT}test_a_batch_that_may_be_taken_later_is_sent_again",
    ),
    of_shell(
        "spans go nowhere but to the address that is set",
        "tracing/collector.py",
        "follow_redirects=False",
        "follow_redirects=True",
        f"{EXPORT}test_a_batch_that_is_refused_for_good_is_dropped",
    ),
    of_shell(
        "no proxy of the environment gets spans",
        "tracing/collector.py",
        "trust_env=False",
        "trust_env=True",
        f"{EXPORT}test_nothing_of_the_environment_is_taken",
    ),
    of_shell(
        "a call carries the span of its attempt",
        "tracing/spans.py",
        "return replace(call, headers=(*kept, *trace))",
        "return call",
        f"{MADE}test_a_call_carries_the_trace_of_its_attempt_and_no_other",
    ),
    of_shell(
        "an outcome carries the span of its record",
        "tracing/spans.py",
        "return replace(outcome, trace=trace) if trace else outcome",
        "return outcome",
        f"{MADE}test_outcomes_and_dead_letters_carry_the_trace_of_their_record",
    ),
    of_shell(
        "the trace of a record decides whether its span is exported",
        "tracing/opening.py",
        "ParentBased(TraceIdRatioBased(ratio))",
        "TraceIdRatioBased(ratio)",
        f"{SET}test_a_trace_decides_for_its_records_and_the_ratio_for_the_others",
    ),
    of_shell(
        "spans of partitions that are lost end",
        "tracing/spans.py",
        "for place in [place for place in self._records if place[:2] in gone]:",
        "for place in ():",
        f"{MADE}test_records_that_are_lost_end_once_and_those_of_others_go_on",
    ),
    of_shell(
        "records that the engine drops leave no span behind",
        "tracing/spans.py",
        "if offset < self._positions.get(partition, offset + 1):",
        "if False:",
        f"{MADE}test_records_that_the_engine_drops_leave_nothing_behind",
    ),
    of_shell(
        "whoever makes spans is told of lost partitions",
        "membership.py",
        "        self._traces.lost(partitions)\n",
        "",
        TOLD,
    ),
    of_shell(
        "a missing extra for spans is said at the start",
        "settings_rules.py",
        "tracing.endpoint is not None and not has_extra()",
        "False",
        f"{SET}test_without_the_extra_it_ends_with_the_command_that_installs_it",
    ),
    of_shell(
        "no variable of what makes spans is quoted",
        "composition.py",
        """    except ValueError:  # its text quotes the value
        raise ConfigurationError(
            "OpenTelemetry""",
        """    except KeyError:
        raise ConfigurationError(
            "OpenTelemetry""",
        f"{SET}test_what_opentelemetry_itself_cannot_use_is_a_mistake_of_the_settings",
    ),
)
