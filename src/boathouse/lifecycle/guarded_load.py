"""The program that loads a model under guard: ``python -m boathouse.lifecycle.guarded_load MODEL ROWS TIMES``.

Libraries are imported first. From then on the process may read and compute: unpickling, importing anything that is
neither the standard library nor a package already there, starting processes, opening connections and writing files
end in an error, which is the result.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from boathouse.lifecycle.fresh_process import RESULT_MARK
from boathouse.scoring.files import read_folder
from boathouse.scoring.scorer import Scorer, load_scorer

# What a flavour imports by itself; loaded before the guard is up.
LIBRARIES = {
    "xgboost": ("xgboost", "scipy.sparse", "orjson"),
    "hist_gradient_boosting": ("sklearn.ensemble", "skops.io"),
}
# Events of PEP 578 that no loading of numbers raises.
REFUSED_EVENTS = (
    "pickle.find_class",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "os.putenv",
    "shutil.",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.getaddrinfo",
    "ctypes.dlopen",
    "urllib.Request",
    "webbrowser.open",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


class RefusedError(RuntimeError):
    """The model asked for something that loading numbers does not need."""


def raise_guard() -> None:
    """Refuse from now on, for the rest of the process; an audit hook cannot be taken away."""
    import pickle

    known = {*sys.stdlib_module_names, *(name.partition(".")[0] for name in sys.modules)}
    sys.meta_path.insert(0, ImportGuard(known))
    sys.addaudithook(refuse_event)
    pickle.loads = pickle.load = _refuse_pickle


class ImportGuard:
    """Refuses to find what is neither in the standard library nor in a package that is loaded already."""

    def __init__(self, known: Iterable[str]) -> None:
        """Remember the names of packages."""
        self._known = frozenset(known)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - importlib's
        """Leave known names to the finders behind.

        Raises:
            RefusedError: For any other.
        """
        if name.partition(".")[0] not in self._known:
            raise RefusedError(f"importing {name!r}")


def refuse_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise at an event that loading numbers does not need.

    Raises:
        RefusedError: Naming the event.
    """
    if event == "open":
        path, mode, flags = arguments
        if any(letter in (mode or "") for letter in "wax+") or (isinstance(flags, int) and flags & _WRITING):
            raise RefusedError(f"opening {Path(os.fsdecode(path)).name if isinstance(path, str | bytes) else path!r}")
    elif event.startswith(REFUSED_EVENTS):
        raise RefusedError(event)


def measure(scorer: Scorer, rows: np.ndarray, times: int) -> dict[str, Any]:
    """Return the probabilities of all rows, and the median milliseconds for the first row and for all."""
    probabilities = scorer.predict(rows)
    return {
        "problem": "",
        "row_ms": _median_ms(lambda: scorer.predict(rows[:1]), times),
        "batch_ms": _median_ms(lambda: scorer.predict(rows), times),
        "probabilities": probabilities.tolist(),
    }


def main(model: str, rows: str, times: str) -> None:
    """Load, score and print the result as one line."""
    for name in LIBRARIES.get(_read_algorithm(Path(model)), ()):
        import_module(name)
    matrix = np.load(rows, allow_pickle=False)
    raise_guard()
    try:
        result = measure(load_scorer(read_folder(Path(model))), matrix, int(times))
    except Exception as error:  # noqa: BLE001 - whatever a foreign file provokes is a result, not a crash
        result = {"problem": f"{type(error).__name__}: {error}"}
    sys.stdout.write(f"{RESULT_MARK}{json.dumps(result)}\n")


def _read_algorithm(model: Path) -> str:
    """Return the algorithm that the model says it is of; the loader looks closer."""
    with suppress(OSError, ValueError, RecursionError, TypeError, KeyError):
        return str(json.loads((model / "spec.json").read_bytes())["algorithm"])
    return ""


def _refuse_pickle(*_: object, **__: object) -> None:
    raise RefusedError("unpickling")


def _median_ms(call: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) * 1000


if __name__ == "__main__":
    main(*sys.argv[1:])
