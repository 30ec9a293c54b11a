"""The dashboard's row about Kafka."""

from typing import Final

from tests.support.panels import Color, Look, Panel, Query, Row

_LAG: Final = "max by (namespace, job, topic, partition) (processor_consumer_lag)"

KAFKA: Final = Row(
    title="Kafka",
    panels=(
        Panel(
            title="Lag by topic",
            meaning="Records between the committed offsets and the ends of the partitions.",
            look=Look.LINES,
            queries=(Query(expression=f"sum by (topic) ({_LAG})", legend="{{topic}}"),),
            unit="none",
            alerts=("NoProgress",),
            width=8,
        ),
        Panel(
            title="The partitions furthest behind",
            meaning="The ten with the most records left to do. One that stands still alone is "
            "stuck; with a hold all do.",
            look=Look.LINES,
            queries=(
                Query(expression=f"topk(10, {_LAG} > 0)", legend="{{topic}} [{{partition}}]"),
            ),
            unit="none",
            empty="nothing is behind",
            alerts=("NoProgress", "PartitionParked"),
            width=8,
        ),
        Panel(
            title="Records received",
            meaning="Records a second, by topic. What is read again after a takeover counts anew.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (topic) (rate(processor_records_total[$__rate_interval]))",
                    legend="{{topic}}",
                ),
            ),
            unit="cps",
            empty="nothing was received",
            width=8,
        ),
        Panel(
            title="Records done",
            meaning="Records a second by which the committed offsets move on, by topic. One "
            "that is retried holds its partition's back, for a quarter of an hour at most.",
            look=Look.STACK,
            queries=(
                Query(
                    expression="sum by (topic) (rate(processor_next_offset[$__rate_interval]))",
                    legend="{{topic}}",
                ),
            ),
            unit="cps",
            empty="nothing was done",
            alerts=("NoProgress",),
            width=8,
        ),
        Panel(
            title="Unfinished records",
            meaning="Records received whose outcome is not acknowledged. Beyond "
            "PROCESSOR_CALLS__MAX_UNFINISHED a partition is paused.",
            look=Look.LINES,
            queries=(
                Query(expression="sum by (topic) (processor_unfinished)", legend="{{topic}}"),
            ),
            unit="none",
            width=8,
        ),
        Panel(
            title="Since the last commit",
            meaning="Members commit about every second, idle ones too. Beyond the lease (10 s) "
            "one makes no calls.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="time() - max by (instance) "
                    "(processor_last_commit_timestamp_seconds > 0)",
                    legend="{{instance}}",
                ),
            ),
            unit="s",
            steps={10: Color.BAD},
            empty="nothing was committed",
            alerts=("NothingCommitted", "DependencyAway", "ConsumersAbsent"),
            width=8,
        ),
        Panel(
            title="Outcomes to read back",
            meaning="What is left to read of the ledger before calls begin, after a start or a "
            "takeover. It has to fall.",
            look=Look.LINES,
            queries=(
                Query(
                    expression="sum by (instance) (processor_restore_remaining)",
                    legend="{{instance}}",
                ),
            ),
            unit="none",
            alerts=("RestoreStuck",),
            width=8,
        ),
        Panel(
            title="Partitions by member",
            meaning="How many partitions each member owns, all topics together. A sum below "
            "what the topics have means that some are worked by nobody.",
            look=Look.STACK,
            queries=(
                Query(expression="count by (instance) (processor_parked)", legend="{{instance}}"),
            ),
            unit="none",
            empty="no member owns a partition",
            alerts=("ConsumersAbsent",),
            width=8,
        ),
        Panel(
            title="Changes of partitions",
            meaning="How often members were given partitions, gave them up, or lost them without "
            "being asked, in each step of the graph.",
            look=Look.COUNTS,
            queries=(
                Query(
                    expression="sum by (event) "
                    "(increase(processor_rebalances_total[$__interval])) > 0",
                    legend="{{event}}",
                ),
            ),
            unit="none",
            empty="no change",
            width=8,
        ),
        Panel(
            title="Kafka and the registry",
            meaning="Away means that it does not answer some member, or not as it should. "
            "Nothing is lost; orders wait.",
            look=Look.STATES,
            queries=(
                Query(expression="max by (dependency) (processor_away)", legend="{{dependency}}"),
            ),
            words={0: ("answers", Color.WELL), 1: ("away", Color.BAD)},
            alerts=("DependencyAway",),
            width=6,
        ),
        Panel(
            title="Parked partitions",
            meaning="Partitions that stand still because records are gone that were never read. "
            "A person has to accept the gap.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="sum(max by (namespace, job, topic, partition) (processor_parked))",
                    legend="parked",
                ),
            ),
            unit="none",
            base=Color.WELL,
            steps={1: Color.BAD},
            empty="no partitions",
            alerts=("PartitionParked",),
            width=6,
        ),
        Panel(
            title="Producers of both inputs",
            meaning="Whether they place carts alike. If not, releases have stopped, because a "
            "payment may lie where its release cannot see it.",
            look=Look.NUMBER,
            queries=(Query(expression="max(processor_partitioners_disagree)", legend="producers"),),
            words={0: ("place carts alike", Color.WELL), 1: ("disagree", Color.BAD)},
            empty="not known",
            alerts=("PartitionersDisagree",),
            width=6,
        ),
        Panel(
            title="Records that kill",
            meaning="Records that had ended their process three times, were found in a child "
            "process, and lie in the dead letters.",
            look=Look.NUMBER,
            queries=(
                Query(
                    expression="sum(increase("
                    'processor_rehearsals_total{verdict="deadly"}[$__range]))',
                    legend="found",
                ),
            ),
            unit="none",
            base=Color.WELL,
            steps={1: Color.BAD},
            empty="none",
            width=6,
        ),
    ),
)
