"""The exported folder: scores where nothing of this package, no data stack and no network can be reached."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from boathouse.errors import ModelError, UntrustedModelError
from boathouse.scoring.export.folder import export_model
from boathouse.scoring.scorer import load_scorer
from tests.scoring.test_graph import FEATURES, PLATT, make_files, make_sample

if TYPE_CHECKING:
    from pathlib import Path

# A machine with onnxruntime and numpy alone: importing anything else of this environment, or a socket, fails.
_BARE = """
import runpy, socket, sys
ALLOWED = {'numpy', 'onnxruntime'}
HEAVY = {'boathouse', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'xgboost', 'mlflow', 'pyspark', 'skops', 'onnx', 'kedro'}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in HEAVY:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
def refuse(*_, **__):
    raise OSError('no network')
socket.socket.connect = refuse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def score_bare(folder: Path, rows: list[dict[str, float | None]]) -> subprocess.CompletedProcess[str]:
    path = folder.parent / "rows.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    command = [sys.executable, "-I", "-c", _BARE, str(folder / "score.py"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def as_rows(matrix: np.ndarray) -> list[dict[str, float | None]]:
    return [
        {name: None if np.isnan(value) else float(value) for name, value in zip(FEATURES, row, strict=True)}
        for row in matrix
    ]


def test_the_folder_scores_by_itself(tmp_path: Path) -> None:
    files, matrix = make_files("xgboost", PLATT), make_sample(40, 6).matrix
    exported = export_model(files, tmp_path / "edge", name="dev.models.late", version="7")
    done = score_bare(exported.folder, as_rows(matrix))
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    scorer = load_scorer(files)
    expected = scorer.predict_probability(matrix)
    np.testing.assert_allclose([each["probability"] for each in answers], expected, rtol=0, atol=1e-6)
    assert [each["decision"] for each in answers] == scorer.decide(expected).tolist()
    assert {each["model_version"] for each in answers} == {"7"}
    assert exported.sizes["model.onnx"] == (exported.folder / "model.onnx").stat().st_size


def test_a_changed_file_is_not_scored_with(tmp_path: Path) -> None:
    folder = export_model(make_files("rate_table", PLATT), tmp_path / "edge", name="m", version="1").folder
    (folder / "spec.json").write_text((folder / "spec.json").read_text().replace('"a"', '"A"'), encoding="utf-8")
    done = score_bare(folder, [])
    assert done.returncode == 1
    assert "spec.json is not the file that was exported" in done.stderr


def test_a_row_that_lacks_a_feature_is_named_without_its_values(tmp_path: Path) -> None:
    folder = export_model(make_files("rate_table", PLATT), tmp_path / "edge", name="m", version="1").folder
    done = score_bare(folder, [{"a": 1.0, "b": 2.0, "c": None}, {"a": 123456.5}])
    assert done.returncode == 1
    assert "Row 1 lacks b, c" in done.stderr
    assert "123456" not in done.stderr


def test_an_export_is_replaced_only_when_asked(tmp_path: Path) -> None:
    files = make_files("rate_table", PLATT)
    export_model(files, tmp_path / "edge", name="m", version="1")
    with pytest.raises(ModelError, match="--overwrite"):
        export_model(files, tmp_path / "edge", name="m", version="2")
    assert json.loads((tmp_path / "edge" / "spec.json").read_text())["version"] == "1"
    export_model(files, tmp_path / "edge", name="m", version="2", overwrite=True)
    assert json.loads((tmp_path / "edge" / "spec.json").read_text())["version"] == "2"
    assert [each.name for each in tmp_path.iterdir()] == ["edge"]


def test_a_folder_with_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(ModelError, match="holds no export"):
        export_model(make_files("rate_table", PLATT), tmp_path / "mine", name="m", version="1", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_changed_model_files_are_not_exported(tmp_path: Path) -> None:
    files = {**make_files("rate_table", PLATT), "estimator.json": b"{}"}
    with pytest.raises(UntrustedModelError):
        export_model(files, tmp_path / "edge", name="m", version="1")
    assert not list(tmp_path.iterdir())
