"""The scorer: the same number for one row as for many, and nothing foreign loaded."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from skops.io import dumps

from boathouse.errors import ModelError, UntrustedModelError
from boathouse.modelling.estimators import FITS
from boathouse.modelling.samples import Sample
from boathouse.scoring import flavours
from boathouse.scoring.batch import score_batch
from boathouse.scoring.files import MANIFEST, ModelFiles, seal_files
from boathouse.scoring.flavours import FLAVOURS
from boathouse.scoring.scorer import load_scorer, write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec

FEATURES = ("a", "b")
PARAMETERS = {
    "xgboost": {"rounds": 5, "max_depth": 2},
    "logistic_regression": {"C": 1.0, "max_iter": 200},
    "hist_gradient_boosting": {"max_iter": 5},
    "rate_table": {"feature": "a", "bins": 4},
}


def make_sample() -> Sample:
    generator = np.random.default_rng(5)
    matrix = generator.normal(size=(300, 2))
    matrix[::7, 1] = np.nan
    label = (matrix[:, 0] + generator.normal(size=300) > 0).astype(np.int64)
    return Sample(features=FEATURES, matrix=matrix, label=label, window=(date(2005, 4, 30), date(2005, 6, 30)))


def make_files(algorithm: str) -> ModelFiles:
    spec = ScorerSpec(
        algorithm=algorithm,
        features=FEATURES,
        label="y",
        calibration=Calibration("platt", (1.5, -0.25)),
        threshold=0.5,
        reason_texts={"a": "A is high", "b": "B is high"},
    )
    return write_scorer(spec, FITS[algorithm](make_sample(), PARAMETERS[algorithm], 1))


@pytest.mark.parametrize("algorithm", FLAVOURS)
def test_a_row_alone_scores_as_among_others(algorithm: str) -> None:
    scorer, matrix = load_scorer(make_files(algorithm)), make_sample().matrix
    together = scorer.predict_probability(matrix)
    alone = np.concatenate([scorer.predict_probability(matrix[row : row + 1]) for row in range(len(matrix))])
    assert together.tobytes() == alone.tobytes()
    assert ((together > 0) & (together < 1)).all()


@pytest.mark.parametrize("algorithm", FLAVOURS)
def test_fitting_twice_gives_the_same_bytes_of_probability(algorithm: str) -> None:
    first, second = (load_scorer(make_files(algorithm)) for _ in range(2))
    matrix = make_sample().matrix
    assert first.predict_probability(matrix).tobytes() == second.predict_probability(matrix).tobytes()


def test_reasons_name_what_raises_the_risk() -> None:
    scorer = load_scorer(make_files("logistic_regression"))
    assert scorer.reasons(np.array([[3.0, np.nan], [-3.0, np.nan]]), 1) == [["A is high"], []]


def test_of_a_favourable_label_reasons_name_what_lowers_it() -> None:
    usual = load_scorer(make_files("logistic_regression"))
    spec = dataclasses.replace(usual.spec, adverse=0)
    assert ScorerSpec.from_json(spec.to_json()) == spec
    favourable = dataclasses.replace(usual, spec=spec)
    assert favourable.reasons(np.array([[3.0, np.nan], [-3.0, np.nan]]), 1) == [["B is high"], ["A is high"]]
    batch = pa.record_batch({"a": [3.0, -3.0], "b": [None, None]}, schema=pa.schema([("a", "double"), ("b", "double")]))
    scored = score_batch(batch, favourable, 1).to_pylist()
    assert [(row["decision"], row["reasons"]) for row in scored] == [(1, []), (0, ["A is high"])]
    with pytest.raises(UntrustedModelError):
        ScorerSpec.from_json(spec.to_json().replace(b'"adverse": 0', b'"adverse": 7'))


def test_a_model_of_an_adverse_label_has_the_files_it_had_before() -> None:
    assert b"adverse" not in load_scorer(make_files("logistic_regression")).spec.to_json()


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [
        (Calibration("none"), 0.5),
        (Calibration("platt", (1.0, float(np.log(3)))), 0.75),
        (Calibration("isotonic", (-1.0, 1.0), (0.2, 0.6)), 0.4),
    ],
)
def test_calibrations_by_hand(calibration: Calibration, expected: float) -> None:
    assert calibration.to_probability(np.array([0.0]))[0] == pytest.approx(expected, abs=1e-15)


def test_a_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(ModelError, match="2 features"):
        load_scorer(make_files("xgboost")).predict_probability(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimator.json": b"{}"}, "changed after"),
        ({"model.pkl": b""}, "holds 'model.pkl'"),
        ({"../spec.json": b""}, "holds '../spec.json'"),
        ({MANIFEST: b"[]"}, "manifest.json is not"),
        ({MANIFEST: b"{}"}, "disagree"),
    ],
)
def test_changed_files_are_refused(change: dict[str, bytes], message: str) -> None:
    with pytest.raises(UntrustedModelError, match=message):
        load_scorer({**make_files("logistic_regression"), **change})


def test_an_unknown_algorithm_is_refused() -> None:
    files = make_files("logistic_regression")
    spec = {**json.loads(files["spec.json"]), "algorithm": "pickle"}
    with pytest.raises(UntrustedModelError, match="'pickle'"):
        load_scorer(seal_files({"spec.json": json.dumps(spec).encode(), "estimator.json": files["estimator.json"]}))


class Foreign:
    """A type that nobody allowed."""

    def __init__(self) -> None:
        self.value = 1


def test_a_foreign_type_is_refused() -> None:
    files = make_files("hist_gradient_boosting")
    with pytest.raises(UntrustedModelError, match="Foreign"):
        load_scorer(seal_files({"spec.json": files["spec.json"], "estimator.skops": dumps(Foreign())}))


def test_importing_the_scorer_loads_no_data_library() -> None:
    script = (
        "import sys, boathouse.scoring, boathouse.scoring; "
        "print([name for name in ('pandas', 'pyspark', 'sklearn', 'xgboost', 'mlflow') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_small_archive_of_something_huge_is_refused_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flavours, "MAX_FILE_BYTES", 5_000_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"zeros{number}", bytes(1_000_000))
    content = packed.getvalue()
    assert len(content) < 10_000
    files = make_files("hist_gradient_boosting")
    with pytest.raises(UntrustedModelError, match="packed or unpacked"):
        load_scorer(seal_files({"spec.json": files["spec.json"], "estimator.skops": content}))


@pytest.mark.parametrize("kind", ["regressor", "dictionary"])
def test_an_estimator_of_another_kind_is_refused(kind: str) -> None:
    from sklearn.linear_model import LinearRegression

    content = dumps(LinearRegression() if kind == "regressor" else {"a": 1})
    files = make_files("hist_gradient_boosting")
    with pytest.raises(UntrustedModelError, match="not allowed"):
        load_scorer(seal_files({"spec.json": files["spec.json"], "estimator.skops": content}))


@pytest.mark.parametrize("algorithm", FLAVOURS)
@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"\x80\x04K\x01.", b'{"column": "x"}'])
def test_a_broken_estimator_of_any_kind_is_refused(algorithm: str, content: bytes) -> None:
    spec = make_files("rate_table")["spec.json"].replace(b'"rate_table"', f'"{algorithm}"'.encode())
    with pytest.raises(UntrustedModelError):
        load_scorer(seal_files({"spec.json": spec, FLAVOURS[algorithm].file: content}))


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b'{"calibration": 1}'])
def test_a_broken_spec_is_refused(content: bytes) -> None:
    files = make_files("rate_table")
    with pytest.raises(UntrustedModelError, match=r"spec\.json"):
        load_scorer(seal_files({"spec.json": content, "estimator.json": files["estimator.json"]}))
