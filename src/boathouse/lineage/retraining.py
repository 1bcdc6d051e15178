"""Training once more, from a commit, in a lakehouse and a store of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import ReproductionError
from boathouse.namespaces import find_prefix, is_table
from boathouse.tables.location import TableLocation
from boathouse.tables.time_travel import link_version

if TYPE_CHECKING:
    from boathouse.lineage.facts import ModelVersionFacts, TableFact
    from boathouse.lineage.work_tree import WorkTree

# What of a failed training is shown.
_LAST_LINES = 15
_REGISTRY = "MLFLOW_REGISTRY_URI"
_TRAINING_SET = "model_input.training_set"
# Of the caller's environment variables these would lead the training to the caller's data, store or code.
_FOREIGN = (
    "BOATHOUSE_GIT_COMMIT",
    "BOATHOUSE_GIT_BRANCH",
    "BOATHOUSE_JOB_RUN_ID",
    "KEDRO_ENV",
    "MLFLOW_EXPERIMENT_NAME",
    _REGISTRY,
    "MLFLOW_RUN_ID",
)


def link_tables(tables: Iterable[TableFact], lakehouse: Mapping[str, str], root: Path) -> None:
    """Put each table, at its recorded version, into the lakehouse below ``root``."""
    for table in tables:
        if table.version is not None:
            path = TableLocation.from_lakehouse(table.table, dict(lakehouse)).path
            link_version(Path(str(path)), table.version, root.joinpath(*table.table.split(".")))


def write_conf(project: Path, parameters: Mapping[str, Any], target: Path) -> Path:
    """Return a copy of the commit's configuration whose parameters are those on record; its own if none are.

    The recorded ones include what the run was given on its command line.
    """
    import yaml

    shutil.copytree(project / "conf", target)
    if parameters:
        for path in target.rglob("parameters*"):
            path.unlink() if path.is_file() else shutil.rmtree(path)
        (target / "base" / "parameters.yml").write_text(
            yaml.safe_dump(nest(parameters), sort_keys=False), encoding="utf-8"
        )
    return target


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree of which ``flat`` has the leaves by dotted name."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *branches, leaf = name.split(".")
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
        place[leaf] = value
    return tree


def train_again(facts: ModelVersionFacts, tree: WorkTree, conf: Path) -> str:
    """Run the training of the commit in ``tree``; return the address of the store that it has filled.

    Raises:
        ReproductionError: If it fails; quotes the end of its output.
    """
    data = tree.folder / "data"
    store = f"sqlite:///{data / 'mlflow.db'}"
    command = [sys.executable, "-m", "boathouse", "run", "--pipelines", "training"]
    command += ["--env", str(facts.run.environment), "--conf-source", conf.as_posix()]
    environ = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    environ |= {
        "PYTHONPATH": (tree.project / "src").as_posix(),
        "BOATHOUSE_DATA": data.as_posix(),
        "BOATHOUSE_ENGINE": str(facts.runtime_environment.engine),
        "MLFLOW_TRACKING_URI": store,
        **_name_tables(facts.tables),
    }
    _run(command, environ, tree, facts.title)
    return store


def _name_tables(tables: Iterable[TableFact]) -> dict[str, str]:
    """Return the variables with which a run reads and writes tables of the recorded names."""
    for name in (each.table for each in tables if is_table(each.table, _TRAINING_SET)):
        prefix = find_prefix(name, _TRAINING_SET)
        return {"BOATHOUSE_CATALOG": name.partition(".")[0], "BOATHOUSE_SCHEMA_PREFIX": prefix}
    return {}


def _run(command: list[str], environ: dict[str, str], tree: WorkTree, title: str) -> None:
    log = tree.folder / "training.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and words of ours
            command,
            cwd=tree.project,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(tree.lock,),
        )
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        end = "\n".join(lines[-_LAST_LINES:])
        raise ReproductionError(f"{title}: training it again failed. Its output ended with:\n{end}")


@contextmanager
def store_at(uri: str) -> Iterator[None]:
    """Have MLflow use the store at ``uri`` within the block."""
    import mlflow

    # Setting a registry exports this variable. What was not set must not stay set: it would outlive the tracking URI.
    tracking, registry = mlflow.get_tracking_uri(), os.environ.get(_REGISTRY)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(tracking)
        mlflow.set_registry_uri(registry or "")
        if registry is None:
            os.environ.pop(_REGISTRY, None)
