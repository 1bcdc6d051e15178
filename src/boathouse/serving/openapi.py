"""The description of the server's addresses, made from the models it serves at the moment."""

from __future__ import annotations

from typing import Any

from boathouse import __version__
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.service import Service

_NUMBER = {"type": ["number", "null"]}
_ERROR = {
    "type": "object",
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error_code", "message"],
}
_STATUSES = {
    "400": "The body cannot be read, or a column is missing, of the wrong type or out of range.",
    "401": "A valid token is needed.",
    "403": "The token lacks the scope.",
    "404": "No such endpoint or served model, or a key without features.",
    "413": "Too many bytes or rows.",
    "429": "More requests than the caller may send.",
    "503": "Too much to do, no model yet, or the online store is down.",
    "504": "Out of time.",
}


def describe_api(service: Service) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    paths = {path: {"get": _describe_get(text, media)} for path, (text, media) in _GETS.items()}
    for number, (name, endpoint) in enumerate(service.endpoints.items()):
        scores = _describe_post("Scores.", _request_schema(endpoint), _scores_schema(endpoint))
        if number == 0:
            paths["/invocations"] = {"post": scores}
        paths[f"/serving-endpoints/{name}/invocations"] = {"post": scores}
        for entity in endpoint.state.models:
            paths[f"/serving-endpoints/{name}/served-models/{entity}/invocations"] = {"post": scores}
        for kind, wrapper in (("feature-serving", "outputs"), ("precomputed", "predictions")):
            by_key = _describe_post("Answers by key.", _key_schema(endpoint), _rows_schema(wrapper))
            paths[f"/{kind}/{name}/invocations"] = {"post": by_key}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Boathouse", "version": __version__},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}, {}],
    }


_GETS = {
    "/ping": ("Whether a model is loaded.", "application/json"),
    "/health": ("Versions served and problems.", "application/json"),
    "/ready": ("Whether requests can be sent here.", "application/json"),
    "/version": ("MLflow's version.", "application/json"),
    "/metrics": ("Counts and latencies in Prometheus' form.", "text/plain"),
    "/openapi.json": ("This document.", "application/json"),
}


def _describe_get(text: str, media: str) -> dict[str, Any]:
    done = {"description": text, "content": {media: {}}}
    return {"summary": text, "responses": {"200": done, "401": _refusal("401"), "503": {"description": "Not now."}}}


def _describe_post(summary: str, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    responses = {"200": {"description": summary, "content": {"application/json": {"schema": answer}}}}
    responses |= {status: _refusal(status) for status in _STATUSES}
    responses["415"] = {"description": "Another content type.", "content": {"text/plain": {}}}
    body = {"required": True, "content": {"application/json": {"schema": request}}}
    return {"summary": summary, "requestBody": body, "responses": responses}


def _refusal(status: str) -> dict[str, Any]:
    return {"description": _STATUSES[status], "content": {"application/json": {"schema": _ERROR}}}


def _request_schema(endpoint: Endpoint) -> dict[str, Any]:
    """Return the four forms of a request; what a record holds depends on the models."""
    columns = _columns_of(endpoint)
    lists = {name: {"type": "array", "items": schema} for name, schema in columns.items()}
    record = {"type": "object", "properties": columns}
    records = {"type": "array", "items": record, "minItems": 1}
    cells = {"type": "array", "items": {"type": ["number", "string", "boolean", "null"]}}
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"enum": sorted(columns)}, "uniqueItems": True},
            "index": {"type": "array"},
            "data": {"type": "array", "items": cells},
        },
        "required": ["columns", "data"],
        "additionalProperties": False,
    }
    forms: dict[str, dict[str, Any]] = {
        "dataframe_split": split,
        "dataframe_records": records,
        "instances": {"anyOf": [records, {"type": "object", "properties": lists}]},
        "inputs": {"anyOf": [record, {"type": "object", "properties": lists}, records]},
    }
    return {"oneOf": [_wrap(name, schema) for name, schema in forms.items()]}


def _key_schema(endpoint: Endpoint) -> dict[str, Any]:
    keys = {name: schema for name, schema in _columns_of(endpoint).items() if schema is not _NUMBER}
    record = {"type": "object", "properties": keys, "required": sorted(keys)}
    return _wrap("dataframe_records", {"type": "array", "items": record, "minItems": 1})


def _wrap(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    params = {
        "type": "object",
        "properties": {"explain": {"type": "boolean"}, "details": {"type": "boolean"}},
    }
    properties = {name: schema, "params": params, "client_request_id": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": [name], "additionalProperties": False}


def _columns_of(endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Return the schema of each column that a model of the endpoint takes."""
    columns: dict[str, dict[str, Any]] = {}
    for model in endpoint.state.models.values():
        columns |= dict.fromkeys((*model.features, *model.fields), _NUMBER)
        columns |= {name: {"type": "integer" if dtype == "bigint" else "string"} for name, dtype in model.keys}
    return columns


def _scores_schema(endpoint: Endpoint) -> dict[str, Any]:
    models = endpoint.state.models.values()
    row = {column.name: column.to_schema() for model in models for column in model.scorer.outputs.columns}
    row["reasons"] = {"type": "string", "description": "A JSON list of texts."}
    schema = _rows_schema("predictions")
    schema["properties"]["predictions"]["items"] = {"type": "object", "properties": row, "required": list(row)}
    return schema


def _rows_schema(wrapper: str) -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "object"}}
    return {"type": "object", "properties": {wrapper: rows}, "required": [wrapper]}
