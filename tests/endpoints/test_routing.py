"""Routing: the same unit is answered by the same entity for ever, and shares are what the document says."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from boathouse.endpoints.routing import PLACES, Router, locate_units, name_unit
from tests.fixtures.endpoint_config import make_config

AB = {"kind": "ab", "unit": "key"}
TEXTS = st.text(max_size=12)


def make_router(salt: str = "exp-1", **shares: float) -> Router:
    return Router(make_config(shares or {"old": 50, "new": 50}, **AB, salt=salt))


@pytest.mark.parametrize(
    ("salt", "unit", "digits"),
    # printf %s exp-1:17 | sha256sum | cut -c1-15
    [
        ("exp-1", "17", "419edf9217af742"),
        ("exp-1", "18", "ae53f7fae5316ce"),
        ("exp-1", "19", "b485e7bdb9c7cf6"),
        ("exp-1", "20", "b8519b0c3b18e75"),
        ("exp-2", "17", "02b48963f3a9df3"),
        ("exp-2", "18", "850b1671a444833"),
    ],
)
def test_place_is_the_first_digits_of_the_hash(salt: str, unit: str, digits: str) -> None:
    assert locate_units(salt, [unit]) == [int(digits, 16)]


# 0x41… is 0.256 of the circle, 0xae… 0.681, 0xb4… 0.705, 0xb8… 0.720.
@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"old": 50, "new": 50}, ["old", "new", "new", "new"]),
        ({"old": 70, "new": 30}, ["old", "old", "new", "new"]),
        ({"old": 20, "new": 60, "third": 20}, ["new", "new", "new", "new"]),
        ({"old": 25.5, "new": 46, "third": 28.5}, ["new", "new", "new", "third"]),
        ({"old": 0, "new": 100}, ["new", "new", "new", "new"]),
    ],
)
def test_routes_lie_side_by_side_in_the_order_of_the_document(shares: dict[str, float], expected: list[str]) -> None:
    assert make_router(**shares).assign(["17", "18", "19", "20"], "any") == expected


def test_rows_without_a_unit_go_to_the_first_route() -> None:
    assert make_router().assign([None, "18", None], "any") == ["old", "new", "old"]
    assert make_router().control == "old"


def test_another_process_assigns_the_same() -> None:
    code = "from boathouse.endpoints.routing import locate_units as f; print(f('exp-1', ['17', 'é', '']))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == str(locate_units("exp-1", ["17", "é", ""]))


@given(st.lists(st.none() | TEXTS, max_size=30), TEXTS, TEXTS, st.integers(0, 100))
def test_a_row_goes_where_it_would_go_alone(units: list[str | None], first: str, second: str, share: int) -> None:
    router, again = make_router(old=100 - share, new=share), make_router(old=100 - share, new=share)
    alone = [again.assign([unit], second)[0] for unit in units]
    assert router.assign(units, first) == alone


@given(TEXTS, st.integers(0, 100), st.integers(0, 100))
def test_a_larger_share_moves_no_unit_away(unit: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    before = make_router(new=small, old=100 - small).assign([unit], "")
    after = make_router(new=large, old=100 - large).assign([unit], "")
    assert after == ["new"] if before == ["new"] else True


@pytest.mark.parametrize(
    "shares", [{"old": 50, "new": 50}, {"old": 90, "new": 10}, {"old": 33.3, "new": 33.3, "third": 33.4}]
)
@pytest.mark.parametrize("by_unit", [True, False])
def test_shares_converge(shares: dict[str, float], by_unit: bool) -> None:
    rows = 20_000
    if by_unit:
        found = Counter(make_router(**shares).assign([str(key) for key in range(rows)], "any"))
    else:
        router = Router(make_config(shares, salt="s"))
        found = Counter(router.assign([None], f"request-{number}")[0] for number in range(rows))
    for name, share in shares.items():
        p = share / 100
        # Five standard deviations of a binomial share: one in a million for an honest hash.
        assert abs(found[name] / rows - p) < 5 * math.sqrt(p * (1 - p) / rows)


def test_two_salts_know_nothing_of_each_other() -> None:
    units = [str(key) for key in range(20_000)]
    pairs = Counter(zip(make_router("a").assign(units, ""), make_router("b").assign(units, ""), strict=True))
    table = [[pairs[row, column] for column in ("old", "new")] for row in ("old", "new")]
    assert chi2_contingency(table).pvalue > 1e-4
    same = make_router("a").assign(units, "")
    assert same != make_router("b").assign(units, "")


@given(st.lists(st.none() | TEXTS, min_size=1, max_size=20), TEXTS)
@pytest.mark.parametrize("split", [{"kind": "weight"}, {"kind": "canary", "candidate": "new"}])
def test_a_request_is_drawn_as_a_whole(split: dict[str, str], units: list[str | None], request_id: str) -> None:
    router = Router(make_config({"old": 50, "new": 50}, **split))
    found = router.assign(units, request_id)
    assert len(found) == len(units)
    assert len(set(found)) == 1
    assert found[0] == router.assign([None], request_id)[0]


def test_only_a_shadow_split_mirrors() -> None:
    shares = {"old": 100, "new": 0}
    assert Router(make_config(shares, kind="shadow", mirrors=["new"])).mirrors() == ("new",)
    assert Router(make_config(shares, kind="weight", mirrors=["new"])).mirrors() == ()


def test_no_rows_no_names() -> None:
    assert make_router().assign([], "any") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(17, "17"), (17.0, "17"), ("17", "17"), (17.5, "17.5"), (None, None), (math.nan, None), ("", None), (0, "0")],
)
def test_a_unit_has_one_text(value: object, text: str | None) -> None:
    assert name_unit(value) == text


def test_a_key_is_one_unit_in_all_spellings_and_other_columns_are_taken_as_they_are() -> None:
    assert {name_unit(value, "bigint") for value in (17, 17.0, "17", "0017", " +17 ")} == {"17"}
    assert [name_unit(value, "string") for value in ("0017", " 17 ")] == ["0017", "17"]
    assert [name_unit(value) for value in ("0017", 17, 17.0, " a ", "  ")] == ["0017", "17", "17", "a", None]


def test_the_circle_fits_into_a_signed_number_of_64_bits() -> None:
    assert PLACES <= 2**63
