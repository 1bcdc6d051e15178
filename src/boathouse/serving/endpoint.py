"""One endpoint: its configuration and models of this moment, swapped as a whole, and how a request goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from boathouse.endpoints.config import EndpointConfig, ServedEntity
from boathouse.endpoints.log_contract import KnownColumns
from boathouse.endpoints.routing import Router, name_unit
from boathouse.errors import InvocationError
from boathouse.errors.invocations import UNAVAILABLE
from boathouse.features.online.look_up import FeatureRows
from boathouse.scoring.spec import NO_FEATURE_ROW
from boathouse.serving.answers import RowOrigin, Scores, encode_predictions
from boathouse.serving.columns import normalise_keys
from boathouse.serving.invocation import Invocation
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.scoring import ROWS_PER_WEIGHT, Params, build_matrix, read_values, score
from boathouse.serving.served_model import ServedModel
from boathouse.serving.threads import ScoringThreads
from boathouse.tables.contract import Column
from boathouse.tables.keys import is_writable

LookedUpPart = tuple[Sequence[int] | None, FeatureRows]


@dataclass(frozen=True)
class EndpointState:
    """What an endpoint is at one moment; a request sees one state from its beginning to its end.

    Attributes:
        config: The configuration.
        router: Its routes.
        models: Loaded models by served entity.
        problems: Why a served entity has no model, or not the newest, by served entity.
        declared: The key columns of the use case, with their rules.
    """

    config: EndpointConfig
    router: Router
    models: Mapping[str, ServedModel] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    declared: Sequence[Column] = ()

    @cached_property
    def keys(self) -> Mapping[str, Column]:
        """The key columns by name: those that are declared, and those that a model looks up by."""
        looked_up = {
            name: Column(name=name, dtype=dtype, description="Key of the entity.")
            for model in self.models.values()
            for name, dtype in model.keys
        }
        return {**looked_up, **{column.name: column for column in self.declared}}

    @property
    def waiting(self) -> list[str]:
        """The served entities that have traffic and no model."""
        return [
            route.served_entity_name
            for route in self.config.routes
            if route.traffic_percentage > 0 and route.served_entity_name not in self.models
        ]

    @cached_property
    def known_columns(self) -> KnownColumns:
        """The columns that a model knows, for the log: values of others are masked there."""
        models = self.models.values()
        views = [view for model in models for view in model.views]
        numbers = {name for model in models for name in (*model.features, *model.fields)}
        texts = {name for model in models for name, _ in model.keys}
        unit = self.config.split.unit
        return KnownColumns(
            frozenset(numbers | {name for view in views for name in view.features}),
            frozenset(texts if unit is None else texts | {unit}),
        )


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
        unknown: Rows that nothing is known of, scored because the endpoint declares it.
        invocation: The request, its keys normalised.
        looked_up: Places of the rows that a model looked up, None for all of them, and what was found.
    """

    body: bytes
    models: tuple[ServedModel, ...]
    served_by: str
    rows: int
    dropped: tuple[str, ...]
    last_known: bool
    unknown: tuple[int, ...]
    invocation: Invocation
    looked_up: tuple[LookedUpPart, ...] = ()


@dataclass(frozen=True)
class ScoredPart:
    """The scores of some rows by one model, or of all by several.

    Attributes:
        scores: The scores.
        last_known: Whether features come from memory because the store is down.
        unknown: Rows that nothing is known of, ascending.
        looked_up: What was looked up, as of :class:`Scored`.
    """

    scores: Scores
    last_known: bool = False
    unknown: tuple[int, ...] = ()
    looked_up: tuple[LookedUpPart, ...] = ()


class Endpoint:
    """One endpoint of a worker."""

    def __init__(
        self,
        config: EndpointConfig,
        threads: ScoringThreads,
        look_up: FeatureLookUp | None,
        *,
        keys: Sequence[Column] = (),
    ) -> None:
        """Start without models; ``keys`` are the key columns of the use case."""
        self.state = EndpointState(config, Router(config), declared=tuple(keys))
        self.threads, self.look_up = threads, look_up

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
        self.state = EndpointState(config, Router(config), models, problems, self.state.declared)

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
        state, params, weight = self.state, Params.read(request.params), request.rows // ROWS_PER_WEIGHT
        limits = state.config.limits
        if params.explain and request.rows > limits.max_explained_rows:
            raise InvocationError.too_large("rows to explain", limits.max_explained_rows)
        came = request
        request, names, groups = await self.threads.run(weight, lambda _: _divide(state, came, request_id, only))
        models = tuple(find_model(state, name) for name in groups)
        if len(models) == 1:
            scored = await self.score(models[0], request, params)
        else:
            # What is wrong is named by its row of the request, not of the part that a model gets.
            await self.threads.run(weight * len(models), lambda _: [read_values(model, request) for model in models])
            divided = await self.threads.run(weight, lambda _: [request.take(rows) for rows in groups.values()])
            parts = [
                await self.score(model, part, params, numbers=rows)
                for model, part, rows in zip(models, divided, groups.values(), strict=True)
            ]
            scored = merge_scores(parts, list(groups.values()), request.rows)

        def encode() -> bytes:
            origins = make_origins(names, models, request_id) if params.details else None
            return encode_predictions(scored.scores, origins, last_known=scored.last_known, unknown=scored.unknown)

        return Scored(
            body=await self.threads.run(weight, lambda _: encode()),
            models=models,
            served_by=models[0].entity if len(models) == 1 else ",".join(names),
            rows=request.rows,
            dropped=find_dropped(state, models, request),
            last_known=scored.last_known,
            unknown=scored.unknown,
            invocation=request,
            looked_up=scored.looked_up,
        )

    def normalise(self, request: Invocation) -> Invocation:
        """Return the request with each key in its one spelling.

        Raises:
            InvocationError: If a value is no key.
        """
        return normalise(self.state, request)

    async def score(
        self, model: ServedModel, request: Invocation, params: Params, *, numbers: Sequence[int] | None = None
    ) -> ScoredPart:
        """Return the scores of all rows by ``model``.

        Args:
            model: The model.
            request: The rows, their keys normalised.
            params: What is asked for beside scores.
            numbers: Number of each row in messages; None for their own.

        Raises:
            InvocationError: If a row cannot be scored, or nothing is known of it and the endpoint does not declare that
                it is scored.
        """
        matrix = await build_matrix(model, request, self.look_up, self.threads)
        if matrix.unknown and self.state.config.look_up.unknown_key == "fail":
            rows = matrix.unknown if numbers is None else [numbers[row] for row in matrix.unknown]
            raise InvocationError.unknown_rows(rows, NO_FEATURE_ROW, by_key=matrix.by_key)
        # Reasons take a hundred times as long as scores.
        weight = request.rows * (100 if params.explain else 1)
        scores = await self.threads.run(weight, lambda stop: score(model, matrix.values, params, stop))
        looked_up = () if matrix.looked_up is None else ((None, matrix.looked_up),)
        return ScoredPart(scores, matrix.last_known, matrix.unknown, looked_up)


def _divide(
    state: EndpointState, request: Invocation, request_id: str, only: str | None
) -> tuple[Invocation, list[str], dict[str, list[int]]]:
    """Return the request with normalised keys, the served entity of each row, and the rows of each.

    Without rows the entity that would answer has none.

    Raises:
        InvocationError: If a value is no key.
    """
    request = normalise(state, request)
    names = [only] * request.rows if only else assign_rows(state, request, request_id)
    return request, names, group_rows(names) or {only or state.router.assign([None], request_id)[0]: []}


def normalise(state: EndpointState, request: Invocation) -> Invocation:
    """Return the request with each key in its one spelling.

    Raises:
        InvocationError: If a value is no key.
    """
    keys = normalise_keys(request.columns, state.keys)
    return request.with_columns(keys) if keys else request


def assign_rows(state: EndpointState, request: Invocation, request_id: str) -> list[str]:
    """Return the served entity of each row of a request whose keys are normalised.

    Raises:
        InvocationError: If a unit is a list or a dictionary, or no text that is hashed alike everywhere.
    """
    unit = state.config.split.unit or ""
    values = request.columns.get(unit) if state.config.split.kind == "ab" else None
    if values is None:
        return state.router.assign([None] * request.rows, request_id)
    for row, value in enumerate(values):
        if isinstance(value, list | tuple | dict):
            raise InvocationError.wrong_type(unit, row, "a list or a dictionary", "one value")
        if isinstance(value, str) and not is_writable(value):
            raise InvocationError.wrong_type(unit, row, "half of a surrogate pair", "text that UTF-8 has")
    dtype = state.keys[unit].dtype if unit in state.keys else None
    return state.router.assign([name_unit(value, dtype) for value in values], request_id)


def group_rows(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each name, in the order of its first row."""
    if names and names.count(names[0]) == len(names):
        return {names[0]: list(range(len(names)))}
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(name, []).append(row)
    return groups


def merge_scores(parts: Sequence[ScoredPart], rows: Sequence[Sequence[int]], count: int) -> ScoredPart:
    """Return the scores of all rows in their order; all parts have the same columns."""
    first = parts[0].scores.answer if parts else {}
    answer = {name: np.empty(count, dtype=values.dtype) for name, values in first.items()}
    reasons: list[list[str]] = [[] for _ in range(count)]
    for part, part_rows in zip(parts, rows, strict=True):
        for name, values in part.scores.answer.items():
            answer[name][part_rows] = values
        texts = part.scores.reasons
        for row, row_texts in zip(part_rows, texts or (), strict=texts is not None):
            reasons[row] = row_texts
    explained = any(part.scores.reasons is not None for part in parts)
    return ScoredPart(
        Scores(answer, reasons if explained else None),
        any(part.last_known for part in parts),
        tuple(sorted(of[row] for part, of in zip(parts, rows, strict=True) for row in part.unknown)),
        tuple((of, found) for part, of in zip(parts, rows, strict=True) for _, found in part.looked_up),
    )


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
