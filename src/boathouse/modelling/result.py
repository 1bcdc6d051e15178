"""What training leaves and what a registry hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureKind, FeatureSpec
from boathouse.scoring.files import SPEC, ModelFiles
from boathouse.scoring.scorer import Scorer, load_scorer
from boathouse.scoring.spec import ScorerSpec

# The tag of a version that names the entities kept from its training.
HELD_OUT_TAG = "held_out"


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model before it has a version.

    Attributes:
        files: The sealed model.
        algorithm: Name in the registry of estimators.
        parameters: Hyperparameters.
        metrics: Metrics on the validation rows.
        training_window: First and last date of the training rows, both inclusive.
        input_example: One row by feature; made up from medians, no person's record.
        held_out: Entities kept from training, in words; empty where dates alone say what was kept.
    """

    files: ModelFiles
    algorithm: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    training_window: tuple[date, date]
    input_example: Mapping[str, float]
    held_out: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelSchema:
    """The signature of a version, as name and type of each column in order.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
    """

    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A registered version, its files checked.

    Attributes:
        name: Registered name.
        version: Version as text, as Unity Catalog has it.
        files: The sealed model.
        tags: Tags of the version.
        alias: The alias it was asked for by, or None.
        description: What the registry says of it in words; empty if nothing.
        schema: Its signature; None for a model that was stored without.
        extended_views: Whether a view to which features were only added since counts as the one it was trained on.
    """

    name: str
    version: str
    files: ModelFiles
    tags: Mapping[str, str] = field(default_factory=dict)
    alias: str | None = None
    description: str = ""
    schema: ModelSchema | None = None
    extended_views: bool = False

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer, loaded at first use."""
        return load_scorer(self.files)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Input columns in the order of the matrix."""
        return ScorerSpec.from_json(self.files[SPEC]).features

    @cached_property
    def feature_spec(self) -> FeatureSpec | None:
        """What the model looks up; None for a model that was packed without."""
        content = self.files.get(FEATURE_SPEC)
        return None if content is None else FeatureSpec.from_json(content)

    @property
    def feature_kinds(self) -> dict[str, FeatureKind]:
        """Kind of each input column, in the order of the matrix."""
        return (self.feature_spec or FeatureSpec(views=())).kinds_of(self.features)


@dataclass(frozen=True)
class NoModel:
    """Says that a name has no such version yet, and why; false in a condition."""

    name: str
    alias: str
    reason: str = ""

    def __bool__(self) -> bool:
        """Return False."""
        return False
