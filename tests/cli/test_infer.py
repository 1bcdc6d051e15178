"""boathouse infer: a registered model, any input, any output."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli
from boathouse.environment import open_environment
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.use_case import USE_CASE
from tests.fixtures.boosted_model import make_candidate, train_model
from tests.fixtures.decided import decide
from tests.fixtures.small_workspace import CONF, SmallWorkspace, isolate

NAME = "test.models.missed_payment"
DAY = date(2005, 9, 30)


def infer(*words: str) -> Result:
    return CliRunner().invoke(cli, ["infer", *words, "--env", "test", "--conf-source", str(CONF)])


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, prepared_few: SmallWorkspace) -> SmallWorkspace:
    """Return a bank with features and two versions, of which the first is champion."""
    built = prepared_few.copy(tmp_path_factory.mktemp("bank") / "data")
    with pytest.MonkeyPatch.context() as patch:
        isolate(built.data, patch)
        built.run("data_prep", "feature_engineering")
        open_environment("test", CONF).use_mlflow()
        for _ in range(2):
            ModelVersionDataset(name=NAME).save(make_candidate())
        decide(built.data / "lakehouse", NAME, "1")
    return built


@pytest.fixture(autouse=True)
def here(bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(bank.data, monkeypatch)


def test_keys_in_a_text_file_are_looked_up_and_scored(tmp_path: Path) -> None:
    lines = ["customer_id,observed_on", "1,2005-09-30", "2,tomorrow", "3,2004-01-31", "4,2005-09-30"]
    (tmp_path / "in.csv").write_text("\n".join(lines), encoding="utf-8")
    result = infer(str(tmp_path / "in.csv"), "--to", f"csv:{tmp_path}/out")
    assert result.exit_code == 0, result.output
    assert f"2 rows scored by {NAME} version 1 (champion), 2 quarantined" in result.output
    (folder,) = (tmp_path / "out").iterdir()
    with (folder / "quarantine.csv").open(encoding="utf-8") as rows:
        aside = {row["customer_id"]: json.loads(row["broken_rules"]) for row in csv.DictReader(rows)}
    assert aside == {"2": ["observed_on_type"], "3": ["no_feature_row"]}
    again = infer(str(tmp_path / "in.csv"), "--to", f"csv:{tmp_path}/out")
    assert "is there already" in again.output


def test_an_amount_in_the_input_counts(tmp_path: Path) -> None:
    for amount in (0.0, 1e6):
        rows = pa.table({"customer_id": [1], "observed_on": [DAY], "requested_amount": [amount]})
        pyarrow.parquet.write_table(rows, tmp_path / f"{amount:.0f}.parquet")
        assert infer(str(tmp_path / f"{amount:.0f}.parquet"), "--to", f"parquet:{tmp_path}/{amount:.0f}").exit_code == 0
    [low], [high] = (
        pyarrow.parquet.read_table(next((tmp_path / folder).rglob("predictions.parquet"))).to_pylist()
        for folder in ("0", "1000000")
    )
    assert low["probability"] != high["probability"]
    assert low["prediction_id"] != high["prediction_id"]


def test_features_in_the_input_are_taken_as_they_are_by_a_named_version(tmp_path: Path) -> None:
    columns = {name: [1.0, 1.0] for name in USE_CASE.feature_names} | {"months_late": [0.5, 2.0]}
    pyarrow.parquet.write_table(
        pa.table({"customer_id": [901, 902], "observed_on": [DAY, DAY], **columns}), tmp_path / "in.parquet"
    )
    result = infer(str(tmp_path / "in.parquet"), "--to", f"parquet:{tmp_path}/out", "--model", "2")
    assert f"2 rows scored by {NAME} version 2 (challenger), 0 quarantined" in result.output
    found = pyarrow.parquet.read_table(next((tmp_path / "out").rglob("predictions.parquet"))).sort_by("customer_id")
    import numpy as np

    matrix = np.array([columns[name] for name in USE_CASE.feature_names]).T
    expected = train_model().scorer.predict_probability(matrix)
    assert found["probability"].to_numpy().tobytes() == expected.tobytes()
    assert set(found["feature_versions"].to_pylist()[0]) == set()


def test_a_stream_answers_requests_into_a_table(bank: SmallWorkspace) -> None:
    from boathouse.inference.rows import request_newest

    requests = request_newest(bank.dataset("clean.statements").load(), USE_CASE, DAY)
    bank.dataset("inference.requests").save(requests)
    for _ in range(2):
        result = infer("inference.requests", "--way", "stream", "--to", "inference.answers")
        assert "test.inference.answers: 60 requests answered so far" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.such", "--to", "csv:out"], "There is no input 'no.such'"),
        (["features.spending", "--to", "csv:out", "--model", "7"], f"'{NAME}' has no version 7"),
        (["features.spending", "--to", "csv:out", "--model", "challenger"], "No model is challenger"),
        (["clean.customers", "--to", "csv:out"], "- observed_on: date (missing)"),
        (["features.spending", "--to", "nowhere"], "'nowhere' is no output"),
        (["data/x.csv", "--to", "inference.answers", "--way", "stream"], "A stream reads a Delta table"),
        (
            ["inference.requests", "--to", "csv:out", "--way", "stream"],
            "A stream writes to a Delta table of the environment or to Kafka",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(words: list[str], message: str) -> None:
    result = infer(*words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not Path("out").exists()


def test_the_help_says_which_way_fits() -> None:
    shown = CliRunner().invoke(cli, ["infer", "--help"]).output
    for words in ("batch     minutes", "stream    seconds", "endpoint  milliseconds", "edge      microseconds"):
        assert words in shown
