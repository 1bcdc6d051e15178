"""Training a version again from its commit, data and parameters, and comparing the predictions of both."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import ReproductionError
from boathouse.lineage.differences import (
    Reproduction,
    compare_predictions,
    count_changed,
    find_differences,
    has_texts_only,
)
from boathouse.lineage.retraining import link_tables, store_at, train_again, write_conf
from boathouse.lineage.version_facts import read_version
from boathouse.lineage.work_tree import check_out, run_git
from boathouse.namespaces import is_table
from boathouse.registry.model_files import download_model
from boathouse.scoring.files import digest_of
from boathouse.tables.engines import get_engine
from boathouse.tables.location import TableLocation
from boathouse.tables.time_travel import list_version_files

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from boathouse.features.feature_view import FeatureView
    from boathouse.lineage.facts import ModelVersionFacts
    from boathouse.scoring.files import ModelFiles
    from boathouse.scoring.scorer import Scorer

# The table whose test rows are compared, and how it marks them.
TRAINING_SET = "model_input.training_set"
_SPLIT, _TEST = "split", "test"


def reproduce(
    name: str,
    wanted: str,
    *,
    lakehouse: Mapping[str, str],
    views: Sequence[FeatureView],
    project: Path,
    allow_dirty: bool = False,
) -> Reproduction:
    """Train a version once more and return how its predictions compare; checkout, tables and store stay as they are.

    Args:
        name: Registered name.
        wanted: Number of the version, or an alias.
        lakehouse: ``{engine, root}`` of the recorded tables.
        views: The declared feature views.
        project: Folder of the project in a git checkout.
        allow_dirty: Whether to go on from the commit alone if files differed from it.

    Raises:
        ReproductionError: If something for it is missing, tables are in a catalog, or the training fails.
        ModelError: If there is no such version.
    """
    if get_engine(lakehouse["engine"]).capabilities.table_names:
        raise ReproductionError(
            f"Expected tables in folders, found engine '{lakehouse['engine']}', whose tables are in a catalog: a "
            "training is repeated in a folder of its own, which nothing else writes. Train again in the catalog of an "
            "environment instead, from the same commit and with --load-versions, and compare: boathouse models compare."
        )
    facts = read_version(name, wanted, lakehouse, views=views)
    if facts.source:
        # A copy has the files of its source, which was trained in another environment.
        source, _, number = facts.source.rpartition("/")
        facts = read_version(source, number, lakehouse, views=views)
    check_reproducible(facts, project, allow_dirty=allow_dirty)
    files = download_model(facts.name, facts.version)
    with check_out(project, str(facts.code.commit)) as tree:
        root = tree.folder / "data" / "lakehouse"
        link_tables(facts.tables, lakehouse, root)
        kept = {} if has_texts_only(facts.parameters) else facts.parameters
        conf = write_conf(tree.project, kept, tree.folder / "conf")
        with store_at(train_again(facts, tree, conf)):
            there = {"engine": lakehouse["engine"], "root": root.as_posix()}
            again = read_version(facts.name, "1", there, views=views)
            found = download_model(again.name, again.version)
            return _compare(_Side(facts, files, lakehouse), _Side(again, found, there))


def check_reproducible(facts: ModelVersionFacts, project: Path, *, allow_dirty: bool) -> None:
    """Check that everything is there before anything is done.

    Raises:
        ReproductionError: Naming the first thing that is missing and what to do.
    """
    here = platform.python_version()
    if not facts.code.commit:
        raise ReproductionError(
            f"{facts.title}: no commit is on record, so its code is not known. Train from a git checkout, or set "
            "BOATHOUSE_GIT_COMMIT where an installed wheel trains."
        )
    _check_commit(facts, project)
    if facts.code.dirty != "false" and not allow_dirty:
        raise ReproductionError(
            f"{facts.title} was trained from files that differed from its commit (digest of the difference: "
            f"{facts.code.difference or 'not recorded'}), and the difference itself was not kept. --allow-dirty goes "
            "on from the commit alone; then equal predictions show that the difference did not matter, and different "
            "ones show nothing."
        )
    recorded = facts.runtime_environment.python
    if recorded and _minor(recorded) != _minor(here):
        raise ReproductionError(
            f"{facts.title} was trained with Python {recorded}; this is {here}. Run this command with Python "
            f"{'.'.join(_minor(recorded))}, in an environment installed from the requirements.lock of its commit."
        )
    _check_tables(facts)


def _check_tables(facts: ModelVersionFacts) -> None:
    engine = facts.runtime_environment.engine
    if engine not in {"sail", "spark"}:
        raise ReproductionError(
            f"{facts.title} was trained on the engine {engine or 'not recorded'}, whose tables go by name and cannot "
            "be put into a folder. Only versions trained on sail or spark can be reproduced here."
        )
    if not any(is_table(each.table, TRAINING_SET) for each in facts.tables) or not facts.run.environment:
        raise ReproductionError(
            f"{facts.title}: the tables it was trained on, with the training set whose test rows are compared, are not "
            "on record. The run was probably killed before its end; train again."
        )
    problems = [f"- {each.problem}" for each in facts.tables if each.readable is False]
    if problems:
        raise ReproductionError("\n".join([f"{facts.title}: its data cannot be read as they were.", *problems]))


def _check_commit(facts: ModelVersionFacts, project: Path) -> None:
    try:
        run_git(project, "rev-parse", "--git-dir")
    except ReproductionError as error:
        raise ReproductionError(
            f"{project.as_posix()} is not in a git checkout, so no commit can be checked out. Run this in that of the "
            "project."
        ) from error
    try:
        run_git(project, "cat-file", "-e", f"{facts.code.commit}^{{commit}}")
    except ReproductionError as error:
        raise ReproductionError(
            f"{facts.title} was trained from commit {facts.code.commit}, which the repository of {project.as_posix()} "
            "does not have. Fetch it: git fetch --all, in a shallow clone git fetch --unshallow."
        ) from error


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


@dataclass(frozen=True)
class _Side:
    """One of the two trainings."""

    facts: ModelVersionFacts
    files: ModelFiles
    lakehouse: Mapping[str, str]

    def scorer(self) -> Scorer:
        from boathouse.scoring.scorer import load_scorer

        return load_scorer(self.files)

    def training_set(self) -> tuple[str, pa.Table]:
        """Return name and rows of the training set at the version that the model was fitted on."""
        import pyarrow.dataset as ds

        table = next(each for each in self.facts.tables if is_table(each.table, TRAINING_SET))
        path = Path(str(TableLocation.from_lakehouse(table.table, dict(self.lakehouse)).path))
        files = [(path / file).as_posix() for file in list_version_files(path, int(table.version or 0))]
        return table.table, ds.dataset(files, format="parquet").to_table()


def _compare(recorded: _Side, found: _Side) -> Reproduction:
    name, rows = recorded.training_set()
    _, rows_again = found.training_set()
    test = _test_rows(rows)
    before, after = (_answer(each.scorer(), test) for each in (recorded, found))
    main, *further = before
    different, largest = compare_predictions(before[main], after[main])
    return Reproduction(
        title=recorded.facts.title,
        commit=str(recorded.facts.code.commit),
        rows=test.num_rows,
        columns=tuple(before),
        different=different,
        largest=largest,
        decisions=count_changed([(before[column], after[column]) for column in further]),
        same_files=digest_of(recorded.files) == digest_of(found.files),
        differences=find_differences(
            recorded.facts, found.facts, contents={name: (digest_rows(rows), digest_rows(rows_again))}
        ),
        notes=tuple(_notes(recorded.facts)),
    )


def _test_rows(rows: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    return rows.filter(pc.equal(rows[_SPLIT], _TEST))


def _answer(scorer: Scorer, rows: pa.Table) -> dict[str, np.ndarray]:
    """Return the columns of the answer, the main one first, whichever features the scorer takes."""
    import numpy as np

    columns = [rows[name].to_numpy().astype(np.float64) for name in scorer.spec.features]
    matrix = np.column_stack(columns) if columns else np.empty((rows.num_rows, 0))
    return scorer.answer(matrix)


def digest_rows(rows: pa.Table) -> str:
    """Return 16 hexadecimal digits that are equal for equal rows in whatever order and files."""
    names = sorted(rows.column_names)
    ordered = rows.select(names).sort_by([(name, "ascending") for name in names])
    digest = hashlib.sha256("|".join(names).encode())
    for name in names:
        digest.update(repr(ordered[name].to_pylist()).encode())
    return digest.hexdigest()[:16]


def _notes(facts: ModelVersionFacts) -> list[str]:
    notes = []
    if facts.code.dirty != "false":
        notes.append("files differed from the commit when it was trained; they could not be brought back.")
    if has_texts_only(facts.parameters):
        notes.append("its parameters were not kept as a file: those of the commit were used.")
    return notes
