"""The only package that knows about credit cards; everything else reads it through ``USE_CASE``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.modelling.task import BINARY
from boathouse.problem.spec import UseCase, Words
from boathouse.use_case.behaviour import BEHAVIOUR
from boathouse.use_case.entity import CUSTOMER, KNOWN_COLUMN, TIME_COLUMN
from boathouse.use_case.features import FEATURE_VIEWS, MODEL_VIEWS
from boathouse.use_case.groups import GROUPS
from boathouse.use_case.label import MISSED_PAYMENT
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES, REQUEST_FIELDS
from boathouse.use_case.schemas import SOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from boathouse.simulation.stitching import Simulator

__all__ = ["USE_CASE"]


def _open_simulator() -> Simulator:
    """Import it when it is asked for: only one command simulates."""
    from boathouse.use_case.simulation import SIMULATOR

    return SIMULATOR


def _date_deliveries(extracts: Mapping[str, pa.Table]) -> dict[str, pa.Array]:
    """Import it when it is asked for: only a replay delivers month by month."""
    from boathouse.use_case.deliveries import date_rows

    return date_rows(extracts)


USE_CASE = UseCase(
    entity=CUSTOMER,
    spine_table="clean.statements",
    known_column=KNOWN_COLUMN,
    time_column=TIME_COLUMN,
    sources=SOURCES,
    label=MISSED_PAYMENT,
    views=FEATURE_VIEWS,
    model_views=MODEL_VIEWS,
    on_demand=ON_DEMAND_FEATURES,
    groups=GROUPS,
    task=BINARY,
    words=Words(observation="statement", observations="statements", currency="NT$", period="month"),
    request_fields=REQUEST_FIELDS,
    behaviour=BEHAVIOUR,
    simulation=_open_simulator,
    deliveries=_date_deliveries,
)
