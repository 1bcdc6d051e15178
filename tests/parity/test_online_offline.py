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
from tests.pipelines.conftest import isolate
from tests.postgres_server import postgres

if TYPE_CHECKING:
    from tests.small_bank import SmallBank

__all__ = ["postgres"]
NEWEST = date(2005, 9, 30)


@pytest.fixture(scope="module")
def offline(whole_book: SmallBank) -> tuple[list[tuple[int]], np.ndarray]:
    """Return all customers, and their features as batch scoring gets them, those computed on demand included."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(whole_book.data, patch)
        frames = {view.name: whole_book.dataset(view.table).load() for view in CURRENT_VIEWS}
        spine = frames["payment_behaviour"].where(F.col("observed_on") == F.lit(NEWEST))
        spine = spine.select("customer_id", "observed_on")
        views = [(view, frames[view.name]) for view in CURRENT_VIEWS]
        joined = join_point_in_time(spine, views, spine_time="observed_on")
        table = add_on_demand(joined, ON_DEMAND_FEATURES).toPandas().sort_values("customer_id")
    assert len(table) == CUSTOMERS
    assert {each.name for each in ON_DEMAND_FEATURES} <= set(FEATURE_NAMES)
    return [(int(key),) for key in table["customer_id"]], table[list(FEATURE_NAMES)].to_numpy(dtype=np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_online_is_offline_for_every_customer(
    book: SmallBank,
    offline: tuple[list[tuple[int]], np.ndarray],
    database: str,
    request: pytest.FixtureRequest,
) -> None:
    keys, expected = offline
    place = book.dataset(CURRENT_VIEWS[0].table).location
    refresher = FeatureRefresher("test", {"engine": place.engine, "root": place.root})
    is_file = database == "sqlite"
    url = f"sqlite:///{book.data}/online.db" if is_file else request.getfixturevalue("postgres").make_database()
    store = OnlineStore(url, timeout_s=60)
    for view in CURRENT_VIEWS:
        publish_view(store, view, refresher.place(view.table))
    spec = FeatureSpec.describe(FEATURE_NAMES, CURRENT_VIEWS, ON_DEMAND_FEATURES)
    now = datetime(2005, 10, 1, tzinfo=UTC)
    online = serve_features(store, spec, FEATURE_NAMES, keys, request={}, on_demand=ON_DEMAND_FEATURES, now=now)
    store.close()
    assert online.rows.found.all()
    assert online.matrix.shape == (CUSTOMERS, len(FEATURE_NAMES))
    # Adding zero makes the one difference of SQLite, the sign of a zero, vanish; PostgreSQL keeps every bit.
    zero = 0.0 if is_file else -0.0
    differing = (expected + zero).view(np.int64) != (online.matrix + zero).view(np.int64)
    # NaN has one meaning and many forms.
    differing &= ~(np.isnan(expected) & np.isnan(online.matrix))
    assert int(differing.sum()) == 0
