"""Differences are found, ordered by how likely they are the cause, and told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from boathouse.lineage.differences import (
    CAUSES,
    Reproduction,
    compare_predictions,
    count_changed,
    find_differences,
    name_causes,
    write_reproduction,
)
from boathouse.lineage.facts import CodeFacts, TableFact
from tests.fixtures.lineage_facts import make_facts

SAME = {"training_set": ("aa", "aa")}


def test_equal_trainings_have_no_differences() -> None:
    assert find_differences(make_facts(), make_facts(), contents=SAME) == ()


@pytest.mark.parametrize(
    ("changes", "cause", "what"),
    [
        (
            {"code": CodeFacts(commit="other", difference="none", package_version="0.1.0")},
            "code",
            "commit",
        ),
        ({"parameters": {"as_of": None, "training.search.seed": 8}}, "parameters", "training.search.seed"),
        ({"parameters": {"training.search.seed": 7}}, None, None),
        (
            {"tables": (TableFact(table="prod.clean.rows", version=5),)},
            "data",
            "prod.clean.rows version",
        ),
        ({"features": ()}, "features", "habits version 1"),
    ],
)
def test_what_differs_is_found(changes: dict[str, object], cause: str | None, what: str | None) -> None:
    found = find_differences(make_facts(), make_facts(**changes), contents=SAME)
    assert [(each.cause, each.what) for each in found] == ([] if cause is None else [(cause, what)])


@pytest.mark.parametrize(
    ("changes", "cause", "what"),
    [
        ({"python": "3.11.8"}, "python", "Python"),
        ({"libraries": {"numpy": "2.1", "xgboost": "3.2.0"}}, "libraries", "numpy"),
        ({"libraries": {"numpy": "2.0"}}, "libraries", "xgboost"),
        ({"libraries": None, "libraries_digest": "3"}, "libraries", "all libraries"),
        ({"engine_version": "0.8"}, "engine", "engine version"),
        ({"machine": "arm64"}, "machine", "processor"),
    ],
)
def test_surroundings_that_differ_are_found(changes: dict[str, object], cause: str, what: str) -> None:
    facts = make_facts()
    other = dataclasses.replace(facts, runtime_environment=dataclasses.replace(facts.runtime_environment, **changes))
    (found,) = find_differences(facts, other, contents=SAME)
    assert (found.cause, found.what) == (cause, what)


def test_rows_that_differ_are_found_and_code_is_likelier_than_data() -> None:
    other = make_facts(code=CodeFacts(commit="other", difference="none", package_version="0.1.0"))
    found = find_differences(make_facts(), other, contents={"training_set": ("aa", "bb")})
    assert name_causes(found) == ["code", "data"]
    assert [CAUSES.index(each.cause) for each in found] == sorted(CAUSES.index(each.cause) for each in found)


def test_other_pipelines_of_a_longer_run_do_not_count() -> None:
    longer = make_facts(parameters={"as_of": None, "training.search.seed": 7, "promotion.margin": 1})
    longer = dataclasses.replace(longer, tables=(*longer.tables, TableFact(table="prod.raw.rows", version=1)))
    assert find_differences(longer, make_facts(), contents=SAME) == ()


def test_parameters_kept_as_text_are_compared_as_text() -> None:
    texts = make_facts(parameters={"as_of": "None", "training.search.seed": "7"})
    assert find_differences(texts, make_facts(), contents=SAME) == ()


@pytest.mark.parametrize(
    ("recorded", "found", "expected"),
    [
        ([0.1, 0.2], [0.1, 0.2], (0, 0.0)),
        ([0.1, 0.2], [0.1, 0.25], (1, 0.05)),
        ([np.nan, 0.2], [np.nan, 0.2], (0, 0.0)),
        ([np.nan, 0.2], [0.5, 0.2], (1, 1.0)),
        ([], [], (0, 0.0)),
        ([0.1], [np.nextafter(0.1, 1)], (1, np.nextafter(0.1, 1) - 0.1)),
    ],
)
def test_predictions_are_compared_bit_by_bit(
    recorded: list[float], found: list[float], expected: tuple[int, float]
) -> None:
    different, largest = compare_predictions(np.array(recorded), np.array(found))
    assert (different, largest) == (expected[0], pytest.approx(expected[1], rel=1e-12))


DONE = Reproduction(
    title="prod.models.late version 3",
    commit="c" * 40,
    rows=600,
    columns=("probability", "decision"),
    different=0,
    largest=0.0,
    decisions=0,
    same_files=True,
)


def test_identical_is_said_only_of_rows_that_are() -> None:
    assert DONE.is_identical
    assert not dataclasses.replace(DONE, rows=0).is_identical
    assert not dataclasses.replace(DONE, different=1).is_identical
    assert not dataclasses.replace(DONE, decisions=1).is_identical


def test_the_words_tell_outcome_cause_and_notes() -> None:
    assert write_reproduction(DONE).startswith("identical: prod.models.late version 3")
    assert "no test rows" in write_reproduction(dataclasses.replace(DONE, rows=0))
    differing = dataclasses.replace(DONE, different=12, largest=0.0125, decisions=2)
    assert "another probability for 12 of 600" in write_reproduction(differing)
    assert "by 0.0125 at most, and another decision for 2." in write_reproduction(differing)
    assert "Likely cause: none is on record" in write_reproduction(differing)
    facts = make_facts()
    other = dataclasses.replace(
        facts.runtime_environment, libraries={"numpy": "2.1", "xgboost": "3.2.0"}, python="3.11.8"
    )
    found = find_differences(facts, dataclasses.replace(facts, runtime_environment=other), contents=SAME)
    text = write_reproduction(dataclasses.replace(differing, differences=found, notes=("files differed.",)))
    assert "Likely cause: python, then libraries." in text
    assert "  libraries: numpy: 2.0 when trained, 2.1 now" in text
    assert text.endswith("Note: files differed.")


def test_the_answer_of_another_task_is_named_by_its_columns() -> None:
    points = dataclasses.replace(DONE, columns=("points",))
    assert "gives the same points for each of the 600" in write_reproduction(points)
    text = write_reproduction(dataclasses.replace(points, different=12, largest=3.5))
    assert "another points for 12 of 600 recorded test rows,\nby 3.5 at most.\n" in text
    ranges = dataclasses.replace(points, columns=("points", "low", "high"), different=1, decisions=2)
    assert "and another low or high for 2." in write_reproduction(ranges)


def test_a_row_counts_once_however_many_further_columns_differ() -> None:
    low = (np.array([1, 2, 3, 4]), np.array([1, 0, 0, 4]))
    high = (np.array([np.nan, 2.0, 3.0, 4.0]), np.array([np.nan, 0.0, 3.0, 4.0]))
    assert count_changed([low, high]) == 2
    assert count_changed([low]) == 2
    assert count_changed([]) == 0


def test_many_differences_are_counted() -> None:
    facts = make_facts()
    many = dataclasses.replace(facts.runtime_environment, libraries={f"lib{number}": "1" for number in range(20)})
    found = find_differences(facts, dataclasses.replace(facts, runtime_environment=many), contents=SAME)
    assert "and 10 more; --json lists them" in write_reproduction(dataclasses.replace(DONE, differences=found))
