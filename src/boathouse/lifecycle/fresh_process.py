"""A model loaded and timed in a process of its own, which may read and compute and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from boathouse.options import require_between, require_whole
from boathouse.scoring.files import ModelFiles, write_folder
from boathouse.scoring.scorer import Scorer

# What the process prints before its result; anything else it prints is not read.
RESULT_MARK = "boathouse-load: "
_CHILD = "boathouse.lifecycle.guarded_load"
# What a child needs of the parent's runtime_environment; no token or password is among them.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True)
class LoadOptions:
    """How a model is tried.

    Attributes:
        timeout_s: Seconds after which the process is ended, 1 to 600.
        batch_rows: Rows of a batch, 1 to 100,000.
        repetitions: Times that a row and a batch are scored; the median counts, 3 to 1,000.
        seed: Seed of the rows, which are made up.
    """

    timeout_s: float
    batch_rows: int
    repetitions: int
    seed: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_between("timeout_s", self.timeout_s, 1, 600)
        require_whole("batch_rows", self.batch_rows, 1, 100_000)
        require_whole("repetitions", self.repetitions, 3, 1000)
        require_whole("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What the process found.

    Attributes:
        problem: Why the model did not load or score; empty if it did.
        row_ms: Median milliseconds for one row on one core; NaN if it did not load.
        batch_ms: Median milliseconds for a batch on one core; NaN if it did not load.
        probabilities: Of the made-up rows.
    """

    problem: str
    row_ms: float = float("nan")
    batch_ms: float = float("nan")
    probabilities: Sequence[float] = field(default=(), repr=False)


def make_rows(files: ModelFiles, options: LoadOptions) -> np.ndarray:
    """Return made-up rows, one column per feature: wide normal deviates, one in ten missing."""
    features = len(json.loads(files["spec.json"])["features"])
    generator = np.random.default_rng(options.seed)
    rows = generator.normal(scale=10.0, size=(options.batch_rows, features))
    rows[generator.random(rows.shape) < 0.1] = np.nan
    return rows


def load_in_fresh_process(files: ModelFiles, options: LoadOptions) -> LoadReport:
    """Return how ``files`` load and score in a new interpreter that refuses to unpickle, write or import foreign code.

    A file that brings the process down, or holds it up, does so to the process alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        model, rows = Path(folder) / "model", Path(folder) / "rows.npy"
        write_folder(files, model)
        np.save(rows, make_rows(files, options), allow_pickle=False)
        return run_guarded(model, rows, options)


def check_scores(report: LoadReport, scorer: Scorer, files: ModelFiles, options: LoadOptions) -> LoadReport:
    """Return ``report`` with a problem if this process scores any of the rows otherwise, by a single bit."""
    if report.problem:
        return report
    here = scorer.predict(make_rows(files, options))
    differing = int(np.count_nonzero(here != np.array(report.probabilities)))
    return replace(report, problem=f"{differing:,} rows score otherwise by themselves") if differing else report


def run_guarded(model: Path, rows: Path, options: LoadOptions) -> LoadReport:
    """Return how the folder ``model`` loads and scores ``rows`` in a guarded process."""
    # -P and -s: neither the working folder nor a user's own packages are importable.
    command = [sys.executable, "-P", "-s", "-m", _CHILD, str(model), str(rows), str(options.repetitions)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module on a folder of ours
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=options.timeout_s,
            cwd=model.parent,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        return LoadReport(problem=f"it did not load and score within {options.timeout_s:g} s")
    return _read_result(done.stdout, done.returncode)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry for entry in sys.path if entry and Path(entry).exists())
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # One core: what is measured is the model, not how many others want the machine.
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def _read_result(printed: str, code: int) -> LoadReport:
    lines = [line for line in printed.splitlines() if line.startswith(RESULT_MARK)]
    if code or len(lines) != 1:
        return LoadReport(problem=f"the process that loaded it ended with code {code}")
    result: dict[str, Any] = json.loads(lines[0].removeprefix(RESULT_MARK))
    return LoadReport(**result)
