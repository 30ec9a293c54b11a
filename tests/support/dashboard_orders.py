"""The dashboard's first row: what became of orders, and what needs a person."""

from typing import Final

from tests.support.alert_rules import alerts
from tests.support.panels import Color, Look, Panel, Query, Row, quantiles

_OURS: Final = "|".join(sorted(alert.name for alert in alerts()))
FIRING: Final = f'ALERTS{{alertstate="firing", alertname=~"{_OURS}"}}'
"""Our alerts that fire: a Prometheus may know others."""
_ORDERS: Final = 'lane="live", operation!="RELEASE"'
_COUNTED: Final = f'{_ORDERS}, status!~"DUPLICATE|SKIPPED"'
_PAID: Final = 'operation!="RELEASE"'


def _a_person(title: str, meaning: str, counter: str, alert: str) -> Panel:
    return Panel(
        title=title,
        meaning=meaning,
        look=Look.NUMBER,
        queries=(Query(expression=f"sum(increase({counter}[$__range]))", legend=title),),
        unit="none",
        base=Color.WELL,
        steps={0.5: Color.BAD},
        alerts=(alert,),
    )


_NOW: Final = (
    Panel(
        title="Alerts",
        meaning="The alerts that fire. Without the rules of deploy/prometheus this stays empty.",
        look=Look.STATES,
        queries=(
            Query(
                expression=f"max by (alertname, severity) ({FIRING})",
                legend="{{alertname}} ({{severity}})",
            ),
        ),
        words={1: ("fires", Color.BAD)},
        empty="no alert fires",
        width=24,
        height=5,
    ),
    Panel(
        title="Orders confirmed",
        meaning="Paid orders that Rokt has confirmed, in the time shown. Replays are not in it.",
        look=Look.NUMBER,
        queries=(
            Query(
                expression="sum(increase(processor_paid_to_confirmed_seconds_count"
                '{lane="live"}[$__range]))',
                legend="confirmed",
            ),
        ),
        unit="none",
    ),
    Panel(
        title="Confirmed within a minute",
        meaning="Of the paid orders that have ended in the time shown, those that were confirmed "
        "within 60 seconds of the time of their record. Orders that still wait are not in it.",
        look=Look.NUMBER,
        queries=(
            Query(
                expression="sum(rate(processor_paid_to_confirmed_seconds_bucket"
                '{lane="live", le="60.0"}[$__range])) '
                f"/ (sum(rate(processor_outcomes_total{{{_COUNTED}}}[$__range])) > 0)",
                legend="within a minute",
            ),
        ),
        unit="percentunit",
        base=Color.BAD,
        steps={0.99: Color.ODD, 0.999: Color.WELL},
        empty="no orders",
        alerts=("OrdersBurnFast", "OrdersBurnSlow", "OrdersBurnDay", "OrdersBurnDays"),
    ),
    Panel(
        title="Longest wait of an order",
        meaning="How long the oldest paid order that is not finished has waited. A single order "
        "that fails is given up after 15 minutes; longer waits have another cause.",
        look=Look.NUMBER,
        queries=(
            Query(
                expression="time() - min(processor_oldest_unfinished_timestamp_seconds"
                f"{{{_PAID}}})",
                legend="longest wait",
            ),
        ),
        unit="s",
        base=Color.WELL,
        steps={60: Color.ODD, 1200: Color.BAD},
        empty="none waits",
        alerts=("OldestOrderWaits",),
    ),
    Panel(
        title="Orders that are late",
        meaning="Paid orders that have waited for more than a minute and still wait.",
        look=Look.NUMBER,
        queries=(
            Query(
                expression=f'sum(processor_unfinished_older_than{{{_PAID}, seconds="60"}})',
                legend="late",
            ),
        ),
        unit="none",
        base=Color.WELL,
        steps={1: Color.ODD, 100: Color.BAD},
        alerts=("OrdersBurnFast", "OldestOrderWaits"),
    ),
    Panel(
        title="Next reservation ends in",
        meaning="When the first reservation ends whose paid order has waited for its confirm for "
        "over a minute. Below zero it has ended: its items may go to somebody else.",
        look=Look.NUMBER,
        queries=(
            Query(
                expression="min(processor_first_reservation_expiry_timestamp_seconds) - time()",
                legend="ends in",
            ),
        ),
        unit="s",
        base=Color.BAD,
        steps={300: Color.ODD, 900: Color.WELL},
        empty="none is late",
        alerts=("ReservationExpiring",),
    ),
    Panel(
        title="Confirms",
        meaning="Held means that all confirms fail: one probe at a time goes out, all else waits. "
        "Nothing is lost, and it goes on by itself once Rokt answers.",
        look=Look.NUMBER,
        queries=(Query(expression='max(processor_hold{scope="confirm"})', legend="confirms"),),
        words={0: ("go out", Color.WELL), 1: ("held", Color.BAD)},
        empty="not known",
        alerts=("HoldLong", "HoldHalfRetention"),
    ),
)

_FOR_A_PERSON: Final = (
    _a_person(
        "Perhaps confirmed",
        "Orders of which it is not known whether Rokt has confirmed them, in the time shown. "
        "Nothing calls them again by itself.",
        f'processor_outcomes_total{{{_ORDERS}, status="INDETERMINATE"}}',
        "OrdersIndeterminate",
    ),
    _a_person(
        "In conflict",
        "Orders that contradict one that is known already, in the time shown. They were not "
        "confirmed; the first one stands.",
        f'processor_outcomes_total{{{_ORDERS}, status="CONFLICT"}}',
        "OrdersConflict",
    ),
    _a_person(
        "Partly confirmed",
        "Orders of which Rokt refused some items and confirmed the others, in the time shown: "
        "customers paid for what they do not get.",
        f'processor_outcomes_total{{{_ORDERS}, status="PARTIALLY_SUCCEEDED"}}',
        "OrdersPartlyConfirmed",
    ),
    _a_person(
        "Refused",
        "Orders that Rokt refused, or that were no valid events, in the time shown. They are "
        "certainly not confirmed.",
        f'processor_outcomes_total{{{_ORDERS}, status="REJECTED"}}',
        "DeadLetters",
    ),
    _a_person(
        "Released before paid",
        "Orders with an item that had been released before its payment was read, in the time "
        "shown: somebody else may have got the item.",
        'processor_released_before_paid_total{lane="live"}',
        "ReleasedBeforePaid",
    ),
    _a_person(
        "Dead letters",
        "All that needs a person, releases too, in the time shown.",
        'processor_dead_letters_total{lane="live"}',
        "DeadLetters",
    ),
)

_OVER_TIME: Final = (
    Panel(
        title="Orders by what became of them",
        meaning="Outcomes of paid orders, a second. UNKNOWN records could not be read and count "
        "as orders here.",
        look=Look.STACK,
        queries=(
            Query(
                expression="sum by (status) "
                f"(rate(processor_outcomes_total{{{_ORDERS}}}[$__rate_interval]))",
                legend="{{status}}",
            ),
        ),
        unit="cps",
        width=12,
    ),
    Panel(
        title="From paid to confirmed",
        meaning="From the time of an OrderPaid's record to the acknowledged success of its "
        "confirm. Orders that still wait are not in it.",
        look=Look.LINES,
        queries=quantiles("processor_paid_to_confirmed_seconds", 'lane="live"'),
        unit="s",
        steps={60: Color.BAD},
        empty="nothing was confirmed",
        alerts=("OrdersBurnFast",),
        width=12,
    ),
    Panel(
        title="Pace at which the objective's budget is used",
        meaning="1 uses up in 30 days what may fail in 30 days. 14.4 for an hour wakes somebody, "
        "6 for six hours too. Needs the rules of deploy/prometheus.",
        look=Look.LINES,
        queries=tuple(
            Query(
                expression=f"processor:orders_not_confirmed:ratio_rate{window} "
                "/ scalar(processor:error_budget)",
                legend=f"{{{{job}}}}, of {window}",
            )
            for window in ("5m", "1h", "6h", "3d")
        ),
        unit="none",
        steps={1: Color.ODD, 14.4: Color.BAD},
        empty="no orders, or no rules",
        alerts=("OrdersBurnFast", "OrdersBurnSlow", "OrdersBurnDay", "OrdersBurnDays"),
        width=12,
    ),
    Panel(
        title="Dead letters by reason",
        meaning="How many in each step of the graph. Each needs a person; the runbook has a "
        "table of reasons.",
        look=Look.COUNTS,
        queries=(
            Query(
                expression="sum by (operation, reason) "
                '(increase(processor_dead_letters_total{lane="live"}[$__interval])) > 0',
                legend="{{operation}} {{reason}}",
            ),
        ),
        unit="none",
        empty="no dead letters",
        alerts=("DeadLetters",),
        width=12,
    ),
    Panel(
        title="Unfinished by age",
        meaning="Live records that are not finished and older than so many seconds, releases too.",
        look=Look.LINES,
        queries=(
            Query(
                expression="sum by (seconds) (processor_unfinished_older_than)",
                legend="over {{seconds}} s",
            ),
        ),
        unit="none",
        alerts=("OldestOrderWaits",),
        width=8,
    ),
    Panel(
        title="Releases by what became of them",
        meaning="Outcomes of abandoned carts, a second. SKIPPED had nothing to release.",
        look=Look.STACK,
        queries=(
            Query(
                expression="sum by (status) (rate(processor_outcomes_total"
                '{lane="live", operation="RELEASE"}[$__rate_interval]))',
                legend="{{status}}",
            ),
        ),
        unit="cps",
        width=8,
    ),
    Panel(
        title="From event to outcome",
        meaning="From the time of a live record to its acknowledged outcome, whatever it is.",
        look=Look.LINES,
        queries=quantiles("processor_event_to_outcome_seconds", 'lane="live"', "operation"),
        unit="s",
        empty="nothing has ended",
        width=8,
    ),
)

ORDERS: Final = Row(title="Business", panels=(*_NOW, *_FOR_A_PERSON, *_OVER_TIME))
