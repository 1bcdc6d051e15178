"""Errors in words: the reason first, no secrets, and where it happened."""

from __future__ import annotations

import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro_datasets.text import TextDataset

from boathouse.errors import ConfigError, TableError
from boathouse.hooks.failures import describe_failure, find_resume_nodes, redact, resume_command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token dapi0123456789 refused", "token *** refused"),
        ("https://anna:pw@host/x and sqlite:////tmp/x.db", "https://***@host/x and sqlite:////tmp/x.db"),
        ("postgresql://svc@db/mlflow", "postgresql://***@db/mlflow"),
        ("the word short stays", "the word short stays"),
        ("workspace adb-1 is shown", "workspace adb-1 is shown"),
    ],
)
def test_secrets_are_blanked_by_the_name_of_their_variable(text: str, expected: str) -> None:
    environ = {"DATABRICKS_TOKEN": "dapi0123456789", "MY_SECRET": "short", "DATABRICKS_HOST": "adb-1"}
    assert redact(text, environ) == expected


def test_our_error_is_found_in_the_chain_and_shown_alone() -> None:
    error = DatasetError("Failed while loading data from dataset DeltaTableDataset(...)")
    error.__cause__ = TableError("dev.clean.statements is not there.")
    error.add_note("Failed in: training.split")
    text = describe_failure(error, with_traceback=False)
    assert text == "Error: dev.clean.statements is not there.\nFailed in: training.split"


def test_an_error_of_others_says_its_type_and_place() -> None:
    try:
        {}["no"]
    except KeyError as error:
        text = describe_failure(error, with_traceback=False)
    assert text.startswith("Error: KeyError: 'no'\nat ")
    assert "test_failures.py" in text
    assert "BOATHOUSE_DEBUG=1" in text


def test_an_error_of_others_says_its_cause() -> None:
    error = ImportError("An error occurred while importing the module.")
    error.__cause__ = ValueError("no such column")
    assert (
        "ImportError: An error occurred while importing the module. <- ValueError: no such column"
        in describe_failure(error, with_traceback=False)
    )


def test_a_cause_without_words_is_named() -> None:
    error = DatasetError("Failed while saving data.")
    error.__cause__ = AssertionError()
    text = describe_failure(error, with_traceback=False)
    assert "DatasetError: Failed while saving data. <- AssertionError" in text


def test_a_failure_text_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-very-secret")
    text = describe_failure(ConfigError("401 for dapi-very-secret"), with_traceback=True)
    assert "401 for ***" in text
    assert "dapi-very-secret" not in text


def _same(data: object) -> object:
    return data


@pytest.mark.parametrize(
    ("unfinished", "expected"),
    [
        (["c"], ["c"]),  # its input is on disk
        (["d"], ["c"]),  # its input was in memory: the producer again
        (["c", "d"], ["c"]),
        (["a", "b", "c", "d"], ["a"]),
    ],
)
def test_resume_nodes_have_their_inputs_on_disk(unfinished: list[str], expected: list[str], tmp_path: object) -> None:
    disk = TextDataset(filepath=f"{tmp_path}/x.txt")
    catalog = DataCatalog({"start": disk, "m1": MemoryDataset(), "kept": disk, "m2": MemoryDataset(), "end": disk})
    steps = [("a", "start", "m1"), ("b", "m1", "kept"), ("c", "kept", "m2"), ("d", "m2", "end")]
    pipeline = Pipeline([Node(_same, source, target, name=name) for name, source, target in steps])
    nodes = [node for node in pipeline.nodes if node.name in unfinished]
    assert find_resume_nodes(pipeline, nodes, catalog) == expected


def test_the_resume_command_has_the_options_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/venv/bin/kedro", "run"])
    monkeypatch.setenv("BOATHOUSE_ENGINE", "spark")
    run_params = {
        "pipeline_names": ["training", "evaluation"],
        "env": "prod",
        "runtime_params": {"as_of": "2005-08-31", "training": {"search": {"trials": 3}}},
    }
    assert resume_command(run_params, ["training.fit"]) == (
        "BOATHOUSE_ENGINE=spark kedro run --pipelines training,evaluation --env prod "
        "--params as_of=2005-08-31,training.search.trials=3 --from-nodes training.fit"
    )
