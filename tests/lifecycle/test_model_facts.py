"""What a version is: each fault of signature, feature spec and documents is found and named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boathouse.lifecycle.evidence import (
    OUTPUTS,
    collect_documents,
    describe_model,
    find_feature_faults,
    find_signature_faults,
)
from boathouse.lifecycle.fresh_process import LoadReport
from boathouse.modelling.result import LoadedModel, ModelSchema
from boathouse.scoring.feature_spec import FeatureSpec, SpecOnDemand, ViewSpec
from boathouse.scoring.files import digest_of
from tests.fixtures.model_store import FEATURES, make_model

INPUTS = tuple((name, "double") for name in FEATURES)
GOOD = ModelSchema(inputs=INPUTS, outputs=OUTPUTS)
VIEW = ViewSpec(
    name="behaviour", version=1, digest="v1", keys=(), time_column="t", features=FEATURES[:1], max_age_days=None
)
ON_DEMAND = SpecOnDemand(name="limit", digest="o1", stored=FEATURES[:1], request=())
SPEC = FeatureSpec(views=(VIEW,), on_demand=(ON_DEMAND,))


@pytest.mark.parametrize(
    ("schema", "faults"),
    [
        (GOOD, []),
        (None, ["it has no signature"]),
        (replace(GOOD, outputs=()), ["outputs lack decision", "outputs lack probability", "outputs lack reasons"]),
        (replace(GOOD, inputs=INPUTS[:1]), ["inputs lack limit"]),
        (replace(GOOD, inputs=(*INPUTS, ("sex", "string"))), ["inputs have sex"]),
        (replace(GOOD, inputs=INPUTS[::-1]), ["inputs have other types or another order"]),
        (replace(GOOD, inputs=(INPUTS[0], ("limit", "long"))), ["inputs have other types or another order"]),
    ],
)
def test_a_signature_has_to_be_exact(schema: ModelSchema | None, faults: list[str]) -> None:
    assert find_signature_faults(schema, FEATURES) == faults


@pytest.mark.parametrize(
    ("spec", "declared", "faults"),
    [
        (SPEC, SPEC, []),
        (None, SPEC, ["it has no feature spec"]),
        (replace(SPEC, on_demand=()), replace(SPEC, on_demand=()), ["nothing provides limit"]),
        (SPEC, replace(SPEC, views=(replace(VIEW, digest="v2"),)), ["behaviour is defined otherwise today"]),
        (SPEC, replace(SPEC, on_demand=(replace(ON_DEMAND, digest="o2"),)), ["limit is defined otherwise today"]),
        (SPEC, replace(SPEC, views=()), ["behaviour is defined otherwise today"]),
    ],
)
def test_every_input_is_provided_as_it_is_defined_today(
    spec: FeatureSpec | None, declared: FeatureSpec, faults: list[str]
) -> None:
    assert find_feature_faults(spec, FEATURES, declared) == faults


def load(**tags: str) -> LoadedModel:
    return LoadedModel(name="test.models.late", version="3", files=make_model().files, tags=tags, schema=GOOD)


@pytest.mark.parametrize("empty", ["", " ", "unknown", "None", "null"])
def test_a_tag_that_says_nothing_does_not_count(empty: str) -> None:
    assert collect_documents(load(git_sha=empty, owner="credit-risk"), "") == {"owner": "credit-risk"}


def test_a_card_counts_if_it_is_about_these_files() -> None:
    digest = digest_of(make_model().files)
    assert "model_card" in collect_documents(load(), f"Digest `{digest[:16]}`.")
    assert "model_card" not in collect_documents(load(), f"Digest `{'0' * 16}`.")
    described = replace(load(), description="What it is.")
    assert collect_documents(described, "") == {"description": "What it is."}


def test_facts_are_of_one_version() -> None:
    report = LoadReport(problem="", row_ms=1, batch_ms=2)
    facts = describe_model(load(), declared=SPEC, load=report, card="")
    assert (facts.version, facts.digest) == ("3", digest_of(make_model().files))
    assert facts.size_mb == pytest.approx(sum(map(len, make_model().files.values())) / 1e6)
    assert facts.feature_faults == ("it has no feature spec",)
    assert facts.load is report
