"""A random number depends on its address alone, and numbers of many addresses look random."""

from __future__ import annotations

import numpy as np
import pytest

from boathouse.simulation.draws import Draws

PLACES = np.arange(200_000)


def test_a_number_is_the_same_whatever_is_drawn_beside_it() -> None:
    whole = Draws(7).bits("deal", PLACES)
    assert np.array_equal(Draws(7).bits("deal", PLACES[50:60][::-1]), whole[50:60][::-1])
    assert np.array_equal(Draws(7).bits("deal", PLACES.reshape(400, 500)), whole.reshape(400, 500))


def test_numbers_are_those_of_every_release() -> None:
    """What was made with a seed stays: these were written down once."""
    assert Draws(7).bits("deal", np.arange(3)).tolist() == [
        839383445418843778,
        2762086373477921727,
        6857365536255382764,
    ]


@pytest.mark.parametrize("other", [Draws(8).bits("deal", PLACES), Draws(7).bits("uses", PLACES)], ids=["seed", "use"])
def test_another_seed_or_purpose_gives_unrelated_numbers(other: np.ndarray) -> None:
    one = Draws(7).bits("deal", PLACES)
    assert not (one == other).any()
    scaled = [np.asarray(each / 2.0**64) for each in (one, other)]
    assert abs(np.corrcoef(*scaled)[0, 1]) < 0.01


def test_uniform_numbers_fill_the_unit_interval_evenly() -> None:
    found = Draws(0).uniform("share", PLACES)
    assert found.min() >= 0
    assert found.max() < 1
    counts = np.histogram(found, bins=100, range=(0, 1))[0]
    # The chi-squared of 99 degrees of freedom is below 149 in 999 of 1,000 cases.
    assert ((counts - 2_000) ** 2 / 2_000).sum() < 149
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.01


def test_whole_numbers_stay_below_their_bound() -> None:
    assert sorted(set(Draws(1).below("donor", PLACES, 8).tolist())) == list(range(8))


def test_an_order_has_every_number_once() -> None:
    assert sorted(Draws(1).order("deal/0", 100).tolist()) == list(range(100))
    assert Draws(1).order("deal/0", 100).tolist() != Draws(1).order("deal/1", 100).tolist()
