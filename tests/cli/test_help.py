"""The help tells the truth, and is there at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run

from boathouse import __version__
from boathouse.cli.main import cli
from boathouse.cli.run import run
from boathouse.hooks.provenance import read_source_state
from boathouse.hooks.release_record import name_version
from boathouse.pipeline_registry import FLOW

HEAVY = ("mlflow", "pyspark", "pandas", "sklearn", "xgboost", "shap", "matplotlib")


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["doctor", "--help"]])
def test_help_exits_with_zero(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


def test_run_has_every_option_of_kedro_run() -> None:
    ours = {"catalog", "data_dir", "job_run_id", "schema_prefix", "strict", "verbose"}
    assert {param.name for param in kedro_run.params} | ours == {param.name for param in run.params}


def test_the_help_of_run_names_every_pipeline_and_the_default_environment() -> None:
    shown = " ".join(CliRunner().invoke(cli, ["run", "--help"]).output.split())
    assert all(name in shown for name in FLOW)
    assert "Defaults to `dev`" in shown
    # Kedro 1.7 refuses `key:value`, which its own help still offers.
    assert "colon" not in shown


def test_version_is_that_of_a_wheel_built_here() -> None:
    version = name_version(read_source_state())
    assert CliRunner().invoke(cli, ["--version"]).output == f"boathouse, version {version}\n"
    assert version.partition("+")[0] == __version__


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from boathouse.cli.main import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("heavy: []")
    assert done.stderr == ""
