"""A model in a process of its own: scores the same, and what a foreign one tries does not happen."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.errors import OptionError
from boathouse.lifecycle.fresh_process import (
    LoadOptions,
    LoadReport,
    check_scores,
    load_in_fresh_process,
    make_rows,
    run_guarded,
)
from boathouse.scoring.scorer import load_scorer, write_scorer
from tests.fixtures.model_store import make_model
from tests.scoring.test_scorer import make_files

if TYPE_CHECKING:
    from boathouse.scoring.files import ModelFiles

good_files = cache(make_files)
OPTIONS = LoadOptions(timeout_s=60, batch_rows=50, repetitions=3, seed=7)


@pytest.mark.parametrize("algorithm", ["xgboost", "hist_gradient_boosting", "rate_table"])
def test_a_good_model_loads_and_scores_the_same_bits(algorithm: str) -> None:
    files = good_files(algorithm)
    found = load_in_fresh_process(files, OPTIONS)
    assert found.problem == ""
    assert found.row_ms > 0
    assert found.batch_ms > 0
    scorer = load_scorer(files)
    assert np.array(found.probabilities).tobytes() == scorer.predict_probability(make_rows(files, OPTIONS)).tobytes()
    assert check_scores(found, scorer, files, OPTIONS) == found


def test_another_score_in_another_process_is_a_problem() -> None:
    files = make_model().files
    scorer = load_scorer(files)
    scores = scorer.predict_probability(make_rows(files, OPTIONS))
    scores[3] = np.nextafter(scores[3], 1)
    report = LoadReport(problem="", row_ms=1, batch_ms=1, probabilities=scores.tolist())
    assert check_scores(report, scorer, files, OPTIONS).problem == "1 rows score otherwise by themselves"
    broken = replace(report, problem="no")
    assert check_scores(broken, scorer, files, OPTIONS) == broken


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


def with_estimator(content: bytes, algorithm: str = "hist_gradient_boosting") -> ModelFiles:
    """Return a sealed model around a foreign estimator: the seal is right, the estimator is not."""
    spec = replace(load_scorer(make_model().files).spec, algorithm=algorithm)
    return write_scorer(spec, content)


def skops_archive(schema: dict[str, Any], **members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps(schema))
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def node(loader: str, module: str, name: str, **content: Any) -> dict[str, Any]:
    """Return a node of a skops file."""
    told = {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **content}
    return {**told, "protocol": 2, "_skops_version": "0.16"}


def attacks(executed: str) -> dict[str, ModelFiles]:
    """Return sealed models whose estimators would touch the file ``executed``."""
    touch = node("ReduceNode", "os", "system", content={}, reduce={"args": [f"touch {executed}"]})
    function = node("FunctionNode", "os", "system", content=f"touch {executed}")
    foreign = node("ObjectNode", "subprocess", "Popen", content=node("DictNode", "builtins", "dict", content={}))
    absent = node("ObjectNode", "attack_module", "Attack", content=None)
    bomb = pickle.dumps(Bomb(executed))
    return {
        "a pickle for a booster": with_estimator(bomb, "xgboost"),
        "a pickle for skops": with_estimator(bomb),
        "a pickle for json": with_estimator(bomb, "logistic_regression"),
        "skops that reduces": with_estimator(skops_archive(touch)),
        "skops with a function": with_estimator(skops_archive(function)),
        "skops with a foreign object": with_estimator(skops_archive(foreign)),
        "skops with a foreign module": with_estimator(skops_archive(absent)),
        "skops without schema": with_estimator(skops_archive({})),
        "no archive": with_estimator(b"PK\x03\x04 and nothing more"),
        "json without end": with_estimator(b"[" * 100_000, "logistic_regression"),
        "json of another kind": with_estimator(b"[1, 2]", "rate_table"),
        "half a booster": with_estimator(good_files("xgboost")["booster.json"][:500], "xgboost"),
    }


NAMES = list(attacks("/nowhere"))


@pytest.mark.parametrize("name", NAMES)
def test_a_sealed_model_with_a_foreign_estimator_is_refused_here(name: str, tmp_path: Path) -> None:
    from boathouse.errors import UntrustedModelError

    executed = tmp_path / "executed"
    with pytest.raises(UntrustedModelError):
        load_scorer(attacks(str(executed))[name])
    assert not executed.exists()


@pytest.mark.parametrize("name", ["a pickle for a booster", "skops that reduces", "skops with a foreign module"])
def test_and_in_the_process_of_its_own(name: str, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    found = load_in_fresh_process(attacks(str(executed))[name], OPTIONS)
    assert found.problem.startswith("UntrustedModelError")
    assert np.isnan(found.row_ms)
    assert not executed.exists()


# What code would do if it got through all checks: run under the guard, past the loader.
DEEDS = {
    "unpickle": "import pickle; pickle.loads(payload)",
    "unpickle past the blocked functions": "import pickle, io; pickle.Unpickler(io.BytesIO(payload)).load()",
    "write a file": "open(target, 'w')",
    "write a file by its number": "import os; os.open(target, os.O_CREAT | os.O_WRONLY)",
    "start a process": "import subprocess; subprocess.run(['touch', target])",
    "start a shell": "import os; os.system('touch ' + target)",
    "fork": "import os; os.fork() or open(target, 'w')",
    "import a foreign module": "import attack_module",
    "import it by name": "import importlib; importlib.import_module('attack_module')",
    "open a connection": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "load a library": "import ctypes; ctypes.CDLL('libc.so.6')",
    "delete a file": "import os; os.remove(kept)",
    "rename a file": "import os; os.rename(kept, target)",
    "make a folder": "import os; os.mkdir(target)",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return for each deed what the guard raised; all in one process, which the first deed must not end."""
    folder = tmp_path_factory.mktemp("deeds")
    target, kept = folder / "executed", folder / "kept"
    kept.touch()
    (folder / "attack_module.py").write_text(f"open({str(target)!r}, 'w')\n", encoding="utf-8")
    program = (
        "import sys, os, json, importlib, io, socket, subprocess, ctypes, pickle, zipfile\n"
        "from boathouse.lifecycle.guarded_load import raise_guard\n"
        f"target, kept, payload = {str(target)!r}, {str(kept)!r}, {pickle.dumps(Bomb(str(target)))!r}\n"
        f"sys.path.insert(0, {str(folder)!r})\n"
        f"deeds = {DEEDS!r}\n"
        "raise_guard()\n"
        "found = {}\n"
        "for name, deed in deeds.items():\n"
        "    try:\n"
        "        exec(deed, {'target': target, 'kept': kept, 'payload': payload})\n"
        "        found[name] = 'done'\n"
        "    except Exception as error:\n"
        "        found[name] = type(error).__name__\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not target.exists()
    assert kept.exists()
    read: dict[str, str] = json.loads(done.stdout)
    return read


@pytest.mark.parametrize("deed", DEEDS)
def test_the_guard_refuses(deed: str, refusals: dict[str, str]) -> None:
    assert refusals[deed] == "RefusedError"


def test_what_takes_too_long_is_ended_and_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from boathouse.lifecycle import fresh_process

    (tmp_path / "endless.py").write_text("while True: pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(fresh_process, "_CHILD", "endless")
    found = run_guarded(tmp_path / "model", tmp_path / "rows.npy", replace(OPTIONS, timeout_s=1))
    assert found.problem == "it did not load and score within 1 s"


@pytest.mark.parametrize(
    "program",
    ["import os; os.abort()", "import sys; sys.exit(0)", "print('boathouse-load: {}\\nboathouse-load: {}')"],
)
def test_a_process_that_ends_without_an_answer_is_refused(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boathouse.lifecycle import fresh_process

    (tmp_path / "brief.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(fresh_process, "_CHILD", "brief")
    assert run_guarded(tmp_path / "model", tmp_path / "rows.npy", OPTIONS).problem.startswith("the process")


def test_no_secret_of_the_caller_reaches_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from boathouse.lifecycle import fresh_process

    monkeypatch.setenv("DATABRICKS_HOST", "secret")
    kept = fresh_process._environment()
    assert "secret" not in kept.values()
    assert set(kept) <= {*fresh_process._KEPT, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"}


@pytest.mark.parametrize(
    "change",
    [{"timeout_s": 0}, {"batch_rows": 0}, {"repetitions": 1}, {"seed": -1}],
    ids=lambda change: next(iter(change)),
)
def test_options_are_checked(change: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(change))):
        replace(OPTIONS, **change)


def test_the_attacks_start_from_a_model_that_would_load() -> None:
    assert load_scorer(with_estimator(good_files("xgboost")["booster.json"], "xgboost"))
