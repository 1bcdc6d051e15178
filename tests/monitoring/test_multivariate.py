"""Drift that no column shows on its own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from boathouse.monitoring.effects import ENTITY
from boathouse.monitoring.multivariate import correlate, describe_table, rank_auc

COLUMNS = ["a", "b", "c", "word"]


def make(seed: int, *, tied: float = 0.0, rows: int = 1_500, entity: int | None = None) -> pa.Table:
    """Return three numbers, a and b correlated by ``tied``, and a word; each column on its own is always the same."""
    generator = np.random.default_rng(seed)
    a, b, c = generator.normal(size=(3, rows))
    columns = {
        "a": a,
        "b": tied * a + np.sqrt(1 - tied**2) * b,
        "c": np.where(generator.random(rows) < 0.1, np.nan, c),
        "word": generator.choice(["x", "y"], rows),
    }
    return pa.table(columns if entity is None else columns | {ENTITY: np.arange(rows) // entity})


def test_nothing_is_found_where_nothing_moved() -> None:
    figures = {each.name: each for each in describe_table(make(1), make(2), COLUMNS)}
    assert set(figures) == {"domain_auc", "reconstruction_error_change", "correlation_change"}
    assert figures["domain_auc"].low <= 0.5 <= figures["domain_auc"].high
    assert figures["reconstruction_error_change"].low <= 0 <= figures["reconstruction_error_change"].high
    assert figures["correlation_change"].low <= 0 <= figures["correlation_change"].high


def test_a_changed_relation_of_two_columns_is_found_and_named() -> None:
    figures = {each.name: each for each in describe_table(make(1, tied=0.9), make(2, tied=-0.9), COLUMNS)}
    assert figures["domain_auc"].low > 0.6
    assert "by a, b" in figures["domain_auc"].detail or "by b, a" in figures["domain_auc"].detail
    assert figures["reconstruction_error_change"].low > 0.2
    assert figures["correlation_change"].value == pytest.approx(-1.8, abs=0.05)
    assert figures["correlation_change"].detail.startswith("The correlations that changed most: a and b 0.90 → -0.9")


def test_entities_that_stand_in_both_windows_with_the_same_values_are_no_drift() -> None:
    rows = make(1, entity=1)
    (auc, *_) = describe_table(rows, rows, COLUMNS)
    assert auc.low <= 0.5 <= auc.high


def test_correlations_of_columns_with_gaps_equal_pandas() -> None:
    frame = make(3, tied=0.5).select(["a", "b", "c"]).to_pandas()
    frame.loc[::7, "a"] = np.nan
    np.testing.assert_allclose(correlate(frame.to_numpy()), frame.corr().to_numpy(), atol=1e-12)
    assert np.isnan(correlate(np.ones((5, 2)))).all()


def test_the_area_equals_scikit_learn() -> None:
    generator = np.random.default_rng(4)
    scores, sides = np.round(generator.random(300), 1), generator.random(300) < 0.4
    assert rank_auc(scores, sides) == pytest.approx(roc_auc_score(sides, scores))


def test_few_rows_and_single_columns_have_no_figures() -> None:
    assert describe_table(make(1, rows=99), make(2), COLUMNS) == []
    assert describe_table(make(1), make(2), ["a", "elsewhere"]) == []
