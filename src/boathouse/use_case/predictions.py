"""The tables that scoring fills, with this use case's keys and features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from boathouse.core.features.selection import select_views
from boathouse.core.inference.contracts import inference_contracts
from boathouse.tables import Column
from boathouse.use_case.features import FEATURES, MODEL_VIEWS, TIME_COLUMN
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.core.features import FeatureView
    from boathouse.core.modelling import LoadedModel

# A champion may still be scored on features that the newest views no longer have.
_FEATURES = {each.name: each for each in (*(feature for view in MODEL_VIEWS for feature in view.features), *FEATURES)}
INFERENCE_FEATURES = tuple(_FEATURES)
PREDICTION_TABLES = inference_contracts(
    keys=(Column(name="customer_id", dtype="bigint", description="The customer.", minimum=1),),
    time=Column(name=TIME_COLUMN, dtype="date", description="Date of the statement on which the prediction is made."),
    features=[
        Column(name=each.name, dtype="double", description=each.description, unit=each.unit, nullable=True)
        for each in _FEATURES.values()
    ],
)


def views_of(model: LoadedModel) -> tuple[FeatureView, ...]:
    """Return the declared views that ``model`` looks up, in its order.

    Raises:
        FeatureError: If one is no longer declared in the definition the model was trained on.
    """
    return select_views(model.feature_spec, MODEL_VIEWS, model=f"{model.name} {model.alias or model.version}")


def join_features(rows: DataFrame, model: LoadedModel, tables: Mapping[str, DataFrame]) -> DataFrame:
    """Return ``rows`` with the features ``model`` was trained on, as known at each row's date.

    Args:
        rows: Keys and time, any other columns, and fields of the request where there was one; without, they have
            their defaults.
        model: Its feature spec says which views and on-demand features it takes.
        tables: Table of each view by the view's label.

    Raises:
        FeatureError: If the model needs a view in a definition that is no longer declared.
        RequestError: If an on-demand feature is computed otherwise than in training.
    """
    from boathouse.core.features import join_point_in_time
    from boathouse.core.features.on_demand_frame import add_on_demand
    from boathouse.core.scoring.on_demand import select_on_demand

    pairs = [(view, tables[view.label]) for view in views_of(model)]
    joined = join_point_in_time(rows, pairs, spine_time=TIME_COLUMN)
    return add_on_demand(joined, select_on_demand(model.feature_spec, ON_DEMAND_FEATURES))
