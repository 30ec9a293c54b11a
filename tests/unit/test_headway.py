"""Speeds and the time that is left."""

from processor.core.headway import Eta, Headway


def run(*samples: tuple[float, int]) -> Headway:
    (began, done), *rest = samples
    headway = Headway(began, done)
    for now, count in rest:
        headway.note(now, count)
    return headway


def test_nothing_is_told_in_the_first_moments() -> None:
    assert run((0, 0), (2, 100)).eta(1_000) is None


def test_a_steady_speed_gives_a_narrow_range() -> None:
    headway = run(*((float(at), 20 * at) for at in range(31)))
    assert (headway.lately, headway.overall) == (20.0, 20.0)
    eta = headway.eta(1_600)
    assert eta is not None
    assert (round(eta.soonest, 6), round(eta.latest, 6)) == (45.0, 55.0)


def test_a_speed_that_changed_gives_a_range_from_one_to_the_other() -> None:
    slow = [(float(at), at) for at in range(0, 101, 2)]
    fast = [(100.0 + at, 100 + 10 * at) for at in range(2, 101, 2)]
    headway = run(*slow, *fast)
    assert headway.lately == 10.0
    eta = headway.eta(2_100)
    assert eta is not None
    assert (eta.soonest < 100, eta.latest > 180) == (True, True)


def test_what_stands_still_has_no_end() -> None:
    assert run((0, 0), (30, 0)).eta(10) is None


def test_what_is_done_is_done() -> None:
    assert run((0, 0), (1, 10)).eta(10) == Eta(0.0, 0.0)


def test_what_was_done_before_counts_for_no_speed() -> None:
    assert run((0, 1_000), (10, 1_010)).overall == 1.0
