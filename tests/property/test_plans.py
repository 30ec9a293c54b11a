"""Plans: windows hold what was asked for, and a replay may go on from anywhere."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.calls import CallShape, confirm_call
from processor.core.events import (
    AbandonedItem,
    CartAbandoned,
    Content,
    OrderItem,
    OrderPaid,
    Undecodable,
)
from processor.core.outcomes import OutcomeView
from processor.core.records import Partition, Record, Source
from processor.core.replays import COPIED, Guards, Kind, Plan, Prospect, Slice
from processor.core.replies import ItemVerdict
from processor.core.selection import Selection
from processor.core.vocabulary import (
    CartId,
    Effect,
    EventId,
    ItemResult,
    Operation,
    OrderId,
    Reason,
    Status,
)
from processor.core.windows import Log, cut
from processor.shell.history import plans
from tests.support.made_up_history import (
    MADE_AT,
    TOPICS,
    Entry,
    History,
    MadeUpLogs,
    candidates,
    whole,
)

PAYMENTS = Partition(TOPICS.order_paid, 0)
ABANDONMENTS = Partition(TOPICS.cart_abandoned, 0)

carts = st.sampled_from(["c-1", "c-1", "c-1", "c-2"])
items = st.lists(st.sampled_from(["i-1", "i-2", "i-3"]), min_size=1, max_size=2, unique=True)
times = st.integers(MADE_AT - 1_000, MADE_AT)


@st.composite
def payments(draw: st.DrawFn) -> OrderPaid:
    return OrderPaid(
        event_id=EventId("event"),
        occurred_at=draw(times),
        order_id=OrderId(draw(st.sampled_from(["o-1", "o-2", "o-3"]))),
        cart_id=CartId(draw(carts)),
        items=tuple(
            OrderItem(
                cart_item_id=name,
                catalog_item_id=None,
                item_reservation_id=f"r-{name}",
                quantity=1,
                unit_price=Decimal(1),
                total_price=Decimal(1),
                currency=draw(st.sampled_from(["CAD", "CAD", "none"])),
            )
            for name in draw(items)
        ),
        rokt_session_id="session",
        rokt_tag_id=None,
        accept_language=None,
        pay_pal_order_id=None,
        merchant_id=None,
        attributes={},
    )


@st.composite
def abandonments(draw: st.DrawFn) -> CartAbandoned:
    return CartAbandoned(
        event_id=EventId("event"),
        occurred_at=draw(times),
        cart_id=CartId(draw(carts)),
        rokt_session_id="session",
        items=tuple(
            AbandonedItem(
                cart_item_id=name, item_reservation_id=f"r-{name}", reservation_expires_at=None
            )
            for name in draw(items)
        ),
        rokt_tag_id=None,
        accept_language=None,
        attributes={},
    )


unreadable = st.just(Undecodable(reason=Reason.UNDECODABLE, detail="made up"))


@st.composite
def logs(draw: st.DrawFn, place: Partition, contents: st.SearchStrategy[Content]) -> list[Entry]:
    """Records with holes between them, and times that are not in order."""
    offset, found = draw(st.integers(0, 3)), []
    for content in draw(st.lists(contents | unreadable, min_size=1, max_size=8)):
        cart = draw(carts) if isinstance(content, Undecodable) else content.cart_id  # type: ignore[union-attr]
        source = Source(*place, offset, draw(times))
        found.append(Entry(Record(source, cart.encode(), b"value"), content))
        offset += draw(st.integers(1, 3))
    return found


def outcome_of(event: OrderPaid, effect: Effect) -> OutcomeView:
    applied = effect is Effect.APPLIED
    return OutcomeView(
        outcome_id="outcome",
        operation=Operation.CONFIRM,
        status=Status.SUCCEEDED if applied else Status.INDETERMINATE,
        effect=effect,
        reason=None if applied else Reason.INDETERMINATE,
        cart_id=event.cart_id,
        order_id=event.order_id,
        source=Source(TOPICS.order_paid, 0, 1_000, None),
        origin=None,
        replay_id=None,
        request_fingerprint=confirm_call(event, CallShape(tag_id="tag")).fingerprint,
        items=tuple(
            ItemVerdict(
                cart_item_id=item.cart_item_id,
                item_reservation_id=item.item_reservation_id,
                result=ItemResult.SUCCEEDED,
            )
            for item in event.items
        ),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    known = draw(st.lists(payments(), max_size=1))
    effects = st.sampled_from([Effect.APPLIED, Effect.MAYBE_APPLIED, Effect.NOT_APPLIED])
    return History(
        payments=tuple(draw(logs(PAYMENTS, payments()))),
        abandonments=tuple(draw(logs(ABANDONMENTS, abandonments()))),
        outcomes=tuple(outcome_of(event, draw(effects)) for event in known),
    )


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    since = draw(st.sampled_from([None, None, MADE_AT - 1_000, MADE_AT - 500]))
    return Selection(
        operations=draw(st.sampled_from([frozenset(), frozenset({Operation.RELEASE})])),
        carts=draw(st.sampled_from([frozenset(), frozenset(), frozenset({"c-1"})])),
        since=since,
        until=draw(st.sampled_from([None, MADE_AT - 100])) if since else None,
    )


@st.composite
def plans_of(draw: st.DrawFn, history: History) -> Plan:
    """A plan of parts of both logs; one of releases only has no slice of payments."""
    selection = draw(selections())
    parts = [whole(history.payments, PAYMENTS), whole(history.abandonments, ABANDONMENTS)]
    if Operation.RELEASE in selection.operations:
        del parts[0]
    slices = []
    for part in parts:
        begin = draw(st.integers(part.begin, min(part.begin + 2, part.end)))
        end = draw(st.sampled_from([part.end, max(begin, part.end - 2)]))
        slices.append(Slice(place=part.place, begin=begin, end=end))
    return history.plan([part for part in slices if part.size], selection)


def payments_from(history: History, plan: Plan) -> int:
    """Return the offset from which on a plan has to know of payments."""
    for part in plan.slices:
        if part.place == PAYMENTS:
            return part.begin
    if plan.selection.since is None:
        return 0
    at = MadeUpLogs(history.logs).at(PAYMENTS, plan.selection.since)
    return 10**9 if at is None else at


@given(history=histories(), data=st.data())
def test_a_replay_that_stops_and_goes_on_anywhere_finds_the_same(
    history: History, data: st.DataObject
) -> None:
    plan = data.draw(plans_of(history), label="plan")
    at_once, in_pieces = [], []
    steady = history.originals(plan)
    for part in plan.slices:
        at_once += candidates(steady, part, part.begin, part.end)
        stops = data.draw(st.lists(st.integers(part.begin, part.end), max_size=3), label="stops")
        places = sorted({part.begin, *stops, part.end})
        for begin, end in pairwise(places):
            in_pieces += candidates(history.originals(plan), part, begin, end)
    assert in_pieces == at_once


@given(history=histories(), data=st.data())
def test_reading_the_same_once_more_finds_the_same(history: History, data: st.DataObject) -> None:
    plan = data.draw(plans_of(history), label="plan")
    originals = history.originals(plan)

    def read() -> list[Any]:
        return [each for s in plan.slices for each in candidates(originals, s, s.begin, s.end)]

    assert read() == read()


@settings(max_examples=400)
@given(history=histories(), data=st.data())
def test_no_release_of_a_unit_goes_out_whose_payment_in_the_log_does_not(
    history: History, data: st.DataObject
) -> None:
    plan = data.draw(plans_of(history), label="plan")
    originals = history.originals(plan)
    found = [each for s in plan.slices for each in candidates(originals, s, s.begin, s.end)]
    brought_back = {each.origin for each in found if each.is_copied}
    begin = payments_from(history, plan)
    lost = {
        (paid.content.cart_id, item.cart_item_id)
        for paid in history.payments
        if isinstance(paid.content, OrderPaid)
        and paid.record.source not in brought_back
        and paid.record.source.offset >= begin
        for item in paid.content.items
    }
    # The live fleet knows these from its ledger, and drops them.
    lost -= {(each.cart_id, item.cart_item_id) for each in history.outcomes for item in each.items}
    unread = {
        (paid.record.key or b"").decode()
        for paid in history.payments
        if isinstance(paid.content, Undecodable) and paid.record.source.offset >= begin
    }
    for each in history.abandonments:
        content = each.content
        if each.record.source in brought_back and isinstance(content, CartAbandoned):
            assert lost.isdisjoint((content.cart_id, item.cart_item_id) for item in content.items)
            assert content.cart_id not in unread


@given(history=histories(), data=st.data())
def test_a_window_holds_every_record_that_was_asked_for_and_the_fleet_has_passed(
    history: History, data: st.DataObject
) -> None:
    since, until = sorted((data.draw(times, "since"), data.draw(times, "until")))
    reader = MadeUpLogs(history.logs)
    first, last = reader.bounds(PAYMENTS)
    log = Log(begin=first, end=last, committed=data.draw(st.none() | st.integers(0, last + 2)))
    begin, edge = reader.at(PAYMENTS, since), reader.at(PAYMENTS, until)
    found = cut(
        log,
        log.end if begin is None else begin,
        log.end if edge is None else edge,
        is_exact=False,
    )
    assert log.begin <= found.begin <= found.end <= max(log.limit, found.begin)
    selection = Selection(since=since, until=until)
    for entry in history.payments:
        offset, at = entry.record.source.offset, entry.record.source.timestamp
        if selection.covers(at) and offset < log.limit:
            assert found.begin <= offset < found.end


@given(
    begin=st.integers(0, 20),
    size=st.integers(0, 20),
    committed=st.none() | st.integers(0, 50),
    wanted=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_offsets_are_cut_to_what_is_there_and_behind_the_fleet(
    begin: int, size: int, committed: int | None, wanted: tuple[int, int]
) -> None:
    log = Log(begin=begin, end=begin + size, committed=committed)
    asked = set(range(*wanted)) & set(range(log.begin, log.end))
    found = cut(log, *wanted)
    assert set(range(found.begin, found.end)) == {each for each in asked if each < log.limit}
    assert found.waiting == len({each for each in asked if each >= log.limit})


texts = st.text(min_size=1, max_size=8)


@st.composite
def any_plan(draw: st.DrawFn) -> Plan:
    ids = draw(st.frozensets(texts, max_size=3))
    return Plan(
        replay_id=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)),
        kind=draw(st.sampled_from(Kind)),
        created_at=draw(st.integers(0, 2**45)),
        cluster_id=draw(texts),
        group=draw(texts),
        lane=draw(texts),
        topic_ids=draw(st.dictionaries(texts, texts, max_size=3)),
        counts=draw(st.dictionaries(texts, st.integers(1, 9), max_size=3)),
        selection=Selection(
            operations=draw(st.frozensets(st.sampled_from(Operation))),
            orders=draw(st.frozensets(texts, max_size=2)),
            ids=ids,
            partitions=draw(st.frozensets(st.integers(0, 9), max_size=2)),
            since=draw(st.none() | st.integers(0, 2**45)),
            reasons=draw(st.frozensets(st.sampled_from(Reason))),
            effects=draw(st.frozensets(st.sampled_from(Effect))),
            http_statuses=draw(st.frozensets(st.integers(100, 599), max_size=2)),
        ),
        guards=Guards(
            max_age=draw(st.none() | st.floats(0, 1e9)),
            includes_maybe_applied=draw(st.booleans()),
            most_redrives=draw(st.integers(1, 9)),
        ),
        slices=tuple(
            Slice(place=Partition(draw(texts), number), begin=begin, end=begin + size)
            for number, begin, size in draw(
                st.lists(st.tuples(*[st.integers(0, 2**40)] * 3), max_size=3)
            )
        ),
        ids_sha256="digest" if ids else None,
        waiting=draw(st.integers(0, 9)),
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )


@given(plan=any_plan())
def test_a_plan_is_the_same_after_it_was_kept(plan: Plan) -> None:
    assert plans.from_json(plans.to_json(plan)) == plan


@given(plan=any_plan())
def test_a_replay_knows_its_plan_from_its_head_its_slices_and_the_same_ids(plan: Plan) -> None:
    again = plans.from_head(plans.head_of(plan), plan.slices, plan.selection.ids)
    assert (again.selection, again.guards, again.slices) == (
        plan.selection,
        plan.guards,
        plan.slices,
    )
    assert "ids" not in plans.head_of(plan).get("selection", {})


def test_what_is_copied_is_what_would_be_called_or_is_left_to_the_fleet() -> None:
    assert {Prospect.CONFIRM, Prospect.RELEASE, Prospect.REPEAT} == COPIED
