"""Quality monitors, by the platform's own client."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service.catalog import MonitorInferenceLog, MonitorInferenceLogProblemType, MonitorSnapshot

from tests.fixtures.rehearsed_workspace import DORA, JOBS, TABLE, Rehearsed

pytestmark = pytest.mark.platform
LOG = MonitorInferenceLog(
    problem_type=MonitorInferenceLogProblemType.PROBLEM_TYPE_CLASSIFICATION,
    timestamp_col="scored_at",
    granularities=["1 month"],
    prediction_col="decision",
    model_id_col="model_version",
)
PLACES = {"output_schema_name": "prod.monitoring", "assets_dir": "/Shared/monitors"}


def test_a_monitor_is_recorded_with_its_refreshes(deployed: Rehearsed) -> None:
    deployed.workspace.catalog.find_table = {TABLE}.__contains__
    deployed.workspace.access.own(JOBS, TABLE)
    monitors = deployed.client(JOBS).quality_monitors
    made = monitors.create(TABLE, inference_log=LOG, **PLACES)
    assert made.drift_metrics_table_name == "prod.monitoring.predictions_drift_metrics"
    assert monitors.get(TABLE).inference_log == LOG
    assert monitors.run_refresh(TABLE).refresh_id == 1
    assert [each.refresh_id for each in monitors.list_refreshes(TABLE).refreshes or ()] == [1]
    updated = monitors.update(TABLE, output_schema_name="prod.monitoring", snapshot=MonitorSnapshot())
    assert (updated.monitor_version, updated.inference_log) == (2, None)
    monitors.delete(TABLE)
    with pytest.raises(NotFound, match="Cannot find a monitor"):
        monitors.get(TABLE)


def test_what_a_monitor_needs_is_asked_for(deployed: Rehearsed) -> None:
    monitors = deployed.client(JOBS).quality_monitors
    with pytest.raises(NotFound, match=f"Table '{TABLE}' does not exist"):
        monitors.create(TABLE, inference_log=LOG, **PLACES)
    deployed.workspace.catalog.find_table = {TABLE}.__contains__
    deployed.workspace.access.own(JOBS, TABLE)
    with pytest.raises(InvalidParameterValue, match="Give one of inference_log, time_series, snapshot; found none"):
        monitors.create(TABLE, **PLACES)
    with pytest.raises(NotFound, match="Schema 'prod.none' does not exist"):
        monitors.create(TABLE, inference_log=LOG, assets_dir="/Shared/m", output_schema_name="prod.none")
    with pytest.raises(PermissionDenied, match="CREATE TABLE on Schema 'prod.monitoring'"):
        deployed.client(DORA).quality_monitors.create(TABLE, inference_log=LOG, **PLACES)
    assert deployed.workspace.monitors.monitors == {}
