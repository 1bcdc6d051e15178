"""Rights on models, and endpoints that answer with them, by MLflow's and the platform's own clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceConflict,
)
from databricks.sdk.service.serving import (
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    Route,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from boathouse.registry.client import open_client
from boathouse.registry.dataset import ModelVersionDataset
from tests.fixtures.model_store import FEATURES, empty_store, make_model
from tests.fixtures.rehearsed_workspace import DORA, JOBS, MODEL, Rehearsed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.platform
__all__ = ["empty_store"]
ROWS = {FEATURES[0]: [0.0, 2.0], FEATURES[1]: [1.0, 1.0]}


@pytest.fixture
def registered(deployed: Rehearsed, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsed:
    """Register two versions as the jobs of prod; runs go to a store of this machine."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "databricks-uc")
    monkeypatch.setattr("mlflow.models.model.is_in_databricks_runtime", lambda: True)
    deployed.act_as(JOBS, monkeypatch)
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("late", artifact_location=f"file://{tmp_path}/runs"))
    for risk in (0.7, 0.8):
        ModelVersionDataset(name=MODEL).save(make_model(risk))
    while mlflow.active_run():
        mlflow.end_run()
    return deployed


def entity(version: str = "1", **options: object) -> ServedEntityInput:
    given = {"entity_name": MODEL, "entity_version": version, "workload_size": "Small", "scale_to_zero_enabled": True}
    return ServedEntityInput(**{**given, **options})


def config(*entities: ServedEntityInput, shares: tuple[int, ...] = ()) -> EndpointCoreConfigInput:
    names = [f"late-{each.entity_version}" for each in entities]
    pairs = zip(names, shares, strict=False)
    routes = [Route(traffic_percentage=share, served_entity_name=name) for name, share in pairs]
    return EndpointCoreConfigInput(
        name="late", served_entities=list(entities), traffic_config=TrafficConfig(routes=routes) if routes else None
    )


REFUSED = [
    (lambda client: client.set_registered_model_alias(MODEL, "champion", "1"), "MANAGE on Routine or Model"),
    (lambda client: client.set_model_version_tag(MODEL, "1", "k", "v"), "APPLY TAG on Routine or Model"),
    (lambda client: client.update_model_version(MODEL, "1", "mine"), "MANAGE on Routine or Model"),
    (lambda client: client.create_model_version(MODEL, f"models:/{MODEL}/1"), "CREATE MODEL VERSION on Routine"),
    (lambda client: client.create_registered_model("prod.models.mine"), "CREATE MODEL on Schema 'prod.models'"),
    (lambda client: client.create_registered_model("dev.models.mine"), "Schema 'dev.models' does not exist"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_who_may_only_read_changes_no_model(
    registered: Rehearsed, monkeypatch: pytest.MonkeyPatch, change: object, sentence: str
) -> None:
    registered.act_as(DORA, monkeypatch)
    with pytest.raises(MlflowException, match=sentence):
        change(MlflowClient())  # type: ignore[operator]
    assert registered.workspace.registry.models[MODEL].aliases == {}
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/1")
    assert model.predict(ROWS)["decision"].tolist() == [0, 1]


def test_what_may_not_be_executed_is_neither_read_nor_found(
    registered: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered.workspace.access.revoke("account users", "prod.models", "EXECUTE")
    registered.act_as(DORA, monkeypatch)
    with pytest.raises(MlflowException, match="PERMISSION_DENIED.*User does not have EXECUTE"):
        open_client().search_model_versions(f"name = '{MODEL}'")
    with pytest.raises(MlflowException, match="PERMISSION_DENIED.*User does not have EXECUTE"):
        open_client().get_model_version(MODEL, "1")
    with pytest.raises(PermissionDenied, match="User does not have EXECUTE on Routine or Model"):
        registered.client(DORA).files.download("/Models/prod/models/late/1/MLmodel")
    with pytest.raises(PermissionDenied):
        registered.client(DORA).registered_models.get(MODEL)
    assert registered.client(JOBS).registered_models.get(MODEL).owner == JOBS


def test_an_endpoint_is_ready_after_a_while_and_answers_with_the_model(registered: Rehearsed) -> None:
    serving = registered.client(JOBS).serving_endpoints
    made = serving.create("late", config=config(entity()))
    assert made.response.state.ready is EndpointStateReady.NOT_READY
    with pytest.raises(BadRequest, match="is not ready yet"):
        serving.query("late", inputs=ROWS)
    state = serving.get("late").state
    assert state.config_update is EndpointStateConfigUpdate.IN_PROGRESS
    state = serving.get("late").state
    assert (state.ready, state.config_update) == (EndpointStateReady.READY, EndpointStateConfigUpdate.NOT_UPDATING)
    answered = serving.query("late", inputs=ROWS, client_request_id="r1")
    assert [row["decision"] for row in answered.predictions] == [0, 1]
    assert answered.served_model_name == "late-1"


def test_a_second_update_waits_for_the_first_and_traffic_is_shared_out(registered: Rehearsed) -> None:
    serving = registered.client(JOBS).serving_endpoints
    serving.create("late", config=config(entity()))
    both = config(entity("1"), entity("2"), shares=(90, 10))
    change = {"served_entities": both.served_entities, "traffic_config": both.traffic_config}
    with pytest.raises(ResourceConflict, match="currently being updated"):
        serving.update_config("late", **change)
    serving.get("late")
    serving.get("late")
    assert serving.update_config("late", **change).response.pending_config is not None
    assert serving.query("late", inputs=ROWS).served_model_name == "late-1"
    serving.get("late")
    serving.get("late")
    answers = [serving.query("late", inputs=ROWS).served_model_name for _ in range(100)]
    assert (answers.count("late-1"), answers.count("late-2")) == (90, 10)


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        (config(entity("9")), NotFound, "version 9 does not exist"),
        (config(entity(entity_name="prod.models.none")), NotFound, "'prod.models.none' does not exist"),
        (config(entity("1"), entity("2"), shares=(90, 20)), InvalidParameterValue, "must be 100"),
        (config(entity("1"), entity("1"), shares=(90, 10)), InvalidParameterValue, "have to be different"),
        (config(entity(workload_size=None)), InvalidParameterValue, "workload_size"),
        (config(), InvalidParameterValue, "Missing required field: config|served_entities is empty"),
    ],
)
def test_a_configuration_that_cannot_be_served_is_refused(
    registered: Rehearsed, given: EndpointCoreConfigInput, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        registered.client(JOBS).serving_endpoints.create("late", config=given)
    assert registered.workspace.serving.endpoints == {}


def test_requests_are_logged_where_the_gateway_says(registered: Rehearsed) -> None:
    serving = registered.client(JOBS).serving_endpoints
    serving.create("late", config=config(entity()))
    table = AiGatewayInferenceTableConfig(
        enabled=True, catalog_name="prod", schema_name="inference", table_name_prefix="late"
    )
    assert serving.put_ai_gateway("late", inference_table_config=table).inference_table_config == table
    missing = AiGatewayInferenceTableConfig(enabled=True, catalog_name="prod", schema_name="none")
    with pytest.raises(NotFound, match="Schema 'prod.none' does not exist"):
        serving.put_ai_gateway("late", inference_table_config=missing)
    serving.get("late")
    serving.get("late")
    serving.query("late", inputs=ROWS, client_request_id="r1")
    with pytest.raises(BadRequest, match="evaluating the model"):
        serving.query("late", inputs={"other": [1.0]})
    rows = registered.workspace.serving.endpoints["late"].payloads
    assert [(row["client_request_id"], row["status_code"], row["requester"]) for row in rows] == [
        ("r1", 200, JOBS),
        (None, 400, JOBS),
    ]


def test_who_may_not_query_is_refused_until_permitted(registered: Rehearsed) -> None:
    owner, other = registered.client(JOBS).serving_endpoints, registered.client(DORA).serving_endpoints
    made = owner.create("late", config=config(entity())).response
    owner.get("late")
    owner.get("late")
    with pytest.raises(ResourceAlreadyExists):
        owner.create("late", config=config(entity()))
    with pytest.raises(PermissionDenied, match="does not have Query permissions on serving endpoint"):
        other.query("late", inputs=ROWS)
    right = ServingEndpointAccessControlRequest(
        group_name="engineers", permission_level=ServingEndpointPermissionLevel.CAN_QUERY
    )
    owner.update_permissions(made.id, access_control_list=[right])
    assert other.query("late", inputs=ROWS).served_model_name == "late-1"
    with pytest.raises(PermissionDenied, match="Manage"):
        other.delete("late")
    owner.delete("late")
    with pytest.raises(NotFound, match="Endpoint with name 'late' does not exist"):
        owner.get("late")
