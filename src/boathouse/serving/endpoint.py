"""One endpoint: its configuration and models of this moment, swapped as a whole, and how a request goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from boathouse.endpoints.config import EndpointConfig, ServedEntity
from boathouse.endpoints.routing import Router, name_unit
from boathouse.errors import InvocationError
from boathouse.errors.invocations import UNAVAILABLE
from boathouse.serving.answers import RowOrigin, Scores, encode_predictions
from boathouse.serving.invocation import Invocation
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.scoring import Params, ScoringThreads, build_matrix, score
from boathouse.serving.served_model import ServedModel


@dataclass(frozen=True)
class EndpointState:
    """What an endpoint is at one moment; a request sees one state from its beginning to its end.

    Attributes:
        config: The configuration.
        router: Its routes.
        models: Loaded models by served entity.
        problems: Why a served entity has no model, or not the newest, by served entity.
    """

    config: EndpointConfig
    router: Router
    models: Mapping[str, ServedModel] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def waiting(self) -> list[str]:
        """The served entities that have traffic and no model."""
        return [
            route.served_entity_name
            for route in self.config.routes
            if route.traffic_percentage > 0 and route.served_entity_name not in self.models
        ]


@dataclass(frozen=True)
class Scored:
    """An answered request.

    Attributes:
        body: The answer.
        models: The models that answered, in the order of the first row of each.
        served_by: The name of the entity that answered; if several did, one a row, divided by commas.
        rows: Number of rows.
        dropped: Columns of the request that no model took.
        last_known: Whether features come from memory because the store is down.
        invocation: The request.
    """

    body: bytes
    models: tuple[ServedModel, ...]
    served_by: str
    rows: int
    dropped: tuple[str, ...]
    last_known: bool
    invocation: Invocation


class Endpoint:
    """One endpoint of a worker."""

    def __init__(self, config: EndpointConfig, threads: ScoringThreads, look_up: FeatureLookUp | None) -> None:
        """Start without models."""
        self.state = EndpointState(config, Router(config))
        self._threads, self.look_up = threads, look_up

    @property
    def name(self) -> str:
        """Name of the endpoint."""
        return self.state.config.name

    async def check_look_up(self) -> str:
        """Return why no key can be answered by an entity that has traffic, or an empty text."""
        state = self.state
        sharing = [route.served_entity_name for route in state.config.routes if route.traffic_percentage > 0]
        views = [view for name in sharing if name in state.models for view in state.models[name].views]
        if self.look_up is None:
            return ""
        await self.look_up.check(tuple(dict.fromkeys(views)))
        return self.look_up.problem

    def configure(self, config: EndpointConfig) -> None:
        """Take another configuration; models of entities that it does not have are let go."""
        names = {entity.name for entity in config.served_entities}
        models = {name: model for name, model in self.state.models.items() if name in names}
        problems = {name: text for name, text in self.state.problems.items() if name in names}
        self.state = EndpointState(config, Router(config), models, problems)

    def serve(self, model: ServedModel) -> None:
        """Serve ``model`` from the next request on; requests at work end with the one they began with."""
        problems = {name: text for name, text in self.state.problems.items() if name != model.entity}
        self.state = replace(self.state, models={**self.state.models, model.entity: model}, problems=problems)

    def withdraw(self, entity: str) -> None:
        """Serve the entity no longer."""
        models = {name: model for name, model in self.state.models.items() if name != entity}
        self.state = replace(self.state, models=models)

    def report(self, entity: str, problem: str) -> None:
        """Set why the entity has no model, or not the newest; an empty text clears it."""
        others = {name: text for name, text in self.state.problems.items() if name != entity}
        self.state = replace(self.state, problems={**others, entity: problem} if problem else others)

    async def answer(self, request: Invocation, request_id: str, *, only: str | None = None) -> Scored:
        """Return the answer to a request.

        Args:
            request: The request.
            request_id: Its id, by which it is routed.
            only: Served entity that answers all rows; None for the routes.

        Raises:
            InvocationError: If it cannot be answered.
        """
        state, params = self.state, Params.read(request.params)
        names = [only] * request.rows if only else assign_rows(state, request, request_id)
        groups = group_rows(names) or {only or state.router.assign([None], request_id)[0]: []}
        models = tuple(find_model(state, name) for name in groups)
        if len(models) == 1:
            scores, last_known = await self.score(models[0], request, params)
        else:
            parts = [
                await self.score(model, request.take(rows), params)
                for model, rows in zip(models, groups.values(), strict=True)
            ]
            scores = merge_scores([part for part, _ in parts], list(groups.values()), request.rows)
            last_known = any(known for _, known in parts)
        origins = make_origins(names, models, request_id) if params.details else None
        return Scored(
            body=encode_predictions(scores, origins, last_known=last_known),
            models=models,
            served_by=models[0].entity if len(models) == 1 else ",".join(names),
            rows=request.rows,
            dropped=find_dropped(state, models, request),
            last_known=last_known,
            invocation=request,
        )

    async def score(self, model: ServedModel, request: Invocation, params: Params) -> tuple[Scores, bool]:
        """Return the scores of all rows by ``model``, and whether features were only last known."""
        matrix = await build_matrix(model, request, self.look_up)
        # Reasons take a hundred times as long as scores.
        weight = request.rows * (100 if params.explain else 1)
        return await self._threads.run(weight, lambda: score(model, matrix.values, params)), matrix.last_known


def assign_rows(state: EndpointState, request: Invocation, request_id: str) -> list[str]:
    """Return the served entity of each row."""
    unit = state.config.split.unit
    values = request.columns.get(unit) if unit and state.config.split.kind == "ab" else None
    units = [None] * request.rows if values is None else [name_unit(value) for value in values]
    return state.router.assign(units, request_id)


def group_rows(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each name, in the order of its first row."""
    if names and names.count(names[0]) == len(names):
        return {names[0]: list(range(len(names)))}
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(name, []).append(row)
    return groups


def merge_scores(parts: Sequence[Scores], rows: Sequence[Sequence[int]], count: int) -> Scores:
    """Return the scores of all rows in their order; all parts have the same columns."""
    answer = {name: np.empty(count, dtype=values.dtype) for part in parts[:1] for name, values in part.answer.items()}
    reasons: list[list[str]] = [[] for _ in range(count)]
    for part, part_rows in zip(parts, rows, strict=True):
        for name, values in part.answer.items():
            answer[name][part_rows] = values
        for row, texts in zip(part_rows, part.reasons or (), strict=part.reasons is not None):
            reasons[row] = texts
    return Scores(answer, reasons if any(part.reasons is not None for part in parts) else None)


def find_model(state: EndpointState, entity: str) -> ServedModel:
    """Return the model of a served entity.

    Raises:
        InvocationError: 404 for an unknown one, 503 for one that has no model.
    """
    model = state.models.get(entity)
    if model is not None:
        return model
    served = state.config.entity(entity)
    if served is None:
        raise InvocationError.no_address("served model", [each.name for each in state.config.served_entities])
    reason = state.problems.get(entity) or _explain_missing(served)
    raise InvocationError(503, UNAVAILABLE, f"Served entity '{entity}' has no model: {reason}.", retry_after=1)


def _explain_missing(served: ServedEntity) -> str:
    if served.alias is None:
        return "it is being loaded"
    return f"either no version of {served.entity_name} has the alias '{served.alias}', or it is being loaded"


def find_dropped(state: EndpointState, models: Sequence[ServedModel], request: Invocation) -> tuple[str, ...]:
    """Return the columns that no model took; the unit of an experiment is used for routing."""
    dropped = set(models[0].plan(request.columns).dropped)
    for model in models[1:]:
        dropped &= set(model.plan(request.columns).dropped)
    return tuple(sorted(dropped - {state.config.split.unit})) if dropped else ()


def make_origins(names: Sequence[str], models: Sequence[ServedModel], request_id: str) -> list[RowOrigin]:
    """Return the origin of each row; its id is the request's with the number of the row."""
    versions = {model.entity: model.version for model in models}
    return [RowOrigin(name, versions[name], f"{request_id}-{row}") for row, name in enumerate(names)]
