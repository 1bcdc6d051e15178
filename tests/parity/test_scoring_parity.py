"""Batch, stream, endpoint and the scorer give the same for every customer of a month, to the bit; ONNX nearly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.environment import Environment
from boathouse.features.online.store import OnlineStore
from boathouse.features.publishing import publish_view
from boathouse.features.refreshing import FeatureRefresher
from boathouse.pipelines import batch_inference, stream_inference
from boathouse.scoring.export.graph import build_graph
from boathouse.use_case import USE_CASE
from tests.fixtures.boosted_model import train_model
from tests.fixtures.scored_lakehouse import ScoredLakehouse
from tests.fixtures.small_workspace import isolate
from tests.parity.conftest import CUSTOMERS
from tests.parity.served_month import ServedMonth, as_lists
from tests.scoring.test_graph import run_graph

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from boathouse.modelling.result import LoadedModel
    from tests.fixtures.small_workspace import SmallWorkspace

MONTH = date(2005, 9, 30)
REASONS = 3


@dataclass(frozen=True)
class ScoredMonth:
    """One month scored in this process, for other ways to be compared with.

    Attributes:
        lakehouse: The lakehouse that the other ways read and write.
        model: Who scored.
        keys: Customers, ascending.
        matrix: Their features from the offline table, in the model's order.
        probability: In the order of ``keys``.
        decision: In the same order.
        reasons: In the same order; empty where the decision is 0.
    """

    lakehouse: ScoredLakehouse
    model: LoadedModel
    keys: np.ndarray
    matrix: np.ndarray
    probability: np.ndarray
    decision: np.ndarray
    reasons: list[list[str]]

    def compare(self, rows: pd.DataFrame) -> None:
        """Compare ``customer_id``, ``probability``, ``decision`` and ``reasons`` of another way, bit for bit."""
        rows = rows.sort_values("customer_id")
        assert rows["customer_id"].to_numpy().tolist() == self.keys.tolist()
        assert rows["probability"].to_numpy().tobytes() == self.probability.tobytes()
        assert rows["decision"].to_numpy().tolist() == self.decision.tolist()
        assert [list(texts) for texts in rows["reasons"]] == self.reasons


@pytest.fixture(scope="module")
def month(whole_book: SmallWorkspace) -> ScoredMonth:
    """Return the month scored in this process, after batch inference has joined its features."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(whole_book.data, patch)
        lakehouse = ScoredLakehouse.build()
        model = train_model()
        run_batch(lakehouse, model)
        features = lakehouse.dataset("inference.features").load().where(f"observed_on = DATE'{MONTH}'").toPandas()
    features = features.sort_values("customer_id")
    matrix = features[list(USE_CASE.feature_names)].to_numpy(dtype=np.float64)
    probability = model.scorer.predict_probability(matrix)
    decision = model.scorer.decide(probability)
    reasons: list[list[str]] = [[] for _ in decision]
    for row in np.flatnonzero(decision):
        # One by one: a row's reasons do not depend on the rows beside it.
        reasons[row] = model.scorer.reasons(matrix[row : row + 1], REASONS)[0] if row % 50 == 0 else []
    rest = [row for row in np.flatnonzero(decision) if row % 50]
    for row, texts in zip(rest, model.scorer.reasons(matrix[rest], REASONS), strict=True):
        reasons[row] = texts
    keys = features["customer_id"].to_numpy()
    return ScoredMonth(lakehouse, model, keys, matrix, probability, decision, reasons)


def run_batch(lakehouse: ScoredLakehouse, model: LoadedModel) -> None:
    lakehouse.parameters["batch_inference"]["scoring"]["cohorts"] = 1
    lakehouse.run(batch_inference.create_pipeline(), models__champion=model, models__aliases={"champion": "1"})


def read_scores(lakehouse: ScoredLakehouse, table: str) -> Any:
    rows = lakehouse.dataset(table).load().where(f"observed_on = DATE'{MONTH}'")
    return rows.select("customer_id", "probability", "decision", "reasons").toPandas()


@pytest.mark.slow
def test_the_month_has_every_customer_and_both_decisions(month: ScoredMonth) -> None:
    assert len(month.keys) == CUSTOMERS
    assert 0 < month.decision.sum() < CUSTOMERS


@pytest.mark.slow
def test_batch_gives_the_same_to_the_bit(month: ScoredMonth, book: SmallWorkspace) -> None:
    month.compare(read_scores(month.lakehouse, "inference.predictions"))


@pytest.mark.slow
def test_stream_gives_the_same_to_the_bit(month: ScoredMonth, book: SmallWorkspace) -> None:
    pipeline = stream_inference.create_pipeline()
    month.lakehouse.run(pipeline, models__champion=month.model, models__aliases={"champion": "1"})
    month.compare(read_scores(month.lakehouse, "inference.stream_predictions"))


@pytest.mark.slow
def test_a_row_alone_gets_the_same_as_among_others(month: ScoredMonth) -> None:
    for row in range(0, CUSTOMERS, 1_000):
        alone = month.model.scorer.predict_probability(month.matrix[row : row + 1])
        assert alone.tobytes() == month.probability[row : row + 1].tobytes()


@pytest.mark.slow
def test_the_endpoint_gives_the_same_to_the_bit_for_features_it_is_sent(month: ScoredMonth, tmp_path: Path) -> None:
    served = ServedMonth(month.model, tmp_path)
    rows = as_lists(month.matrix)
    found = served.ask(USE_CASE.feature_names, rows)
    some = [row for row in np.flatnonzero(month.decision) if row % 20 == 0]
    explained = served.ask(USE_CASE.feature_names, [rows[row] for row in some], explain=True)
    served.close()
    require_same(month, found)
    assert [json.loads(each["reasons"]) for each in explained] == [month.reasons[row] for row in some]


@pytest.mark.slow
def test_the_endpoint_gives_the_same_to_the_bit_for_keys(
    month: ScoredMonth, book: SmallWorkspace, tmp_path: Path
) -> None:
    location = book.dataset(USE_CASE.current_views[0].table).location
    refresher = FeatureRefresher(Environment("test", {"engine": location.engine, "root": location.root}))
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db", timeout_s=60)
    for view in USE_CASE.current_views:
        publish_view(store, view, refresher.location(view.table))
    served = ServedMonth(month.model, tmp_path, store)
    found = served.ask(USE_CASE.keys, [[key] for key in month.keys.tolist()])
    served.close()
    store.close()
    require_same(month, found)


@pytest.mark.slow
def test_the_exported_graph_decides_the_same(month: ScoredMonth) -> None:
    _, probability, decision = run_graph(build_graph(month.model.files), month.matrix)
    np.testing.assert_allclose(probability, month.probability, rtol=0, atol=1e-6)
    assert decision.tolist() == month.decision.tolist()


def require_same(month: ScoredMonth, found: list[dict[str, Any]]) -> None:
    assert np.array([each["probability"] for each in found]).tobytes() == month.probability.tobytes()
    assert [each["decision"] for each in found] == month.decision.tolist()
