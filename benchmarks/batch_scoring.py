"""Time scoring from Delta to Delta on Sail beside the bare booster and MLflow's spark_udf.

Usage: ``python benchmarks/batch_scoring.py [rows]``. 24 features, 200 trees of depth 5. What reading and writing
take by themselves, measured on the same table without a model, is taken off; ratios count, not seconds.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import xgboost
from deltalake import write_deltalake
from pyspark.sql import functions as F

from boathouse.scoring.batch import score_frame
from boathouse.scoring.scorer import write_scorer
from boathouse.scoring.spec import Calibration, ScorerSpec
from boathouse.tables.engines import get_engine, stop_engines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from boathouse.scoring.files import ModelFiles

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
FEATURES = tuple(f"f{number}" for number in range(24))
TARGET = 0.5
REPEATS = 3


def make_model(matrix: np.ndarray) -> tuple[xgboost.Booster, ModelFiles]:
    """Return a booster and the same one as our model; one decision in ten or so is adverse."""
    label = (matrix[:, 0] + np.random.default_rng(1).normal(size=len(matrix)) > 1.5).astype(float)
    settings = {"max_depth": 5, "objective": "binary:logistic", "seed": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(matrix.astype(np.float32), label), num_boost_round=200)
    spec = ScorerSpec(
        algorithm="xgboost",
        features=FEATURES,
        label="label",
        calibration=Calibration("platt", (1.0, 0.0)),
        threshold=0.4,
        reason_texts={name: name for name in FEATURES},
    )
    return booster, write_scorer(spec, bytes(booster.save_raw("json")))


def best_of(act: Callable[[], object], times: int = REPEATS) -> float:
    """Return the seconds of the fastest of some runs: the others had company."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return min(taken)


def log_for_udf(files: ModelFiles, folder: Path) -> str:
    """Return the folder of the same model as MLflow stores it."""
    import mlflow

    from boathouse.registry.checks import LOADER
    from boathouse.registry.model_files import make_signature
    from boathouse.scoring.files import write_folder

    write_folder(files, folder / "data")
    path = folder / "model"
    mlflow.pyfunc.save_model(
        path=path.as_posix(),
        loader_module=LOADER,
        data_path=(folder / "data").as_posix(),
        signature=make_signature(list(FEATURES)),
        pip_requirements=["numpy"],
        input_example=None,
    )
    return path.as_posix()


def score_with_udf(spark: SparkSession, frame: DataFrame, model: str) -> DataFrame:
    """Return the frame with what MLflow's own way of scoring frames adds."""
    import mlflow.pyfunc

    # It warns of what env_manager="local" means, which is meant.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    udf = mlflow.pyfunc.spark_udf(
        spark, model, env_manager="local", result_type="probability double, decision long, reasons string"
    )
    return frame.withColumn("scored", udf(F.struct(*FEATURES)))


def main(rows: int = 400_000) -> None:
    """Measure each way and print rows a second and ratios."""
    matrix = np.random.default_rng(0).normal(size=(rows, len(FEATURES)))
    booster, files = make_model(matrix[:20_000])
    spark = get_engine("sail").session()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        columns = {name: matrix[:, place] for place, name in enumerate(FEATURES)}
        write_deltalake(folder / "in", pa.table({"row": np.arange(rows), **columns}))
        frame = spark.read.format("delta").load((folder / "in").as_posix())

        def write(scored: DataFrame, to: str = "out") -> None:
            scored.write.format("delta").mode("overwrite").save((folder / to).as_posix())

        single = matrix.astype(np.float32)
        native = best_of(lambda: booster.inplace_predict(single))
        keep = ["row", "probability", "decision", "reasons"]
        empty = frame.select(
            "row",
            F.lit(0.5).alias("probability"),
            F.lit(0).alias("decision"),
            F.array(F.lit("x")).alias("reasons"),
            *FEATURES,
        )
        # Every feature is read, as scoring reads it: a filter on all of them that keeps everything.
        read = sum((F.col(each) for each in FEATURES), F.lit(0.0)).isNotNull()
        bare = best_of(lambda: write(empty.where(read).select(*keep)))
        print(f"{rows:,} rows x {len(FEATURES)} features; reading and writing alone {bare:.2f} s")
        report("native booster", rows, native, native)
        for reasons in (0, 3):
            whole = best_of(lambda: write(score_frame(frame, files, reason_count=reasons).select(*keep)))  # noqa: B023
            report(f"ours, {reasons} reasons", rows, max(whole - bare, 1e-9), native)
        model = log_for_udf(files, folder)
        scored = score_with_udf(spark, frame.select("row", *FEATURES), model).select("row", "scored")
        udf = best_of(lambda: write(scored, "udf"), 1)
        report("spark_udf", rows, max(udf - bare, 1e-9), native)
    stop_engines()


def report(name: str, rows: int, seconds: float, native: float) -> None:
    """Print one line."""
    share = native / seconds
    note = f"   target {TARGET:.0%}" if name == "ours, 0 reasons" else ""
    print(f"{name:<16} {rows / seconds:>12,.0f} rows/s  {share:>6.0%} of the booster{note}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
