"""A topic plan, and a list of rights, for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from processor.cli.acl_texts import Grant
from processor.cli.texts import lines, new_table, say, visible
from processor.cli.topic_texts import Tools, remedy, told
from processor.cli.topics_options import show_size, show_time
from processor.core.blueprints import is_endless
from processor.core.topic_plans import PlannedTopic, TopicPlan


def show(plan: TopicPlan, tools: Tools, console: Console) -> None:
    """Print a plan: the topics, their settings, what differs and how it is mended, what to know."""
    console.print(_topics(plan))
    common = set.intersection(*(set(topic.config.items()) for topic in plan.topics))
    console.print(_settings(plan, common))
    shared = [_setting(*each) for each in plan.topics[0].config.items() if each in common]
    if shared:
        say(console, f"All of them: {', '.join(shared)}")
    for topic in plan.differing:
        _show_differences(topic, plan, tools, console)
    for note in plan.notes:
        say(console, f"Note: {note}")


def _topics(plan: TopicPlan) -> Table:
    table = new_table("topic", "for", "now", "partitions", "replicas")
    for topic in plan.topics:
        table.add_row(
            lines(topic.name),
            topic.blueprint.purpose,
            _now(topic, plan),
            str(topic.partitions),
            str(topic.replicas),
        )
    return table


def _settings(plan: TopicPlan, common: set[tuple[str, str]]) -> Table:
    """Return what each topic has for itself: a line a setting, so that numbers are not broken."""
    table = new_table("topic", "settings")
    for topic in plan.topics:
        own = [_setting(*each) for each in topic.config.items() if each not in common]
        table.add_row(lines(topic.name), lines(*own))
    return table


def _now(topic: PlannedTopic, plan: TopicPlan) -> str:
    if topic.found is not None:
        return "differs" if topic.differences else "well"
    return "missing" if plan.brokers else "not asked"


def _setting(name: str, value: str) -> str:
    if name == "retention.ms":
        return f"{name}={value} ({show_time(value)})"
    if name.endswith(".bytes") and not is_endless(value):
        return f"{name}={value} ({show_size(int(value))})"
    return f"{name}={value}"


def _show_differences(topic: PlannedTopic, plan: TopicPlan, tools: Tools, console: Console) -> None:
    console.print()
    say(console, f"{topic.name} differs from what is needed; nothing alters it but you:")
    for difference in topic.differences:
        mending = remedy(topic, difference, plan, tools)
        say(console, f"- {told(difference)}")
        say(console, mending.caution and f"  {mending.caution}")
        if mending.command:
            console.print(f"  {visible(mending.command, 100_000)}", soft_wrap=True)


def show_grants(grants: Sequence[Grant], console: Console) -> None:
    """Print what each role has to be allowed, and what does not work without it."""
    for grant in grants:
        title = f"{grant.role}: User:{visible(grant.user)}"
        table = new_table("operation", "on", "without it", title=title)
        for right in grant.rights:
            on = f"{right.kind} {right.name}{'*' if right.is_prefix else ''}"
            table.add_row(right.operation, lines(on), lines(right.without))
        console.print(table)
