"""Admission: which part a record plays in its cart, by the topic that it came from."""

from typing import Final

from processor.core.copies import NoCopy, copy_of
from processor.core.events import CartAbandoned, OrderPaid, Undecodable
from processor.core.records import Topics
from processor.core.vocabulary import Reason
from processor.core.work import Rank, Work

_AS_LIVE: Final = {
    Rank.CONFIRM: Rank.CONFIRM,
    Rank.REPLAYED_CONFIRM: Rank.CONFIRM,
    Rank.RELEASE: Rank.RELEASE,
    Rank.REPLAYED_RELEASE: Rank.RELEASE,
}


def rank(work: Work, topics: Topics) -> bool:
    """Give a record its rank, and a copy its original; return whether its rank is another now.

    What a copy asks for shows when it is decoded; until then where its original came from tells.
    """
    before = work.rank
    topic = work.record.source.topic
    if topic == topics.replay:
        _rank_copy(work, topics)
    else:
        work.rank = Rank.RELEASE if topic == topics.abandonments else Rank.CONFIRM
    return work.rank is not before


def keep_rank_in_doubt(work: Work) -> bool:
    """Give a copy that may have been applied the rank of a live record; return whether it had not.

    What comes after it must not be called before it is known what came of it.
    """
    if not work.is_replayed or not work.is_ambiguous:
        return False
    before = work.rank
    work.rank = _AS_LIVE[before]
    return work.rank is not before


def _rank_copy(work: Work, topics: Topics) -> None:
    work.is_replayed = True
    if work.copy is None:
        match found := copy_of(work.record.headers):
            case NoCopy(detail=detail):
                why = f"No replay has written this record into the replay lane: {detail}."
                work.content = Undecodable(reason=Reason.UNDECODABLE, detail=why)
                work.rank = Rank.REPLAYED_CONFIRM
                return
            case _:
                work.copy = found
    match work.content:
        case CartAbandoned():
            is_release = True
        case OrderPaid():
            is_release = False
        case _:
            is_release = work.copy.origin.topic == topics.abandonments
    work.rank = Rank.REPLAYED_RELEASE if is_release else Rank.REPLAYED_CONFIRM
    keep_rank_in_doubt(work)
