"""A topic plan, and a list of rights, for people."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from processor.cli.acl_texts import Grant
from processor.cli.texts import lines, visible
from processor.cli.topic_texts import Tools, remedy, told
from processor.cli.topics_options import show_time
from processor.core.topic_plans import PlannedTopic, TopicPlan

_SETTINGS_WIDTH: Final = 45


def show(plan: TopicPlan, tools: Tools, console: Console) -> None:
    """Print a plan: the topics, what differs and how it is mended, what to know."""
    common = set.intersection(*(set(topic.config.items()) for topic in plan.topics))
    console.print(_table(plan, common))
    shared = [_setting(*each) for each in plan.topics[0].config.items() if each in common]
    if shared:
        console.print(f"All of them: {', '.join(shared)}", soft_wrap=True)
    for topic in plan.differing:
        _show_differences(topic, plan, tools, console)
    for note in plan.notes:
        console.print(lines(f"Note: {note}"), soft_wrap=True)


def _table(plan: TopicPlan, common: set[tuple[str, str]]) -> Table:
    table = Table(
        "topic", "for", "now", "partitions", "replicas", "settings", box=SIMPLE_HEAD, pad_edge=False
    )
    table.columns[5].min_width = _SETTINGS_WIDTH
    for topic in plan.topics:
        own = [_setting(*each) for each in topic.config.items() if each not in common]
        table.add_row(
            lines(topic.name),
            topic.blueprint.purpose,
            _now(topic, plan),
            str(topic.partitions),
            str(topic.replicas),
            lines(*own),
        )
    return table


def _now(topic: PlannedTopic, plan: TopicPlan) -> str:
    if topic.found is not None:
        return "differs" if topic.differences else "well"
    return "missing" if plan.brokers else "not asked"


def _setting(name: str, value: str) -> str:
    shown = f" ({show_time(value)})" if name == "retention.ms" else ""
    return f"{name}={value}{shown}"


def _show_differences(topic: PlannedTopic, plan: TopicPlan, tools: Tools, console: Console) -> None:
    console.print()
    console.print(lines(f"{topic.name} differs from what is needed; nothing alters it but you:"))
    for difference in topic.differences:
        mending = remedy(topic, difference, plan, tools)
        console.print(lines(f"- {told(difference)}"), soft_wrap=True)
        if mending.caution:
            console.print(lines(f"  {mending.caution}"), soft_wrap=True)
        if mending.command:
            console.print(f"  {visible(mending.command, 100_000)}", soft_wrap=True)


def show_grants(grants: Sequence[Grant], console: Console) -> None:
    """Print what each role has to be allowed, and what does not work without it."""
    for grant in grants:
        table = Table(
            "operation",
            "on",
            "without it",
            title=f"{grant.role}: User:{visible(grant.user)}",
            box=SIMPLE_HEAD,
            pad_edge=False,
        )
        table.title_justify = "left"
        for right in grant.rights:
            on = f"{right.kind} {right.name}{'*' if right.is_prefix else ''}"
            table.add_row(right.operation, lines(on), lines(right.without))
        console.print(table)
