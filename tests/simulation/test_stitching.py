"""Which real entity and period each synthetic cell comes from."""

from __future__ import annotations

import numpy as np

from boathouse.simulation.draws import Draws, draw_originals
from boathouse.simulation.stitching import Donors, match_donors, plan_histories


def test_each_real_entity_is_drawn_once_a_round() -> None:
    numbers = np.arange(25)
    found = draw_originals(Draws(3), numbers, pool=10)
    assert sorted(found[:10]) == sorted(found[10:20]) == list(range(10))
    assert len(set(found[20:])) == 5
    assert found[:10].tolist() != found[10:20].tolist()
    # Any part, in any order, is what it is in the whole.
    assert draw_originals(Draws(3), numbers[[22, 4]], pool=10).tolist() == found[[22, 4]].tolist()


def test_donors_are_equal_in_state_and_near_in_traits() -> None:
    """Entity 0 begins in state 2 with 0.5; at the seam (period 1) entities 1 to 3 are in state 2."""
    states = np.array([[2, 0, 0], [0, 2, 0], [0, 2, 0], [0, 2, 0], [9, 0, 0]])
    traits = np.array([[[0.5, 0.1, 0.0], [0.0, 0.9, 0.0], [0.0, 0.45, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    donors = match_donors(states, traits, seam=1)
    assert donors.candidates[0].tolist() == [2, 1, 3, 2, 1, 3, 2, 1]
    # Nobody is in state 9 at the seam: those in the nearest state serve.
    assert set(donors.candidates[4]) == {1, 2, 3}
    # Entities 0 and 4 are in state 0 at the seam.
    assert set(donors.candidates[1]) == {0, 4}


def test_later_traits_decide_among_those_near_by_the_first() -> None:
    states = np.zeros((3, 3), dtype=np.int64)
    traits = np.zeros((2, 3, 3))
    traits[1, :, 1] = [5.0, 1.0, 3.0]
    assert match_donors(states, traits, seam=1).candidates[0, :3].tolist() == [1, 2, 0]


def make_donors() -> Donors:
    """Return donors of four periods: before entity n comes entity n + 10, matched in its period 3."""
    candidates = np.repeat(np.arange(10, 1010)[:, None], 8, axis=1)
    return Donors(length=4, seam=3, candidates=candidates)


def test_a_longer_history_is_real_pieces_before_a_whole_real_one() -> None:
    plan = plan_histories(Draws(0), np.arange(2), np.array([5, 6]), make_donors(), periods=9)
    assert plan.periods.tolist() == [1, 2, 0, 1, 2, 0, 1, 2, 3]
    assert plan.entities.tolist() == [[25, 25, 15, 15, 15, 5, 5, 5, 5], [26, 26, 16, 16, 16, 6, 6, 6, 6]]
    values = np.arange(40)[:, None] * 100 + np.arange(4)
    assert plan.take(values)[0].tolist() == [2501, 2502, 1500, 1501, 1502, 500, 501, 502, 503]


def test_a_shorter_history_leaves_out_the_oldest_periods() -> None:
    plan = plan_histories(Draws(0), np.arange(1), np.array([5]), make_donors(), periods=2)
    assert (plan.periods.tolist(), plan.entities.tolist()) == ([2, 3], [[5, 5]])


def test_a_plan_of_some_is_that_of_all() -> None:
    generator = np.random.default_rng(1)
    states, traits = generator.integers(0, 3, (50, 4)), generator.random((2, 50, 4))
    donors = match_donors(states, traits, seam=2)
    numbers = np.arange(200)
    originals = draw_originals(Draws(9), numbers, pool=50)
    whole = plan_histories(Draws(9), numbers, originals, donors, periods=12)
    part = plan_histories(Draws(9), numbers[70:80], originals[70:80], donors, periods=12)
    assert np.array_equal(part.entities, whole.entities[70:80])
    # Where pieces meet, the donor was in the state in which the next begins.
    for period in np.flatnonzero((whole.periods[:-1] == 1) & (whole.periods[1:] == 0)):
        assert np.array_equal(states[whole.entities[:, period], 2], states[whole.entities[:, period + 1], 0])
