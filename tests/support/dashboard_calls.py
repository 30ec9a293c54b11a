"""The dashboard's rows about calls and about replays."""

from typing import Final

from tests.support.panels import Color, Look, Panel, Query, Row, quantiles

_HELD: Final = {0: ("go out", Color.WELL), 1: ("held", Color.BAD)}
_LANE: Final = 'lane="replay"'

CALLS: Final = Row(
    title="Calls",
    panels=(
        Panel(
            title="Calls by what their replies meant",
            meaning="Attempts a second, replays included. `retry`, `paced` and `systemic` are "
            "followed by others; `systemic` would concern every call.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (operation, verdict) "
                    "(rate(processor_calls_total[$__rate_interval]))",
                    legend="{{operation}} {{verdict}}",
                ),
            ),
            unit="reqps",
            empty="no calls",
            width=8,
        ),
        Panel(
            title="Calls by HTTP status",
            meaning="Attempts a second, by the class of the status. `none`: no answer came.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (status_class) "
                    "(rate(processor_calls_total[$__rate_interval]))",
                    legend="{{status_class}}",
                ),
            ),
            unit="reqps",
            empty="no calls",
            width=8,
        ),
        Panel(
            title="Share of calls that fail",
            meaning="Of all attempts, those that did not succeed; an attempt that is repeated "
            "later counts as well.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="sum by (operation) (rate(processor_calls_total"
                    '{verdict!="succeeded"}[$__rate_interval])) '
                    "/ sum by (operation) (rate(processor_calls_total[$__rate_interval])) "
                    "or 0 * sum by (operation) (rate(processor_calls_total[$__rate_interval]))",
                    legend="{{operation}}",
                ),
            ),
            unit="percentunit",
            steps={0.05: Color.ODD, 0.5: Color.BAD},
            empty="no calls",
            alerts=("OrdersBurnFast",),
            width=8,
        ),
        Panel(
            title="Time of a call",
            meaning="From the sending of an attempt to its reply or failure.",
            look=Look.LINES,
            queries=quantiles("processor_call_seconds", "", "operation"),
            unit="s",
            empty="no calls",
            width=8,
        ),
        Panel(
            title="Calls in flight",
            meaning="Calls that wait for their reply, of each member. Where it stands at "
            "PROCESSOR_CALLS__MAX_IN_FLIGHT, Rokt is slow or too few calls are allowed.",
            look=Look.LINES,
            queries=(
                Query(expression="sum by (instance) (processor_in_flight)", legend="{{instance}}"),
            ),
            unit="none",
            width=8,
        ),
        Panel(
            title="Attempts that are repeated",
            meaning="Attempts a second after which their record rests and is called again.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (operation, lane) "
                    "(rate(processor_retries_total[$__rate_interval]))",
                    legend="{{operation}} {{lane}}",
                ),
            ),
            unit="reqps",
            width=8,
        ),
        Panel(
            title="Holds",
            meaning="Held: all calls of this kind fail, so one probe at a time goes out.",
            look=Look.STATES,
            queries=(Query(expression="max by (scope) (processor_hold)", legend="{{scope}}"),),
            words=_HELD,
            alerts=("HoldLong", "ReleaseHoldLong", "HoldHalfRetention"),
            width=12,
        ),
        Panel(
            title="Reasons of holds",
            meaning="Why calls are held; the runbook says for each what to do.",
            look=Look.STATES,
            queries=(
                Query(
                    expression="max by (scope, reason) (processor_hold_reason)",
                    legend="{{scope}} {{reason}}",
                ),
            ),
            words={1: ("is the reason", Color.BAD)},
            empty="no hold",
            alerts=("HoldLong",),
            width=12,
        ),
        Panel(
            title="Held for",
            meaning="Time since the hold began, of the member that holds longest.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="time() - min by (scope) (processor_hold_started_timestamp_seconds)",
                    legend="{{scope}}",
                ),
            ),
            unit="s",
            steps={0: Color.ODD, 300: Color.BAD},
            empty="no hold",
            alerts=("HoldLong", "ReleaseHoldLong"),
            width=6,
        ),
        Panel(
            title="Next probe in",
            meaning="When a held call is tried next. The pauses grow while Rokt does not answer.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="min by (scope) (processor_hold_next_probe_timestamp_seconds) "
                    "- time()",
                    legend="{{scope}}",
                ),
            ),
            unit="s",
            empty="no hold",
            width=6,
        ),
        Panel(
            title="Records that a hold stops",
            meaning="Records read from Kafka that wait for its end. More wait in Kafka: see lag.",
            look=Look.NUMBER,
            queries=(
                Query(expression="sum by (scope) (processor_hold_waiting)", legend="{{scope}}"),
            ),
            unit="none",
            steps={1: Color.ODD},
            width=6,
        ),
        Panel(
            title="Rokt asked for a pause of",
            meaning="What is left of the pause that Rokt asked for (429, Retry-After).",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="max by (scope) (processor_paused_until_timestamp_seconds) - time()",
                    legend="{{scope}}",
                ),
            ),
            unit="s",
            steps={0: Color.ODD},
            empty="no pause",
            width=6,
        ),
    ),
)

REPLAYS: Final = Row(
    title="Replay",
    panels=(
        Panel(
            title="Copies that wait",
            meaning="Records in the replay lane that are not done. The copier keeps it short; "
            "`processor replay list` says how much is still to be copied.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="sum(max by (namespace, job, partition) "
                    '(processor_consumer_lag{topic="$replay_topic"}))',
                    legend="copies",
                ),
            ),
            unit="none",
            empty="no lane",
            width=6,
        ),
        Panel(
            title="Copies that were settled",
            meaning="Copies that were settled before, in the time shown: no call, no outcome.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="sum(increase(processor_replay_settled_total[$__range]))",
                    legend="settled",
                ),
            ),
            unit="none",
            width=6,
        ),
        Panel(
            title="Orders confirmed by replays",
            meaning="Copies whose order was confirmed, in the time shown.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="sum(increase(processor_paid_to_confirmed_seconds_count"
                    f"{{{_LANE}}}[$__range]))",
                    legend="confirmed",
                ),
            ),
            unit="none",
            width=6,
        ),
        Panel(
            title="Replays",
            meaning="Held means that copies wait because their calls fail; live orders do not.",
            look=Look.NUMBER,
            queries=(Query(expression='max(processor_hold{scope="replay"})', legend="replays"),),
            words=_HELD,
            width=6,
        ),
        Panel(
            title="Copies by what became of them",
            meaning="Outcomes of copies, a second. `settled` left none.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (operation, status) "
                    f"(rate(processor_outcomes_total{{{_LANE}}}[$__rate_interval])) > 0",
                    legend="{{operation}} {{status}}",
                ),
                Query(
                    expression="sum by (operation) "
                    "(rate(processor_replay_settled_total[$__rate_interval])) > 0",
                    legend="{{operation}} settled",
                ),
            ),
            unit="cps",
            empty="no copies",
            width=8,
        ),
        Panel(
            title="Calls of copies",
            meaning="Attempts a second for copies. They take at most a quarter of what is in "
            "flight.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (operation, verdict) "
                    f"(rate(processor_calls_total{{{_LANE}}}[$__rate_interval]))",
                    legend="{{operation}} {{verdict}}",
                ),
            ),
            unit="reqps",
            empty="no copies",
            width=8,
        ),
        Panel(
            title="Dead letters of copies",
            meaning="How many in each step of the graph. They alert nobody: whoever runs the "
            "replay is told.",
            look=Look.COUNTS,
            queries=(
                Query(
                    expression="sum by (operation, reason) "
                    f"(increase(processor_dead_letters_total{{{_LANE}}}[$__interval])) > 0",
                    legend="{{operation}} {{reason}}",
                ),
            ),
            unit="none",
            empty="no dead letters",
            alerts=("DeadLetters",),
            width=8,
        ),
    ),
)
