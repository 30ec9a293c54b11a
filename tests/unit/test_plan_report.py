"""The report of a plan: for machines every count, for people what matters."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from processor.cli.plan_report import show, to_json
from processor.cli.plan_samples import show_samples
from processor.core.records import Partition, Record, Source
from processor.core.replays import Candidate, Guards, Kind, Passed, Plan, Prospect, Slice
from processor.core.selection import Failure, Selection
from processor.core.survey import Counting, Survey
from processor.core.vocabulary import Effect, Operation, Reason

PLAN = Plan(
    replay_id="replay-1",
    kind=Kind.REPLAY,
    created_at=1_793_491_200_000,
    cluster_id="cluster",
    group="group",
    lane="lane",
    topic_ids={"orders": "id"},
    counts={"orders": 4, "lane": 4},
    selection=Selection(ids=frozenset({"o-1", "c-2", "nobody"})),
    guards=Guards(max_age=None, includes_maybe_applied=False, most_redrives=3),
    slices=(Slice(place=Partition("orders", 3), begin=10, end=20),),
    waiting=7,
    notes=("something is missing",),
)


def candidate(order: str, prospect: Prospect, detail: str | None = None) -> Candidate:
    source = Source("orders", 3, 11, 1_793_491_200_000)
    return Candidate(
        position_after=12,
        prospect=prospect,
        origin=source,
        partition=3,
        record=Record(source, b"key", b"secret bytes"),
        operation=Operation.CONFIRM,
        cart_id="c-2",
        order_id=order,
        detail=detail,
    )


def survey(*candidates: Candidate, deleted: int = 0) -> Survey:
    counting = Counting(PLAN.selection)
    for each in candidates:
        counting.add(each, sample=replace(each, record=None))
    counting.pass_over(Passed(position=9, deleted=deleted))
    return counting.survey(waiting=PLAN.waiting, read=8, absent=1)


FOUND = survey(
    candidate("o-1", Prospect.CONFIRM),
    candidate("o-1", Prospect.REPEAT),
    candidate("o-\x1b[31m\n", Prospect.QUARANTINED, "brought back \x07 3 times"),
    deleted=1,
)


def shown(found: Survey) -> str:
    out = StringIO()
    show(Console(file=out, width=120, markup=False, highlight=False), PLAN, found, 20.0)
    return out.getvalue()


def test_machines_get_every_count_and_examples_without_their_bytes() -> None:
    report = to_json(PLAN, FOUND, 0.5)
    assert report["counts"] == dict.fromkeys(map(str, Prospect), 0) | {
        "confirm": 1,
        "repeat": 1,
        "quarantined": 1,
        "deleted": 1,
    }
    assert (report["copies"], report["calls"], report["seconds"]) == (2, 1, 4.0)
    assert report["unknown"] == ["nobody"]
    assert report["samples"]["confirm"] == [
        {
            "topic": "orders",
            "partition": 3,
            "offset": 11,
            "timestamp": "2026-11-01T00:00:00Z",
            "operation": "CONFIRM",
            "cartId": "c-2",
            "orderId": "o-1",
            "detail": None,
            "reason": None,
            "effect": None,
            "httpStatus": None,
        }
    ]
    assert "secret" not in str(report)


def test_people_are_told_what_is_to_be_done_and_what_is_missing() -> None:
    lines = shown(FOUND).splitlines()
    assert (
        "To do: bring back 2 records; about 1 call (and up to 1 more), 1 s at 20 a second." in lines
    )
    assert "Not found in what was read: nobody" in lines
    assert "Note: something is missing" in lines
    (deleted,) = [line for line in lines if line.startswith("deleted ")]
    told = " ".join(deleted.split())
    assert told == "deleted 1 offsets that were deleted before they were read"


def test_words_of_strangers_cannot_move_the_cursor() -> None:
    text = shown(FOUND)
    assert r"Quarantined: order o-\x1b[31m\n (orders:3:11): brought back \x07 3 times" in text
    assert "\x1b[31m" not in text
    assert "\x07" not in text


FAILED = Failure(reason=Reason.UNPROCESSABLE, effect=Effect.NOT_APPLIED, http_status=422)


def dead_letters(number: int, most: int) -> Survey:
    counting = Counting(PLAN.selection, most)
    for n in range(number):
        sample = replace(candidate(f"o-{n}", Prospect.CONFIRM), record=None, failure=FAILED)
        counting.add(sample, sample=sample)
    return counting.survey(waiting=0, read=number, absent=0)


def listed(found: Survey, most: int) -> str:
    out = StringIO()
    show_samples(Console(file=out, width=100), found, most, {})
    return " ".join(out.getvalue().split())


def test_dead_letters_are_counted_by_their_reason() -> None:
    found = dead_letters(30, 20)
    assert "UNPROCESSABLE NOT_APPLIED 30 " in " ".join(shown(found).split())
    assert to_json(PLAN, found, 1.0)["failures"] == [
        {"reason": "UNPROCESSABLE", "effect": "NOT_APPLIED", "count": 30}
    ]


def test_as_many_are_named_as_is_asked_for() -> None:
    found = dead_letters(30, 20)
    told = listed(found, 20)
    assert told.count("UNPROCESSABLE, NOT_APPLIED, HTTP 422") == 20
    assert told.startswith("the first 20 of each (--list) ")
    assert "order o-19 (orders:3:11)" in told
    assert listed(found, 0) == ""
    assert listed(dead_letters(2, 20), 20).startswith("all of them ")


def test_what_waits_is_counted_only_where_no_ids_narrow_the_window() -> None:
    counted = [
        Counting(each).survey(waiting=7, read=0, absent=0).counts
        for each in (Selection(), Selection(carts=frozenset({"nobody"})))
    ]
    assert counted == [{Prospect.WAITING: 7}, {}]


def test_a_row_of_what_cannot_be_read_says_why_in_one_line() -> None:
    text = shown(survey(candidate("o-1", Prospect.INVALID, "no session " + "x" * 99)))
    (line,) = [each for each in text.splitlines() if "no session" in each]
    assert line.strip() == "no session " + "x" * 48 + "…"


def test_a_row_of_a_file_is_named_by_its_file() -> None:
    out = StringIO()
    files = {"orders": "june.avro@0123abcd"}
    show(Console(file=out, width=120), PLAN, survey(candidate("o-1", Prospect.STALE)), 1.0, files)
    assert "order o-1 (june.avro@0123abcd:3:11)" in out.getvalue()


def test_an_empty_window_says_with_which_time_it_is_compared() -> None:
    window = replace(PLAN, selection=Selection(since=1))
    for kind, is_said in ((Kind.REPLAY, True), (Kind.REDRIVE, False)):
        out = StringIO()
        empty = Counting(Selection()).survey(waiting=0, read=0, absent=0)
        show(Console(file=out, width=200), replace(window, kind=kind), empty, 1.0)
        assert ("time of the record in Kafka" in out.getvalue()) is is_said


def test_nothing_to_do_is_said() -> None:
    assert "Nothing is to be done." in shown(survey(candidate("o-1", Prospect.SETTLED)))


def test_those_that_need_a_person_are_all_named_and_the_others_by_examples() -> None:
    many = [candidate(f"o-{n}", Prospect.MISSING, "gone") for n in range(30)]
    found = survey(*many, *[candidate(f"s-{n}", Prospect.SETTLED) for n in range(30)])
    report = to_json(PLAN, found, 1.0)
    assert len(report["samples"]["missing"]) == 30
    assert len(report["samples"]["settled"]) == 3
    assert "Without bytes: 10 more; --json names up to 1,000." in shown(found)
