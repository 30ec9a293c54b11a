"""The headline of the page: the worst that applies, in one word."""

from dataclasses import replace

import pytest

from processor.core.partitions import Phase
from processor.shell.page.headline import Headline, Level, Situation, headline

WORKING = Situation(
    has_begun=True,
    is_live=True,
    is_ready=True,
    phases={0: Phase.WORKING, 1: Phase.WORKING},
    in_flight=3,
    unfinished=1_200,
    quiet_for=0.5,
)
AWAY = ("kafka: no answer",)


@pytest.mark.parametrize(
    ("changes", "level", "word", "text"),
    [
        ({}, "well", "Working", "3 calls in the air, 1,200 records unfinished."),
        ({"in_flight": 1}, "well", "Working", "1 call in the air, 1,200 records unfinished."),
        (
            {"in_flight": 0, "unfinished": 0},
            "well",
            "Working",
            "All that has come is done.",
        ),
        (
            {"in_flight": 0, "unfinished": 0, "quiet_for": 30.0},
            "well",
            "Idle",
            "All that has come is done.",
        ),
        (
            {"retrying": 2, "last_reply": "HTTP 503"},
            "busy",
            "Retrying",
            "2 records fail and are tried again; the last answer was HTTP 503.",
        ),
        (
            {"retrying": 1, "last_reply": "HTTP 503", "paused": ("release",)},
            "busy",
            "Pausing",
            "Rokt asks for patience: releases pause for as long as it says.",
        ),
        (
            {"phases": {}},
            "well",
            "Standing by",
            "The group has no partition left for it: the other members have them all.",
        ),
        (
            {"phases": {}, "is_ready": False},
            "busy",
            "Joining",
            "It waits for the group to give it partitions.",
        ),
        (
            {"phases": {0: Phase.WORKING, 1: Phase.INCOMPLETE}},
            "busy",
            "Taking over",
            "Another member still has the other input of some partitions.",
        ),
        (
            {"phases": {0: Phase.INCOMPLETE, 1: Phase.RESTORING}, "restore_remaining": 1},
            "busy",
            "Reading back",
            "1 outcome is still to be read into the ledger before calls begin.",
        ),
        (
            {"phases": {0: Phase.DRAINING, 1: Phase.CLOSED}},
            "busy",
            "Handing over",
            "It finishes what is in the air, and hands its partitions over.",
        ),
        (
            {"paused": ("confirm", "release", "replay")},
            "busy",
            "Pausing",
            (
                "Rokt asks for patience: confirms, releases and copies of a replay pause for as "
                "long as it says."
            ),
        ),
        (
            {"has_begun": False, "is_ready": False, "phases": {}},
            "busy",
            "Starting",
            "It looks at Kafka, the topics and the registry before it joins the group.",
        ),
        (
            {"has_key_problem": True, "paused": ("confirm",)},
            "trouble",
            "Key",
            "The file of the API key cannot be read again; calls go on with the key it had.",
        ),
        (
            {"is_release_stopped": True, "has_key_problem": True},
            "trouble",
            "Releases stopped",
            "Releases are not sent: the producers of the two inputs place carts differently.",
        ),
        (
            {"parked": 2, "is_release_stopped": True},
            "trouble",
            "Parked",
            "2 partitions stand still, because records are gone. The others go on.",
        ),
        (
            {"held": ("confirm",), "parked": 1},
            "trouble",
            "Holding",
            (
                "Everything fails, so confirms wait. Nothing is given up; probes find out when "
                "Rokt is well again."
            ),
        ),
        (
            {"away": AWAY, "held": ("confirm",)},
            "trouble",
            "Waiting",
            "What it needs does not answer. Nothing is lost, and it goes on by itself.",
        ),
        (
            {"is_live": False, "away": AWAY},
            "trouble",
            "Stuck",
            "Its loop or its poll thread stands still. /livez says no: restart it.",
        ),
    ],
)
def test_the_worst_that_applies_is_said(
    changes: dict[str, object], level: str, word: str, text: str
) -> None:
    said = headline(replace(WORKING, **changes))  # type: ignore[arg-type]
    assert said == Headline(level=Level(level), word=word, text=text)
