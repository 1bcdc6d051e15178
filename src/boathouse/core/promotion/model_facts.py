"""What a version is, apart from how good it is: signature, features, size, loading, documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from boathouse.core.modelling.result import LoadedModel, ModelSchema
from boathouse.core.promotion.fresh_process import LoadReport
from boathouse.core.scoring import FeatureSpec
from boathouse.core.scoring.files import digest_of
from boathouse.core.scoring.outputs import BINARY_OUTPUTS

# What a version of a binary task answers with, in this order: serving, batch and monitoring read it by name.
OUTPUTS = BINARY_OUTPUTS.signature
MODEL_CARD, DESCRIPTION = "model_card", "description"
# What a tag holds where nobody could tell.
_EMPTY = frozenset({"", "unknown", "none", "null"})
_MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One version.

    Attributes:
        version: Version as text.
        digest: SHA-256 of the manifest of its files.
        signature_faults: How its signature differs from what it takes and gives, one text each.
        feature_faults: How its feature spec differs from its inputs and from today's definitions, one text each.
        load: How it loads and scores in a process of its own.
        size_mb: Size of its files in megabytes (10^6 bytes).
        documents: Every tag and document that it has, by name; empty values are left out.
    """

    version: str
    digest: str
    signature_faults: tuple[str, ...]
    feature_faults: tuple[str, ...]
    load: LoadReport
    size_mb: float
    documents: Mapping[str, str]


def describe_model(model: LoadedModel, *, declared: FeatureSpec, load: LoadReport, card: str) -> ModelFacts:
    """Return the facts of ``model``.

    Args:
        model: The version, its files checked.
        declared: The feature spec that today's code declares for the model's features.
        load: How it loads in a process of its own.
        card: Text of the newest model card; it counts if it is about this digest.
    """
    features = model.scorer.spec.features
    return ModelFacts(
        version=model.version,
        digest=digest_of(model.files),
        signature_faults=tuple(find_signature_faults(model.schema, features, outputs=model.scorer.outputs.signature)),
        feature_faults=tuple(find_feature_faults(model.feature_spec, features, declared)),
        load=load,
        size_mb=sum(map(len, model.files.values())) / _MEGABYTE,
        documents=collect_documents(model, card),
    )


def find_signature_faults(
    schema: ModelSchema | None, features: Sequence[str], *, outputs: Sequence[tuple[str, str]] = OUTPUTS
) -> list[str]:
    """Return how a signature differs from ``features`` as doubles in and ``outputs`` out."""
    if schema is None:
        return ["it has no signature"]
    wanted = tuple((name, "double") for name in features)
    return [*_compare_columns("inputs", schema.inputs, wanted), *_compare_columns("outputs", schema.outputs, outputs)]


def find_feature_faults(spec: FeatureSpec | None, features: Sequence[str], declared: FeatureSpec) -> list[str]:
    """Return which features nothing provides, and which views or on-demand features are defined otherwise today."""
    if spec is None:
        return ["it has no feature spec"]
    provided = {*spec.stored_features, *(each.name for each in spec.on_demand)}
    missing = [f"nothing provides {name}" for name in features if name not in provided]
    mine, today = _digests(spec), _digests(declared)
    changed = sorted(name for name in mine.keys() | today.keys() if mine.get(name) != today.get(name))
    return [*missing, *(f"{name} is defined otherwise today" for name in changed)]


def collect_documents(model: LoadedModel, card: str) -> dict[str, str]:
    """Return the version's tags, its description and its card, without those that say nothing."""
    digest = digest_of(model.files)
    mine = card if digest[:16] in card else ""
    found = {**model.tags, DESCRIPTION: model.description, MODEL_CARD: mine}
    return {name: value for name, value in found.items() if value.strip().lower() not in _EMPTY}


def _digests(spec: FeatureSpec) -> dict[str, str]:
    views = {view.name: view.digest for view in spec.views}
    return views | {each.name: each.digest for each in spec.on_demand}


def _compare_columns(kind: str, found: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    if tuple(found) == tuple(wanted):
        return []
    missing = sorted({name for name, _ in wanted} - {name for name, _ in found})
    foreign = sorted({name for name, _ in found} - {name for name, _ in wanted})
    texts = [f"{kind} lack {name}" for name in missing] + [f"{kind} have {name}" for name in foreign]
    return texts or [f"{kind} have other types or another order"]
