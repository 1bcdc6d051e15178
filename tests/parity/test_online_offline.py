"""What the online store serves is what the offline join gives, for every customer of the book, bit for bit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyspark.sql import functions as F

from boathouse.core.features import join_point_in_time
from boathouse.core.features.on_demand_frame import add_on_demand
from boathouse.core.scoring import FeatureSpec
from boathouse.feature_store import FeatureRefresher, publish_view
from boathouse.online_store import OnlineStore, serve_features
from boathouse.use_case.features import CURRENT_VIEWS, FEATURE_NAMES
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES
from tests.parity.conftest import CUSTOMERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.small_bank import SmallBank

NEWEST = date(2005, 9, 30)


@pytest.mark.slow
def test_online_is_offline_for_every_customer(book: SmallBank, tmp_path: Path) -> None:
    tables = [book.dataset(view.table) for view in CURRENT_VIEWS]
    frames = [table.load() for table in tables]
    spine = frames[1].where(F.col("observed_on") == F.lit(NEWEST)).select("customer_id", "observed_on")
    joined = join_point_in_time(spine, list(zip(CURRENT_VIEWS, frames, strict=True)), spine_time="observed_on")
    offline = add_on_demand(joined, ON_DEMAND_FEATURES).toPandas().sort_values("customer_id")
    assert len(offline) == CUSTOMERS

    lakehouse = {"engine": tables[0]._place.engine, "root": tables[0]._place.root}
    refresher = FeatureRefresher("test", lakehouse)
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    for view in CURRENT_VIEWS:
        publish_view(store, view, refresher.place(view.table))
    keys = [(int(key),) for key in offline["customer_id"]]
    spec = FeatureSpec.describe(FEATURE_NAMES, CURRENT_VIEWS, ON_DEMAND_FEATURES)
    now = datetime(2005, 10, 1, tzinfo=UTC)
    online = serve_features(store, spec, FEATURE_NAMES, keys, request={}, on_demand=ON_DEMAND_FEATURES, now=now)
    store.close()
    assert online.rows.found.all()
    expected = offline[list(FEATURE_NAMES)].to_numpy(dtype=np.float64)
    # Adding zero makes the one difference of SQLite, the sign of a zero, vanish; NaN has one form on both sides.
    differing = (expected + 0.0).view(np.int64) != (online.matrix + 0.0).view(np.int64)
    differing &= ~(np.isnan(expected) & np.isnan(online.matrix))
    assert int(differing.sum()) == 0
