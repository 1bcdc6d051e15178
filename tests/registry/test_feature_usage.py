"""Who uses a view is read from the registry: versions, aliases and what each was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mlflow
import pytest
from kedro.io import DatasetError

from boathouse.features.usage import users_of
from boathouse.registry.feature_usage import FeatureUsageDataset
from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.scoring.files import seal_files
from tests.fixtures.model_store import NAME, make_dataset, make_model
from tests.fixtures.toy.use_case import USE_CASE

pytestmark = pytest.mark.usefixtures("store")

SPEC = FeatureSpec.describe(["units_sold"], USE_CASE.views, [])


def register_two() -> None:
    """Register a version with a feature spec and one without; the first is champion."""
    model = make_model()
    files = {name: content for name, content in model.files.items() if name != "manifest.json"}
    make_dataset().save(replace(model, files=seal_files({**files, FEATURE_SPEC: SPEC.to_json()})))
    make_dataset().save(model)
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", "1")


def usage(**options: Any) -> FeatureUsageDataset:
    return FeatureUsageDataset(models=["test.models.none", NAME], **options)


def test_versions_in_use_tell_their_views() -> None:
    assert usage().load() == []
    register_two()
    (found,) = usage().load()
    assert (found.model, found.version, found.aliases) == (NAME, "1", ("champion",))
    assert found.digests == {"recent_sales": USE_CASE.views[1].digest}
    assert users_of(USE_CASE.views[1], [found]) == [found]
    assert users_of(USE_CASE.views[0], [found]) == []
    tags = mlflow.MlflowClient().get_model_version(NAME, "1").tags
    assert tags["feature_spec_digest"] == SPEC.digest


def test_every_version_can_be_asked_for() -> None:
    register_two()
    assert [(use.version, use.views != "") for use in usage(every_version=True).load()] == [("2", False), ("1", True)]
    with pytest.raises(DatasetError, match="read-only"):
        usage().save([])
