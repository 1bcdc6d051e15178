"""The tags of a model version: a closed list, strictly written, with the former names still read."""

from __future__ import annotations

import dataclasses

import mlflow
import pytest

from boathouse.errors import ModelError, OptionError
from boathouse.hooks.provenance import RunTags
from boathouse.lifecycle.registry import MANAGED_TAGS, ModelRegistry
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.registry.tags import VERSION_TAGS, check_tags, read_tags, write_tags
from tests.fixtures.model_store import NAME, empty_store, make_dataset, make_model, store

__all__ = ["empty_store", "store"]

RUN_TAGS = [field.name for field in dataclasses.fields(RunTags)]


def test_the_four_that_make_a_version_traceable_are_named_as_promised() -> None:
    assert {"git_sha", "branch", "job_run_id", "environment"} <= set(RUN_TAGS) <= set(VERSION_TAGS)
    assert set(MANAGED_TAGS) <= set(VERSION_TAGS)


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("git_commit", "'git_sha'"),
        ("git_branch", "'branch'"),
        ("job_runid", "'job_run_id'"),
        ("environ", "'environment'"),
    ],
)
def test_a_tag_that_is_not_on_the_list_is_an_error(tag: str, hint: str) -> None:
    with pytest.raises(ModelError, match=f"'{tag}' is no tag of a model version. Did you mean {hint}"):
        check_tags({"stage": "registered", tag: "x"})


@pytest.mark.usefixtures("store")
def test_nothing_is_written_where_one_tag_is_refused() -> None:
    make_dataset().save(make_model())
    before = mlflow.MlflowClient().get_model_version(NAME, "1").tags
    for faulty in ({"owner": "risk", "colour": "red"}, {"owner": "risk", "branch": ""}):
        with pytest.raises(ModelError):
            write_tags(NAME, "1", faulty)
    with pytest.raises(ModelError, match="'colour' is no tag"):
        ModelRegistry(NAME).tag("1", "colour", "red")
    assert mlflow.MlflowClient().get_model_version(NAME, "1").tags == before


def test_a_tag_of_a_run_without_a_value_is_an_error() -> None:
    values = dict.fromkeys(RUN_TAGS, "unknown")
    assert RunTags(**values).to_dict() == values
    with pytest.raises(OptionError, match=r"git_sha.*text"):
        RunTags(**{**values, "git_sha": ""})


@pytest.mark.usefixtures("store")
def test_a_store_of_before_is_read_under_the_present_names() -> None:
    make_dataset().save(make_model())
    client = mlflow.MlflowClient()
    for key, value in {"git_commit": "abc", "git_branch": "main"}.items():
        client.set_model_version_tag(NAME, "1", key, value)
    for tags in (
        ModelRegistry(NAME).read().versions["1"].tags,
        ModelVersionDataset(name=NAME, version="1").load().tags,
    ):
        assert (tags["git_sha"], tags["branch"]) == ("abc", "main")
        assert not {"git_commit", "git_branch"} & set(tags)


def test_a_present_name_wins_over_the_former_one() -> None:
    assert read_tags({"git_commit": "old", "git_sha": "new"}) == {"git_sha": "new"}
    assert read_tags(None) == {}
