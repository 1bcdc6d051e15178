"""``boathouse monitor report`` as it is typed: from tables alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from boathouse.cli.main import cli
from boathouse.environment import open_environment

if TYPE_CHECKING:
    from click.testing import Result

CONF = str(Path(__file__).resolve().parents[2] / "conf")
AUGUST, SEPTEMBER = date(2005, 8, 31), date(2005, 9, 30)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["monitor", "report", *words, "--env", "test", "--conf-source", CONF])


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    return tmp_path


def write_performance() -> None:
    rows = [
        {
            "as_of": as_of,
            "cohort": as_of,
            "model_version": version,
            "status": "measured",
            "labels_known_on": None,
            "rows": 1_000,
            "labelled": 1_000,
            "mean_probability": 0.2,
            "decision_rate": 0.3,
            "observed_rate": 0.25,
            "roc_auc": area,
            "roc_auc_low": area - 0.01,
            "roc_auc_high": area + 0.01,
        }
        for as_of, version, area in ((AUGUST, "6", 0.79), (SEPTEMBER, "7", 0.71))
    ]
    schema = pa.Table.from_pylist(rows).schema
    schema = schema.set(schema.get_field_index("labels_known_on"), pa.field("labels_known_on", pa.date32()))
    path = open_environment("test", Path(CONF)).table("monitoring.performance").path
    write_deltalake(str(path), pa.Table.from_pylist(rows, schema=schema))


def test_the_report_is_written_from_tables_without_a_run(data: Path) -> None:
    write_performance()
    done = run("--out", str(data / "dist" / "page.html"))
    assert (done.exit_code, done.output) == (0, f"{data}/dist/page.html: as of 2005-09-30, 0 alert(s)\n")
    page = (data / "dist" / "page.html").read_text(encoding="utf-8")
    assert "ROC AUC of version 7 is measured at 0.710 [0.700, 0.720]" in page
    assert "version 6, 2005-08-01: 0.790 [0.780, 0.800]" in page
    assert not (data / "reports").exists()


def test_by_default_it_is_where_a_run_leaves_it_and_can_be_opened(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("click.launch", shown.append)
    write_performance()
    assert run("--open").exit_code == 0
    path = data / "reports" / "test" / "monitoring.html"
    assert path.is_file()
    assert shown == [path.as_uri()]


def test_without_figures_the_error_names_the_command(data: Path) -> None:
    done = run()
    assert done.exit_code == 1
    assert "found none in monitoring.performance" in done.output
    assert "kedro run --pipeline monitoring --env test" in done.output
