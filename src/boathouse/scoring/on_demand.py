"""Features computed when they are asked for: one definition in numpy for training, batch, stream and endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from boathouse.errors import RequestError
from boathouse.scoring.definition import digest_definition, is_current_form
from boathouse.scoring.feature_spec import Feature, FeatureSpec, SpecOnDemand
from boathouse.tables.contract import Column


@dataclass(frozen=True, kw_only=True)
class RequestField:
    """A number that comes with a request.

    Attributes:
        name: Name of the field.
        description: What the number means.
        unit: Its unit.
        default: Value where a request does not give one, and in training and batch, where there is no request; None if
            it must be given.
        minimum: Smallest legal value, inclusive; None for any.
        maximum: Largest legal value, inclusive; None for any.
    """

    name: str
    description: str
    unit: str
    default: float | None = None
    minimum: float | None = None
    maximum: float | None = None

    def given_column(self) -> Column:
        """Return the column of a request, an event or an input that brings the field, with its legal values."""
        return Column(
            name=self.name,
            dtype="double",
            description=self.description,
            unit=self.unit,
            nullable=self.default is not None,
            minimum=self.minimum,
            maximum=self.maximum,
        )


@dataclass(frozen=True, kw_only=True)
class OnDemandFeature(Feature):
    """One feature of the moment.

    Attributes:
        stored: Stored features it is computed from.
        request: Fields of the request it is computed from.
        compute: Pure function from one float64 array per stored feature and request field, in this order, to one;
            NaN is unknown. A row's result depends on no other row.
    """

    stored: tuple[str, ...]
    request: tuple[RequestField, ...]
    compute: Callable[..., np.ndarray]

    def __post_init__(self) -> None:
        """Record the definition.

        Raises:
            FeatureError: If the function uses something that has no value to record.
        """
        self.digest  # noqa: B018 - computed once, here, so that what cannot be recorded is refused

    @property
    def request_names(self) -> tuple[str, ...]:
        """Names of the request's fields."""
        return tuple(field.name for field in self.request)

    @cached_property
    def digest(self) -> str:
        """Digest of what decides the values: inputs, defaults of the request's fields, and the function."""
        fields = tuple((field.name, field.unit, field.default) for field in self.request)
        return digest_definition(
            (self.stored, fields, self.unit, self.kind), self.compute, owner=f"On-demand feature '{self.name}'"
        )

    @property
    def spec(self) -> SpecOnDemand:
        """The feature without its function."""
        return SpecOnDemand(
            name=self.name, digest=self.digest, stored=self.stored, request=self.request_names, kind=self.kind
        )


def assemble(
    features: Sequence[str],
    stored: Mapping[str, np.ndarray],
    request: Mapping[str, np.ndarray],
    on_demand: Sequence[OnDemandFeature],
) -> np.ndarray:
    """Return the matrix a model takes: float64, one row per case and one column per name of ``features``.

    Args:
        features: Names of the columns wanted.
        stored: Stored features by name, each a float64 array with NaN for unknown.
        request: Fields of the request by name; what is missing takes its default.
        on_demand: All declared on-demand features; those that ``features`` names are computed.

    Raises:
        RequestError: If a field is unknown, not given though it has no default, or of another length; or a feature is
            neither stored nor computed.
    """
    rows = len(next(iter(stored.values()))) if stored else 0
    computed = {each.name: each for each in on_demand if each.name in features}
    fields = {field.name: field for each in computed.values() for field in each.request}
    unknown = sorted(set(request) - set(fields))
    if unknown:
        known = ", ".join(sorted(fields)) or "none"
        raise RequestError(f"Unknown field(s) {', '.join(unknown)}. Known: {known}. Remove or rename them.")
    given = {name: _field_values(field, request.get(name), rows) for name, field in fields.items()}
    missing = sorted(set(features) - set(stored) - set(computed))
    if missing:
        raise RequestError.unknown_features(missing)
    matrix = np.empty((rows, len(features)))
    for column, name in enumerate(features):
        matrix[:, column] = _compute(computed[name], stored, given) if name in computed else stored[name]
    return matrix


def select_on_demand(spec: FeatureSpec | None, declared: Sequence[OnDemandFeature]) -> tuple[OnDemandFeature, ...]:
    """Return the declared on-demand features that ``spec`` names; without a spec, all.

    Raises:
        RequestError: If one is not declared, or its definition has changed.
    """
    if spec is None:
        return tuple(declared)
    by_name = {each.name: each for each in declared}
    for wanted in spec.on_demand:
        if wanted.name not in by_name:
            raise RequestError.unknown_features([wanted.name])
        declared_digest = by_name[wanted.name].digest
        if declared_digest == wanted.digest:
            continue
        if is_current_form(wanted.digest):
            raise RequestError(
                f"On-demand feature '{wanted.name}' has the definition {declared_digest}; the model was trained with "
                f"{wanted.digest}. Score with the package version the model was trained with, or train it again."
            )
        raise RequestError(
            f"On-demand feature '{wanted.name}': the model was trained with {wanted.digest}, a digest of an older form "
            f"that cannot be compared with {declared_digest}. Train again: "
            "kedro run --pipelines training,evaluation,promotion"
        )
    return tuple(by_name[wanted.name] for wanted in spec.on_demand)


def _compute(feature: OnDemandFeature, stored: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]) -> np.ndarray:
    missing = sorted(set(feature.stored) - set(stored))
    if missing:
        raise RequestError.unknown_features(missing)
    inputs = [*(stored[name] for name in feature.stored), *(given[name] for name in feature.request_names)]
    return feature.compute(*inputs)


def _field_values(field: RequestField, values: np.ndarray | None, rows: int) -> np.ndarray:
    """Return the field's values as float64, its default where it is NaN or not given."""
    if values is None:
        if field.default is None:
            raise RequestError.missing_field(field.name)
        return np.full(rows, field.default)
    if values.dtype.kind not in "iuf":
        raise RequestError.wrong_type(field.name, str(values.dtype))
    if values.shape != (rows,):
        raise RequestError(f"Field '{field.name}' has {len(values)} value(s) for {rows} row(s). Give one a row.")
    numbers: np.ndarray = values.astype(np.float64)
    if field.default is None and np.isnan(numbers).any():
        raise RequestError.missing_field(field.name)
    return numbers if field.default is None else np.where(np.isnan(numbers), field.default, numbers)
