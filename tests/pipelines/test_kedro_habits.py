"""What Kedro's users are used to: parts of the flow, only what is missing, threads, resuming."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from kedro.runner import ThreadRunner

from boathouse.cli.main import cli
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from tests.fixtures.small_workspace import SmallWorkspace

SPINE = "training.select_spine"
CLEAN = ("clean.customers", "clean.statements", "clean.defaults")


def invoke(*words: str) -> str:
    """Run the command, which has to succeed, and return what it showed."""
    result = CliRunner().invoke(cli, ["run", "--env", "test", "--conf-source", str(CONF), *words])
    assert result.exit_code == 0, result.output
    return result.output


def nodes_run(shown: str) -> list[str]:
    return re.findall(r"^\[ *\d+/\d+\] (\S+)", shown, re.MULTILINE)


def test_from_nodes_begins_in_the_middle(bank: SmallWorkspace) -> None:
    shown = invoke("--pipelines", "training", "--from-nodes", "training.resolve_date", "--to-nodes", SPINE)
    assert nodes_run(shown) == ["training.resolve_date", SPINE]


def test_what_lived_in_memory_is_named_with_the_command_that_makes_it_again(bank: SmallWorkspace) -> None:
    words = ["--env", "test", "--conf-source", str(CONF), "--pipelines", "training", "--to-nodes", SPINE]
    result = CliRunner().invoke(cli, ["run", *words, "--from-nodes", SPINE])
    assert result.exit_code == 1
    assert "need training.as_of, which lives in memory" in result.stderr
    assert "--from-nodes training.resolve_date" in result.stderr


def test_tags_choose_nodes(bank: SmallWorkspace) -> None:
    assert set(nodes_run(invoke("--pipelines", "feature_engineering", "--tags", "labels"))) == {
        "feature_engineering.label_statements"
    }


def test_only_missing_outputs_makes_what_is_missing(bank: SmallWorkspace) -> None:
    invoke("--pipelines", "training")
    before = bank.versions(CLEAN)
    features = bank.dataset("features.spending")
    path = bank.data / "lakehouse" / "test" / "features" / "spending"
    path.rename(bank.data / "moved")
    assert not features.exists()
    shown = invoke("--pipelines", "feature_engineering", "--only-missing-outputs")
    # Definitions are checked before any table is written.
    assert nodes_run(shown) == ["feature_engineering.check_definitions", "feature_engineering.compute_spending"]
    assert features.exists()
    assert bank.versions(CLEAN) == before


def test_with_nothing_missing_nothing_runs(bank: SmallWorkspace) -> None:
    assert nodes_run(invoke("--pipelines", "feature_engineering", "--only-missing-outputs")) == []


def test_threads_leave_the_same_tables(bank: SmallWorkspace) -> None:
    names = [*CLEAN, "features.spending", "features.payment_behaviour", "model_input.labels"]
    before = bank.versions(names)
    bank.run("data_prep", "feature_engineering", runner=ThreadRunner(max_workers=4))
    assert bank.versions(names) == before


def test_a_failed_run_is_resumed_by_the_command_it_shows(bank: SmallWorkspace) -> None:
    """The labels are gone: training fails; once they are back, the words shown finish it."""
    folder = bank.data / "lakehouse" / "test" / "features" / "spending"
    folder.rename(bank.data / "moved")
    failed = CliRunner().invoke(cli, ["run", "--env", "test", "--conf-source", str(CONF), "--pipelines", "training"])
    assert failed.exit_code == 1
    assert "features.spending" in failed.stderr
    (command,) = re.findall(r"boathouse run (--pipelines training.*)$", failed.stderr, re.MULTILINE)
    (bank.data / "moved").rename(folder)
    resumed = CliRunner().invoke(cli, ["run", *command.split()])
    assert resumed.exit_code == 0, resumed.output
    assert "training.finish_candidate" in nodes_run(resumed.output)


def test_an_unknown_tag_or_node_is_named(bank: SmallWorkspace) -> None:
    result = CliRunner().invoke(
        cli,
        [
            "run",
            "--env",
            "test",
            "--conf-source",
            str(CONF),
            "--pipelines",
            "training",
            "--from-nodes",
            "training.nothing",
        ],
    )
    assert result.exit_code == 1
    assert "training.nothing" in result.stderr
    with pytest.raises(Exception, match="no nodes"):
        bank.run("training", tags=["nothing"])
