"""Who is right when events meet: each row of the table as a story, from the log to the outcomes."""

from dataclasses import dataclass, replace

import pytest

from processor.core.events import CartAbandoned, Content, OrderPaid
from processor.core.vocabulary import Status
from tests.support.simulation import World, both, garbage
from tests.support.simulation_events import ABANDONMENTS, PAYMENTS, order, release
from tests.support.simulation_members import Kind
from tests.support.simulation_rokt import Reaction

CONFIRM, RELEASE = "confirm", "release"
OK, NO, LOST, HALF = Reaction.SUCCEED, Reaction.REFUSE, Reaction.LOSE_ANSWER, Reaction.SPLIT


@dataclass(frozen=True)
class Story:
    """What is in the log when the processor comes, how Rokt reacts, and what comes of it all.

    `calls` are in the order in which they are made; `statuses` in the order of the log, payments
    first. After LOST the process dies, and another goes on.
    """

    name: str
    log: tuple[Content, ...]
    calls: tuple[tuple[str, str], ...]
    statuses: tuple[Status, ...]
    reactions: tuple[Reaction, ...] = ()


S = Status
STORIES = [
    Story(
        "a closed order again, same content",
        (order(), order(event="again")),
        ((CONFIRM, "a"),),
        (S.SUCCEEDED, S.DUPLICATE),
    ),
    Story(
        "a closed order again, other content",
        (order(), order(price=2)),
        ((CONFIRM, "a"),),
        (S.SUCCEEDED, S.CONFLICT),
    ),
    Story(
        "a partly confirmed order again",
        (order(items="ab"), order(items="ab", event="again")),
        ((CONFIRM, "ab"),),
        (S.PARTIALLY_SUCCEEDED, S.DUPLICATE),
        (HALF,),
    ),
    Story(
        "a failed order again, same content",
        (order(), order(event="again")),
        ((CONFIRM, "a"), (CONFIRM, "a")),
        (S.REJECTED, S.SUCCEEDED),
        (NO, OK),
    ),
    Story(
        "a failed order again, corrected",
        (order(), order(price=2)),
        ((CONFIRM, "a"), (CONFIRM, "a")),
        (S.REJECTED, S.SUCCEEDED),
        (NO, OK),
    ),
    Story(
        "an invalid order, corrected",
        (order(price=-1), order()),
        ((CONFIRM, "a"),),
        (S.REJECTED, S.SUCCEEDED),
    ),
    Story(
        "a doubtful order again, same and other content",
        (order(), order(event="again"), order(price=2)),
        ((CONFIRM, "a"), (CONFIRM, "a")),
        (S.INDETERMINATE, S.DUPLICATE, S.CONFLICT),
        (LOST, NO),
    ),
    Story(
        "an order after a crash is sent again with identical bytes",
        (order(),),
        ((CONFIRM, "a"), (CONFIRM, "a")),
        (S.SUCCEEDED,),
        (LOST, OK),
    ),
    Story(
        "the same order under another cart",
        (order(cart="cart-1"), order(cart="cart-2")),
        ((CONFIRM, "a"),),
        (S.SUCCEEDED, S.CONFLICT),
    ),
    Story(
        "two orders of a cart with different items",
        (order("order-1"), order("order-2", items="b")),
        ((CONFIRM, "a"), (CONFIRM, "b")),
        (S.SUCCEEDED, S.SUCCEEDED),
    ),
    Story(
        "two orders of a cart that overlap",
        (order("order-1", items="ab"), order("order-2", items="bc")),
        ((CONFIRM, "ab"),),
        (S.SUCCEEDED, S.CONFLICT),
    ),
    Story(
        "two orders of a cart that overlap, the first rejected",
        (order("order-1", items="ab"), order("order-2", items="bc")),
        ((CONFIRM, "ab"), (CONFIRM, "bc")),
        (S.REJECTED, S.SUCCEEDED),
        (Reaction.REJECT, OK),
    ),
    Story("an order without items", (order(items=""),), ((CONFIRM, ""),), (S.SUCCEEDED,)),
    Story(
        "paid and given up",
        (order(items="a"), release(items="ab")),
        ((CONFIRM, "a"), (RELEASE, "b")),
        (S.SUCCEEDED, S.SUCCEEDED),
    ),
    Story(
        "paid and given up, nothing is left",
        (order(items="ab"), release(items="ab")),
        ((CONFIRM, "ab"),),
        (S.SUCCEEDED, S.SKIPPED),
    ),
    Story(
        "paid with an invalid event and given up",
        (order(items="a", price=-1), release(items="a")),
        (),
        (S.REJECTED, S.SKIPPED),
    ),
    Story(
        "paid, refused and given up",
        (order(items="a"), release(items="a")),
        ((CONFIRM, "a"),),
        (S.REJECTED, S.SKIPPED),
        (NO,),
    ),
    Story(
        "a payment that cannot be read, and a release of its cart",
        (garbage(1), release()),
        (),
        (S.REJECTED, S.SKIPPED),
    ),
    Story(
        "given up in the log before it is paid: the confirm goes first",
        (release(items="b"), order(items="a")),
        ((CONFIRM, "a"), (RELEASE, "b")),
        (S.SUCCEEDED, S.SUCCEEDED),
    ),
    Story("a release of nothing", (release(items=""),), (), (S.SKIPPED,)),
    Story(
        "a release of what is released",
        (release(items="a"), release(items="ab")),
        ((RELEASE, "a"), (RELEASE, "b")),
        (S.SUCCEEDED, S.SUCCEEDED),
    ),
    Story(
        "a release of what has expired",
        (release(items="a", expires_at=1),),
        (),
        (S.SKIPPED,),
    ),
]


def tell(story: Story) -> World:
    world = World()
    for content in story.log:
        topic = ABANDONMENTS if isinstance(content, CartAbandoned) else PAYMENTS
        cart = content.cart_id if isinstance(content, OrderPaid | CartAbandoned) else "cart"
        world.append(topic, 0, cart.encode(), content)
    member = world.join()
    world.grant(member, both(0, 1))
    reactions = list(story.reactions)
    for _ in range(30):
        world.consume_all(member)
        world.pass_time(0.5)
        for step in member.ready():
            if step.kind is not Kind.CALL:
                world.take(member, step)
                continue
            reaction = reactions.pop(0) if reactions else OK
            world.take(member, step, reaction)
            if reaction is LOST:
                lost = world.crash(member)
                member = world.join()
                world.grant(member, lost)
                break
    world.quiesce()
    world.check_the_end()
    return world


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_who_is_right_when_events_meet(story: Story) -> None:
    world = tell(story)
    calls = tuple(
        (
            attempt.call.operation.lower(),
            "".join(item.cart_item_id[-1] for item in attempt.call.items),
        )
        for attempt in world.checks.attempts
    )
    outcomes = sorted(
        world.checks.results[0],
        key=lambda outcome: (outcome.source.topic == ABANDONMENTS, outcome.source.offset),
    )
    statuses = tuple(outcome.status for outcome in outcomes)
    in_order = sorted(range(len(story.log)), key=lambda n: isinstance(story.log[n], CartAbandoned))
    assert (calls, statuses) == (story.calls, tuple(story.statuses[n] for n in in_order))


def test_a_cart_given_up_and_then_paid_is_confirmed_and_told() -> None:
    world = World()
    world.append(ABANDONMENTS, 0, b"cart", release())
    member = world.join()
    world.grant(member, both(0, 1))
    world.quiesce()
    world.append(PAYMENTS, 0, b"cart", order())
    world.quiesce()
    last = world.checks.results[0][-1]
    assert (last.status, last.detail) == (S.SUCCEEDED, "released-before-paid: item-a")


def test_a_release_that_may_have_been_applied_and_is_paid_since_is_not_sent_again() -> None:
    world = tell(Story("", (release(items="ab"),), (), (), (LOST,)))
    assert [outcome.status for outcome in world.checks.results[0]] == [S.SUCCEEDED]
    world = World()
    world.append(ABANDONMENTS, 0, b"cart", release(items="ab"))
    member = world.join()
    world.grant(member, both(0, 1))
    for _ in range(5):
        world.consume_all(member)
        world.pass_time(0.5)
        world.take_all(member, Kind.COMMIT, Kind.ENDS, Kind.RESTORE)
    world.take_all(member, Kind.CALL, Kind.REPLY, reaction=Reaction.BREAK_APPLIED, rounds=2)
    world.append(PAYMENTS, 0, b"cart", order(items="a"))
    world.quiesce()
    world.check_the_end()
    statuses = [outcome.status for outcome in world.checks.results[0]]
    assert statuses == [S.SUCCEEDED, S.INDETERMINATE]
    assert len(world.checks.attempts) == 2


def test_an_abandoned_cart_under_a_wrong_key_is_refused() -> None:
    world = World()
    world.append(ABANDONMENTS, 0, b"another", replace(release()))
    world.join()
    world.quiesce()
    assert [outcome.status for outcome in world.checks.results[0]] == [S.REJECTED]
