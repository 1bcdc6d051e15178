"""Serving endpoints: configurations that take effect after a while, and answers of the models themselves."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow.protos.databricks_uc_registry_messages_pb2 import READY

from boathouse.rehearsal.workspace.answers import Answer, Request, Route, ServiceError
from boathouse.rehearsal.workspace.identity import number_of

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access
    from boathouse.rehearsal.workspace.catalog import UnityCatalog
    from boathouse.rehearsal.workspace.files import Files
    from boathouse.rehearsal.workspace.permissions import Permissions
    from boathouse.rehearsal.workspace.registry import Registry

_KIND, _BASE = "serving-endpoints", "/api/2.0/serving-endpoints"
# How long a configuration is in progress: as many questions for the endpoint as this answer that it is.
QUESTIONS_IN_PROGRESS = 1
# Without a common factor with 100: a hundred requests meet every percent of the traffic once.
_STRIDE = 61


@dataclass
class Endpoint:
    """An endpoint.

    Attributes:
        name: Its name.
        owner: Who made it; the models are read with this principal's rights.
        config: Configuration in force; None before the first one is.
        pending: Configuration that will be.
        gateway: Configuration of the AI gateway.
        payloads: Rows of the inference table, in the columns of the AI gateway.
    """

    name: str
    owner: str
    config: dict[str, Any] | None = None
    pending: dict[str, Any] | None = None
    gateway: dict[str, Any] = field(default_factory=dict)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    asked_for: int = 0
    requests: int = 0
    newest: int = 0

    @property
    def id(self) -> str:
        """Its id, by which permissions know it."""
        return number_of(self.name)


class Serving:
    """Endpoints of a workspace.

    Attributes:
        endpoints: By name.
    """

    def __init__(
        self, registry: Registry, files: Files, catalog: UnityCatalog, access: Access, permissions: Permissions
    ) -> None:
        """Start without an endpoint."""
        self.endpoints: dict[str, Endpoint] = {}
        self._registry, self._files, self._catalog = registry, files, catalog
        self._access, self._permissions = access, permissions
        self._models: dict[tuple[str, str], Any] = {}
        place = _BASE + "/{name}"
        self.routes = (
            Route("serving.create", "POST", _BASE, self._create),
            Route("serving.list", "GET", _BASE, self._list),
            Route("serving.get", "GET", place, self._get),
            Route("serving.delete", "DELETE", place, self._delete),
            Route("serving.update-config", "PUT", place + "/config", self._update),
            Route("serving.put-ai-gateway", "PUT", place + "/ai-gateway", self._put_gateway),
            Route("serving.query", "POST", "/serving-endpoints/{name}/invocations", self._query),
        )

    def _endpoint(self, request: Request, level: str) -> Endpoint:
        name = request.asked["name"]
        if name not in self.endpoints:
            raise ServiceError.missing(f"Endpoint with name '{name}'")
        self._permissions.require(request.principal, _KIND, self.endpoints[name].id, level)
        return self.endpoints[name]

    def _create(self, request: Request) -> dict[str, Any]:
        name = request.need("name")
        if name in self.endpoints:
            raise ServiceError("RESOURCE_ALREADY_EXISTS", f"Endpoint with name '{name}' already exists.")
        endpoint = Endpoint(name, request.principal)
        self._begin(endpoint, request.need("config"))
        if request.asked.get("ai_gateway"):
            self._set_gateway(endpoint, request.asked["ai_gateway"])
        self.endpoints[name] = endpoint
        self._permissions.give(_KIND, endpoint.id, request.principal, "CAN_MANAGE")
        return self._show(endpoint)

    def _list(self, request: Request) -> dict[str, Any]:
        seen = [
            each
            for each in self.endpoints.values()
            if self._permissions.may(request.principal, _KIND, each.id, "CAN_VIEW")
        ]
        return {"endpoints": [self._show(each) for each in seen]}

    def _get(self, request: Request) -> dict[str, Any]:
        endpoint = self._endpoint(request, "CAN_VIEW")
        endpoint.asked_for += 1
        if endpoint.pending is not None and endpoint.asked_for > QUESTIONS_IN_PROGRESS:
            endpoint.config, endpoint.pending = endpoint.pending, None
        return self._show(endpoint)

    def _delete(self, request: Request) -> dict[str, Any]:
        del self.endpoints[self._endpoint(request, "CAN_MANAGE").name]
        return {}

    def _update(self, request: Request) -> dict[str, Any]:
        endpoint = self._endpoint(request, "CAN_MANAGE")
        if endpoint.pending is not None:
            raise ServiceError(
                "RESOURCE_CONFLICT", f"Endpoint '{endpoint.name}' is currently being updated. Try again later."
            )
        self._begin(endpoint, request.asked)
        return self._show(endpoint)

    def _begin(self, endpoint: Endpoint, config: Mapping[str, Any]) -> None:
        """Take a configuration that can be served; it is in progress from here on."""
        entities = [self._check_entity(endpoint.owner, each) for each in config.get("served_entities") or ()]
        if not entities:
            raise ServiceError.invalid("served_entities is empty.")
        names = [each["name"] for each in entities]
        if len(set(names)) < len(names):
            raise ServiceError.invalid("Names of served entities have to be different.")
        routes = (config.get("traffic_config") or {}).get("routes") or [{"traffic_percentage": 100}]
        routes = [{"served_entity_name": names[0], **each} for each in routes]
        if sum(each["traffic_percentage"] for each in routes) != 100:
            raise ServiceError.invalid("The sum of traffic percentages must be 100.")
        unknown = sorted({each["served_entity_name"] for each in routes} - set(names))
        if unknown:
            raise ServiceError.invalid(f"Traffic is sent to {', '.join(unknown)}, which is no served entity.")
        endpoint.newest += 1
        endpoint.asked_for = 0
        endpoint.pending = {
            "served_entities": entities,
            "traffic_config": {"routes": routes},
            "config_version": endpoint.newest,
        }

    def _check_entity(self, owner: str, given: Mapping[str, Any]) -> dict[str, Any]:
        name, number = str(given.get("entity_name")), str(given.get("entity_version"))
        found = self._registry.version(name, number)
        refusal = self._access.refusal(owner, "EXECUTE", name)
        if refusal is not None:
            raise ServiceError.denied(refusal)
        if found.known.status != READY:
            raise ServiceError.invalid(f"Model version {number} of '{name}' is not READY.")
        if not given.get("workload_size") and not given.get("max_provisioned_concurrency"):
            raise ServiceError.invalid("workload_size or max_provisioned_concurrency has to be given.")
        return {**given, "name": given.get("name") or f"{name.rpartition('.')[2]}-{number}", "creator": owner}

    def _show(self, endpoint: Endpoint) -> dict[str, Any]:
        in_progress = endpoint.pending is not None
        state = {
            "ready": "NOT_READY" if endpoint.config is None else "READY",
            "config_update": "IN_PROGRESS" if in_progress else "NOT_UPDATING",
        }
        shown = {"name": endpoint.name, "id": endpoint.id, "creator": endpoint.owner, "state": state}
        parts = {"config": endpoint.config, "pending_config": endpoint.pending, "ai_gateway": endpoint.gateway or None}
        return {**shown, **{name: part for name, part in parts.items() if part is not None}}

    def _put_gateway(self, request: Request) -> dict[str, Any]:
        given = {key: value for key, value in request.asked.items() if key != "name"}
        return self._set_gateway(self._endpoint(request, "CAN_MANAGE"), given)

    def _set_gateway(self, endpoint: Endpoint, given: Mapping[str, Any]) -> dict[str, Any]:
        table = given.get("inference_table_config") or {}
        if table.get("enabled"):
            schema = f"{table.get('catalog_name')}.{table.get('schema_name')}"
            self._catalog.require_parents(f"{schema}.payload")
            refusal = self._access.refusal(endpoint.owner, "CREATE_TABLE", schema)
            if refusal is not None:
                raise ServiceError.denied(refusal)
        endpoint.gateway = dict(given)
        return endpoint.gateway

    def _query(self, request: Request) -> Answer:
        endpoint = self._endpoint(request, "CAN_QUERY")
        if endpoint.config is None:
            raise ServiceError("BAD_REQUEST", f"The endpoint '{endpoint.name}' is not ready yet.")
        begun, entity = time.time(), _choose_entity(endpoint)
        model = self._load(entity["entity_name"], str(entity["entity_version"]))
        content, status = _score(model, request)
        if (endpoint.gateway.get("inference_table_config") or {}).get("enabled"):
            endpoint.payloads.append(_log(request, entity, content, status, begun))
        headers = {"served-model-name": entity["name"]}
        return Answer(content=content.encode(), kind="application/json", headers=headers, status=status)

    def _load(self, name: str, number: str) -> Any:  # noqa: ANN401 - MLflow's models have no types
        if (name, number) not in self._models:
            from mlflow import pyfunc

            folder = self._files.local(self._files.model_path(name, number))
            self._models[name, number] = pyfunc.load_model(str(folder))
        return self._models[name, number]


def _choose_entity(endpoint: Endpoint) -> dict[str, Any]:
    """Return the served entity of the next request; a hundred requests are shared out as the percentages say."""
    config = endpoint.config or {}
    place = endpoint.requests * _STRIDE % 100
    endpoint.requests += 1
    for route in config["traffic_config"]["routes"]:
        place -= route["traffic_percentage"]
        if place < 0:
            (found,) = (each for each in config["served_entities"] if each["name"] == route["served_entity_name"])
            return dict(found)
    raise AssertionError  # percentages sum to 100


def _score(model: Any, request: Request) -> tuple[str, int]:  # noqa: ANN401 - as above
    """Return body and status as MLflow's own scoring server answers."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    ask: Any = scoring_server.invocations
    kind = request.headers.get("content-type") or "application/json"
    try:
        answered = ask(request.body.decode(), kind, model, model.metadata.get_input_schema())
    except MlflowException as error:
        refused: Any = error
        return refused.serialize_as_json(), refused.get_http_status_code()
    return str(answered.response), int(answered.status)


def _log(request: Request, entity: Mapping[str, Any], content: str, status: int, begun: float) -> dict[str, Any]:
    return {
        "databricks_request_id": str(uuid.uuid4()),
        "client_request_id": json.loads(request.body or b"{}").get("client_request_id"),
        "request_time": begun,
        "status_code": status,
        "execution_duration_ms": int(1000 * (time.time() - begun)),
        "request": request.body.decode(),
        "response": content,
        "served_entity_id": number_of(f"{entity['name']}/{entity['entity_version']}"),
        "requester": request.principal,
    }
