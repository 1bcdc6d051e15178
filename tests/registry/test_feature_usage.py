"""Who uses a view is read from the registry: versions, aliases and what each was trained on."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
import pytest
from kedro.io import DatasetError

from boathouse.features.usage import users_of
from boathouse.registry.feature_usage import FeatureUsageDataset
from boathouse.scoring.feature_spec import FEATURE_SPEC, FeatureSpec
from boathouse.scoring.files import seal_files
from tests.fixtures.model_store import EACH_REGISTRY, NAME, make_dataset, make_model
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


@EACH_REGISTRY
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


@EACH_REGISTRY
def test_every_version_can_be_asked_for() -> None:
    register_two()
    assert [(use.version, use.views != "") for use in usage(every_version=True).load()] == [("2", False), ("1", True)]
    with pytest.raises(DatasetError, match="read-only"):
        usage().save([])


@EACH_REGISTRY
def test_what_a_version_takes_is_read_from_its_signature_on_request() -> None:
    register_two()
    assert [use.inputs for use in usage(every_version=True).load()] == [None, None]
    newest, first = usage(every_version=True, with_inputs=True).load()
    assert newest.inputs == first.inputs == make_dataset().load().features
    taken = newest.inputs[0]
    assert newest.takes([taken], [])
    assert not newest.takes(["something_else"], [])
    assert replace(newest, inputs=None).takes(["something_else"], [])


def test_a_version_without_files_takes_what_is_not_known() -> None:
    register_two()
    shutil.rmtree(url2pathname(urlsplit(mlflow.MlflowClient().get_model_version_download_uri(NAME, "2")).path))
    newest, first = usage(every_version=True, with_inputs=True).load()
    assert (newest.inputs, first.inputs is None) == (None, False)
