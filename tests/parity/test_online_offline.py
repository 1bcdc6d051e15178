"""What the online store serves is what the offline join gives, for every customer of the book, bit for bit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyspark.sql import functions as F

from boathouse.environment import Environment
from boathouse.features.online.look_up import serve_features
from boathouse.features.online.store import OnlineStore
from boathouse.features.point_in_time import join_point_in_time
from boathouse.features.publishing import publish_view
from boathouse.features.refreshing import FeatureRefresher
from boathouse.scoring.batch import add_on_demand
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.use_case import USE_CASE
from tests.fixtures.postgres_server import postgres
from tests.fixtures.small_workspace import isolate
from tests.parity.conftest import CUSTOMERS

if TYPE_CHECKING:
    from tests.fixtures.small_workspace import SmallWorkspace

__all__ = ["postgres"]
NEWEST = date(2005, 9, 30)


@pytest.fixture(scope="module")
def offline(whole_book: SmallWorkspace) -> tuple[list[tuple[int]], np.ndarray]:
    """Return all customers, and their features as batch scoring gets them, those computed on demand included."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(whole_book.data, patch)
        frames = {view.name: whole_book.dataset(view.table).load() for view in USE_CASE.current_views}
        spine = frames["payment_behaviour"].where(F.col("observed_on") == F.lit(NEWEST))
        spine = spine.select("customer_id", "observed_on")
        views = [(view, frames[view.name]) for view in USE_CASE.current_views]
        joined = join_point_in_time(spine, views, spine_time="observed_on")
        table = add_on_demand(joined, USE_CASE.on_demand).toPandas().sort_values("customer_id")
    assert len(table) == CUSTOMERS
    assert {each.name for each in USE_CASE.on_demand} <= set(USE_CASE.feature_names)
    return [(int(key),) for key in table["customer_id"]], table[list(USE_CASE.feature_names)].to_numpy(dtype=np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_online_is_offline_for_every_customer(
    book: SmallWorkspace,
    offline: tuple[list[tuple[int]], np.ndarray],
    database: str,
    request: pytest.FixtureRequest,
) -> None:
    keys, expected = offline
    place = book.dataset(USE_CASE.current_views[0].table).location
    refresher = FeatureRefresher(Environment("test", {"engine": place.engine, "root": place.root}))
    is_file = database == "sqlite"
    url = f"sqlite:///{book.data}/online.db" if is_file else request.getfixturevalue("postgres").make_database()
    store = OnlineStore(url, timeout_s=60)
    for view in USE_CASE.current_views:
        publish_view(store, view, refresher.location(view.table))
    spec = FeatureSpec.describe(USE_CASE.feature_names, USE_CASE.current_views, USE_CASE.on_demand)
    now = datetime(2005, 10, 1, tzinfo=UTC)
    online = serve_features(
        store, spec, USE_CASE.feature_names, keys, request={}, on_demand=USE_CASE.on_demand, now=now
    )
    store.close()
    assert online.rows.found.all()
    assert online.matrix.shape == (CUSTOMERS, len(USE_CASE.feature_names))
    # Adding zero makes the one difference of SQLite, the sign of a zero, vanish; PostgreSQL keeps every bit.
    zero = 0.0 if is_file else -0.0
    differing = (expected + zero).view(np.int64) != (online.matrix + zero).view(np.int64)
    # NaN has one meaning and many forms.
    differing &= ~(np.isnan(expected) & np.isnan(online.matrix))
    assert int(differing.sum()) == 0
