"""The dashboard's row about the processes."""

from typing import Final

from tests.support.panels import Color, Look, Panel, Query, Row

PROCESSES: Final = Row(
    title="Process",
    panels=(
        Panel(
            title="Members",
            meaning="Processors that Prometheus sees.",
            look=Look.NUMBER,
            queries=(Query(expression="count(processor_build_info)", legend="members"),),
            unit="none",
            base=Color.BAD,
            steps={1: Color.WELL},
            empty="none",
            alerts=("ProcessorAbsent",),
            width=6,
        ),
        Panel(
            title="Members by version",
            meaning="What runs. Two versions at once are well during an upgrade only.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="count by (version, python) (processor_build_info)",
                    legend="{{version}}, Python {{python}}",
                ),
            ),
            unit="none",
            width=6,
        ),
        Panel(
            title="Members that answer",
            meaning="Whether Prometheus can scrape each member that it saw within a day.",
            look=Look.STATES,
            queries=(
                Query(
                    expression="max by (instance) (up and on (namespace, job, instance) "
                    "last_over_time(processor_build_info[1d]))",
                    legend="{{instance}}",
                ),
            ),
            words={0: ("no answer", Color.BAD), 1: ("answers", Color.WELL)},
            alerts=("ProcessorAbsent",),
            width=12,
        ),
        Panel(
            title="Memory by member",
            meaning="What each member has in memory: some 240 MB, and 1 KB an order of its ledger.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="max by (instance) (processor_process_resident_memory_bytes)",
                    legend="{{instance}}",
                ),
            ),
            unit="bytes",
            width=12,
        ),
        Panel(
            title="CPU by member",
            meaning="Cores that each member uses. It has use for little more than one.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="sum by (instance) "
                    "(rate(processor_process_cpu_seconds_total[$__rate_interval]))",
                    legend="{{instance}}",
                ),
            ),
            unit="none",
            width=12,
        ),
        Panel(
            title="Open files by member",
            meaning="Files and connections that each member has open, of those that it may have.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="max by (instance) (processor_process_open_fds) "
                    "/ max by (instance) (processor_process_max_fds)",
                    legend="{{instance}}",
                ),
            ),
            unit="percentunit",
            width=12,
        ),
        Panel(
            title="Running for",
            meaning="Time since each member started. One that falls to zero again and again is "
            "restarted: look at its log.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="time() - max by (instance) (processor_process_start_time_seconds)",
                    legend="{{instance}}",
                ),
            ),
            unit="s",
            alerts=("RestartsOften",),
            width=12,
        ),
        Panel(
            title="Records by member",
            meaning="Records a second that each member receives.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (instance) "
                    "(rate(processor_records_total[$__rate_interval]))",
                    legend="{{instance}}",
                ),
            ),
            unit="cps",
            empty="nothing was received",
            width=12,
        ),
        Panel(
            title="Outcomes by member",
            meaning="Outcomes a second that each member has written.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (instance) "
                    "(rate(processor_outcomes_total[$__rate_interval]))",
                    legend="{{instance}}",
                ),
            ),
            unit="cps",
            width=12,
        ),
    ),
)
