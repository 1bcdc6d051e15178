"""One input scored by one model: ``boathouse infer`` in batch."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F

from boathouse.databricks.secrets import SecretReference, read_secret
from boathouse.errors import InferenceError
from boathouse.errors.inference import NOTHING_DONE
from boathouse.inference.batch import Stamp, check_balance, hold_rows, score_rows
from boathouse.inference.inputs import TABLE_NAME, check_columns, judge_input
from boathouse.inference.models import RunRecord
from boathouse.inference.outputs import BATCH, DeltaOutput, FileOutput, ScoredBatch, ScoreOutput, hide_secrets
from boathouse.inference.rows import join_features, views_of
from boathouse.problem.scored_tables import PREDICTIONS, QUARANTINE
from boathouse.scoring.feature_spec import DTYPES
from boathouse.scoring.files import digest_of
from boathouse.scoring.on_demand import select_on_demand

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.environment import Environment
    from boathouse.inference.inputs import InputRows
    from boathouse.inference.models import RoleModel
    from boathouse.problem.spec import UseCase
    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True, kw_only=True)
class ScoringRun:
    """How an input is scored.

    Attributes:
        use_case: Declares keys, views and on-demand features.
        model: Model and role.
        environment: Has the feature tables that are looked up.
        reason_count: Reasons per adverse decision, at most.
    """

    use_case: UseCase
    model: RoleModel
    environment: Environment
    reason_count: int

    def name_batch(self, source: InputRows) -> str:
        """Return the id of the batch: the same for the same rows, model, role, reasons and feature tables."""
        parts = [source.identity, digest_of(self.model.model.files), self.model.role, str(self.reason_count)]
        if not self.has_features(source):
            parts += [f"{location.table}@{location.require_version()}" for location in self._view_locations().values()]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def has_features(self, source: InputRows) -> bool:
        """Return whether the input brings all features of the model, so that none are looked up."""
        return set(self.model.model.features) <= set(source.rows.columns)

    def score(self, source: InputRows) -> ScoredBatch:
        """Return every row of the input, scored or quarantined.

        Raises:
            InferenceError: If columns are missing or of another type, or there are no rows.
            DataQualityError: If a row got lost or doubled.
        """
        wanted = self._columns(source)
        keys, time, contracts = self.use_case.keys, self.use_case.time_column, self.use_case.contracts
        check_columns(dict(source.rows.dtypes), wanted, where=source.name, as_text=source.as_text, keys=keys)
        rows = hold_rows(source.rows.select(*wanted))
        total = rows.count()
        if not total:
            raise InferenceError(f"The input {source.name} has no rows. {NOTHING_DONE}")
        given = (column for name, column in self.use_case.given_columns.items() if name in wanted)
        declared = (*self.use_case.entity.keys, *given)
        judged = judge_input(rows, wanted, keys=self.use_case.identity, declared=declared)
        ready, record = self._join(hold_rows(judged.scorable), source)
        views = () if self.has_features(source) else views_of(self.model.model, self.use_case)
        stamp = Stamp(
            model=self.model,
            feature_versions=record.feature_versions(views),
            data_versions=sorted(f"{name}@{version}" for name, version in record.table_versions.items()),
            run_id=record.run_id,
            scored_at=datetime.now(UTC),
        )
        brought = sorted(set(wanted) - set(self.use_case.identity))
        split = score_rows(ready, stamp, keys=keys, time=time, reason_count=self.reason_count, given=brought)
        model = (F.lit(self.model.model.version).alias("model_version"), F.lit(self.model.role).alias("role"))
        unread = judged.quarantined.select("*", *model)
        batch = self.name_batch(source)
        done = ScoredBatch(
            batch_id=batch,
            predictions=_collect(split.scorable, contracts[PREDICTIONS].column_names, batch),
            quarantined=_collect(split.quarantined.unionByName(unread), contracts[QUARANTINE].column_names, batch),
        )
        check_balance(total, scored=len(done.predictions), quarantined=len(done.quarantined))
        return done

    def _columns(self, source: InputRows) -> dict[str, str]:
        """Return the columns taken from the input, with their types."""
        types = {column.name: column.dtype for column in self.use_case.contracts[PREDICTIONS].columns}
        wanted = {name: types[name] for name in self.use_case.identity}
        if self.has_features(source):
            return wanted | {name: DTYPES[kind] for name, kind in self.model.model.feature_kinds.items()}
        computed = select_on_demand(self.model.model.feature_spec, self.use_case.on_demand)
        fields = {field.name: field for each in computed for field in each.request}
        taken = [name for name in sorted(fields) if name in source.rows.columns or fields[name].default is None]
        return wanted | dict.fromkeys(taken, "double")

    def _view_locations(self) -> dict[str, TableLocation]:
        """Return the location of the table of each of the model's views, by the view's label.

        Raises:
            TableError: If one has not been computed.
        """
        locations = {}
        for view in views_of(self.model.model, self.use_case):
            location = self.environment.table(view.table)
            location.require_version("feature_engineering")
            locations[view.label] = location
        return locations

    def _join(self, rows: DataFrame, source: InputRows) -> tuple[DataFrame, RunRecord]:
        """Return the rows with features, and the versions of the tables read for them."""
        if self.has_features(source):
            return rows, RunRecord(table_versions=source.versions)
        tables, versions = {}, dict(source.versions)
        for label, location in self._view_locations().items():
            versions[location.table] = location.require_version()
            tables[label] = location.read(versions[location.table])
        return join_features(rows, self.model.model, tables, self.use_case), RunRecord(table_versions=versions)


def _collect(frame: DataFrame, columns: tuple[str, ...], batch: str) -> pa.Table:
    table = frame.select(*columns).toArrow()
    return table.append_column(BATCH, pa.array([batch] * table.num_rows, pa.string()))


def open_output(text: str, environment: Environment, *, predictions: TableContract) -> ScoreOutput:
    """Return the output that ``text`` names, for rows of ``predictions``; nothing is created yet.

    Raises:
        InferenceError: If it names none, or an environment variable that is not set.
    """
    kind, _, rest = text.partition(":")
    if kind in {"parquet", "csv"} and rest:
        return FileOutput(rest, kind)
    if kind == "delta" and rest:
        return DeltaOutput.in_folder(rest, environment.engine, predictions)
    if TABLE_NAME.fullmatch(text):
        return DeltaOutput(environment.table(text), predictions)
    return _open_database(text)


def _open_database(text: str) -> ScoreOutput:
    from boathouse.inference.sql_output import SqlOutput

    url, _, table = text.rpartition("#")
    if not re.fullmatch(r"[A-Za-z_]\w*", table):
        raise InferenceError.unknown_output(hide_secrets(text))
    if url.startswith("env:"):
        name = url.removeprefix("env:")
        if not os.environ.get(name):
            raise InferenceError(
                f"The environment variable {name} is not set; it should hold the URL of a database. {NOTHING_DONE}"
            )
        return SqlOutput(os.environ[name], table)
    if url.startswith("secret:"):
        return SqlOutput(_read_url(url.removeprefix("secret:")), table)
    if "://" in url:
        return SqlOutput(url, table)
    raise InferenceError.unknown_output(hide_secrets(text))


def _read_url(place: str) -> str:
    """Return the URL of a database that the workspace keeps at ``SCOPE/KEY``.

    Raises:
        InferenceError: If this is no Databricks runtime.
        SecretError: If the workspace does not give it.
    """
    scope, _, key = place.partition("/")
    url = read_secret(SecretReference(name="output", scope=scope, key=key))
    if url is None:
        raise InferenceError(
            f"secret:{place} is read on a Databricks runtime alone; here name a variable that holds the URL: "
            f"env:NAME#table. {NOTHING_DONE}"
        )
    return url
