"""boathouse run: what a user gets for bad input, and what a job gets."""

from __future__ import annotations

import logging
import socket
import sqlite3
import sys
from typing import TYPE_CHECKING

import mlflow
import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli, main
from boathouse.errors import DataQualityError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fixtures.sample_project import SampleProject


def invoke(sample: SampleProject, *words: str) -> Result:
    return CliRunner().invoke(cli, ["run", "--env", "test", "--conf-source", str(sample.conf), *words])


def test_a_run_exits_with_zero_and_shows_progress(tracked: SampleProject) -> None:
    result = invoke(tracked, "--pipelines", "data_prep")
    assert result.exit_code == 0, result.output
    assert "[1/1] data_prep.clean_numbers" in result.output


def test_pipeline_in_the_singular_is_as_good_and_warns_of_nothing(tracked: SampleProject) -> None:
    result = invoke(tracked, "--pipeline", "data_prep")
    assert (result.exit_code, result.stderr) == (0, "")


def test_data_dir_moves_data_and_store(sample: SampleProject, tmp_path: Path) -> None:
    result = invoke(sample, "--pipelines", "data_prep", "--data-dir", str(tmp_path / "elsewhere"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "elsewhere" / "mlflow.db").exists()
    assert not sample.data.exists()


def test_the_job_of_a_run_is_recorded_and_is_not_that_of_the_next(tracked: SampleProject) -> None:
    found = []
    for words in (["--job-run-id=4711", f"--data-dir={tracked.data}"], []):
        result = invoke(tracked, "--pipelines", "data_prep", *words)
        assert result.exit_code == 0, result.output
        client = mlflow.MlflowClient()
        experiments = [each.experiment_id for each in client.search_experiments()]
        found.append(client.search_runs(experiments, max_results=1)[0].data.tags["job_run_id"])
    assert found == ["4711", "none"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--env", "produktion"], "Unknown environment 'produktion'. {conf} has: test."),
        (["--pipelines", "training,trainig"], "Unknown pipeline 'trainig'. There are: data_prep, feature_engineering,"),
        (["--pipeline", "x"], "Unknown pipeline 'x'."),
        (["--params", "training.split.share=2"], "'training.split.share' is 2; allowed: 0 to 1. (--params)"),
        (["--params", "no_such=1"], "'no_such' (value 1) in --params is unknown"),
        (["--params", "no_such="], "'no_such' (value None) in --params is unknown"),
        (["--params", "training.split.share=None"], "'training.split.share' is 'None'"),
        (["--data-dir", "/dev/null/x"], "/dev/null is not a folder"),
    ],
)
def test_bad_words_fail_with_one_clear_block(tracked: SampleProject, words: list[str], expected: str) -> None:
    result = invoke(tracked, *words)
    assert result.exit_code == 1
    assert expected.format(conf=tracked.conf) in result.stderr
    assert "Traceback" not in result.output


def test_an_unknown_engine_lists_those_there_are(tracked: SampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOATHOUSE_ENGINE", "flink")
    result = invoke(tracked)
    assert result.exit_code == 1
    assert "'engine' is 'flink'; allowed: databricks, sail, spark." in result.stderr


def test_outside_the_project_the_option_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["run"])
    assert result.exit_code == 1
    assert "--conf-source" in result.stderr


def test_a_locked_store_stops_the_run_before_it_begins(sample: SampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boathouse.hooks.tracking._LOCK_PATIENCE_S", 0.1)
    sample.data.mkdir()
    with sqlite3.connect(sample.data / "mlflow.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = invoke(sample)
        other.execute("ROLLBACK")
    assert result.exit_code == 1
    assert "cannot be used: database is locked" in result.stderr
    assert "MLFLOW_TRACKING_URI" in result.stderr
    assert "[1/" not in result.output
    assert [path.name for path in sample.data.iterdir()] == ["mlflow.db"]


def test_an_unreachable_server_stops_the_run_within_seconds(
    sample: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as reserved:  # bound but not listening: nobody answers there
        reserved.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://anna:s3cret-pw@127.0.0.1:{reserved.getsockname()[1]}")
        result = invoke(sample)
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    assert "s3cret-pw" not in result.output + result.stderr
    assert not sample.data.exists()


def test_a_failed_node_is_told_in_one_block(
    tracked: SampleProject, fail_training: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    fail_training()
    result = invoke(tracked)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: 6 of 10 rows are broken. Correct the extract.\n")
    assert "Failed in: training.train_model" in result.stderr
    assert f"run --env test --conf-source {tracked.conf} --from-nodes training.split_rows" in result.stderr
    assert "Traceback" not in result.stderr
    # Kedro would log the same message once more.
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_verbose_shows_the_traceback(tracked: SampleProject, fail_training: Callable[[], None]) -> None:
    fail_training()
    assert "Traceback (most recent call last)" in invoke(tracked, "--verbose").stderr


def test_a_wheel_task_returns_on_success_and_raises_on_failure(
    tracked: SampleProject, fail_training: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform loads the entry point, sets sys.argv and calls it without arguments."""
    monkeypatch.setattr("kedro.framework.project.configure_project", lambda _: None)
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    words = ["boathouse", "run", "--pipelines=training", "--env=test", f"--conf-source={tracked.conf}"]
    # As job parameters that have no value arrive.
    words.append("--params=training.split.share=,training.split.label=")
    monkeypatch.setattr(sys, "argv", words)
    assert "reports.summary" in main()
    fail_training()
    with pytest.raises(Exception, match="6 of 10 rows") as caught:
        main()
    assert isinstance(caught.value.__cause__, DataQualityError)


def test_a_plain_process_exits_with_the_code(tracked: SampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kedro.framework.project.configure_project", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["boathouse", "run", "--env=nowhere", f"--conf-source={tracked.conf}"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1


def test_an_interrupted_run_is_killed_in_the_store(
    sample: SampleProject, shared_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shared_store)
    mlflow.set_tracking_uri(shared_store)
    mlflow.set_experiment("boathouse-interrupted")
    runs = []

    def interrupt(**_: object) -> None:
        runs.append(mlflow.start_run().info.run_id)
        raise KeyboardInterrupt

    monkeypatch.setattr("boathouse.cli.run.kedro_run.callback", interrupt)
    assert invoke(sample).exit_code == 130
    assert mlflow.get_run(runs[0]).info.status == "KILLED"
