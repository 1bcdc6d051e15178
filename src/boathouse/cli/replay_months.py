"""The months of a replay: pipelines run in this process, and what they left is read from their tables."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from boathouse.lifecycle.decided_versions import LedgerVersions
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.modelling.splits import SplitOptions
from boathouse.problem.scored_tables import CHAMPION
from boathouse.replay.policies import ALARMS, MonthFacts, choose_action
from boathouse.replay.records import Earned, MonthRecord, Progress, Raised
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame

    from boathouse.environment import Environment
    from boathouse.lifecycle.resolution import RecordedModel
    from boathouse.replay.deliveries import Book

# What pipelines print goes here, below the data folder.
LOG = "replay.log"
# Where too few cohorts are labelled for a split by time, a share of the entities is kept from training instead.
HASH_SPLIT = {"by": "hash", "validation_share": 0.2, "test_share": 0.2, "seed": 20050930}
# Of ``monitoring.alerts``, in the order of :class:`Raised`.
ALERT_COLUMNS = ("kind", "severity", "subject", "action_name")


def merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return two trees of parameters in one; where both have a value the second's holds."""
    merged = dict(first)
    for name, value in second.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merge(merged[name], value) if both else value
    return merged


@contextmanager
def write_aside(path: Path) -> Iterator[None]:
    """Let what pipelines print and log go to the end of the file ``path``."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    with path.open("a", encoding="utf-8") as log, redirect_stdout(log):
        before = [each.setStream(log) for each in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream or sys.stderr)


def count_cohorts(labels: DataFrame, until: date, split: SplitOptions) -> tuple[dict[date, date], bool]:
    """Return the day on which each cohort's labels were known up to ``until``, and whether ``split`` has enough."""
    from pyspark.sql import functions as F

    time, known = USE_CASE.time_column, USE_CASE.label.known_date
    rows = labels.where(F.col(known) <= F.lit(until)).groupBy(time).agg(F.max(known).alias(known)).collect()
    found = {row[time]: row[known] for row in rows}
    needed = (split.validation_cohorts or 0) + (split.test_cohorts or 0)
    return found, split.by != "cohorts" or len(found) > needed


def split_params(*, is_enough: bool) -> dict[str, Any]:
    """Return the parameters of the split of a training: those of conf where there are enough cohorts for it."""
    if is_enough:
        return {}
    without = dict.fromkeys(("validation_cohorts", "test_cohorts"))
    return {"training": {"split": {**without, **HASH_SPLIT}}}


@dataclass
class MonthPlayer:
    """Plays one month after the other in an environment whose data folder is the replay's own.

    Attributes:
        environment: The environment.
        book: What is delivered.
        folder: The data folder.
        params: Parameters of every run, beside those of conf.
        tell: Is told what runs.
        month: Month that is played, YYYY-MM.
    """

    environment: Environment
    book: Book
    folder: Path
    params: Mapping[str, Any]
    tell: Callable[[str], None] = lambda _text: None
    month: str = ""

    def __post_init__(self) -> None:
        """Read what conf says of costs and split."""
        self.model = self.environment.promoted_models[0]
        self.rule_model = self.environment.section("catalog")["models.baseline"]["name"]
        conf = merge(self.environment.section("parameters"), self.params)
        training, self.quality_tables = conf["training"], conf["promotion"]["gates"]["quality_tables"]
        self.costs, self.split = CostOptions(**training["costs"]), SplitOptions(**training["split"])

    def run(self, pipelines: list[str], as_of: date, **params: Any) -> None:  # noqa: ANN401 - trees of parameters
        """Run pipelines as one Kedro session; what it prints goes to the log."""
        from kedro.framework.project import configure_project
        from kedro.framework.session import KedroSession

        configure_project("boathouse")
        given = merge(merge(self.describe_undelivered(as_of), self.params), {"as_of": as_of.isoformat(), **params})
        source = self.environment.conf_source.absolute()
        self.tell(f"{as_of:%Y-%m}: {', '.join(pipelines)}")
        with (
            write_aside(self.folder / LOG),
            KedroSession.create(
                project_path=source.parent, env=self.environment.name, runtime_params=given, conf_source=str(source)
            ) as session,
        ):
            cast("KedroSession", session).run(pipeline_names=pipelines)

    def describe_undelivered(self, as_of: date) -> dict[str, Any]:
        """Return the parameters that let tables be empty of which nothing was delivered by ``as_of``."""
        delivered = {f"clean.{name}" for name in self.book.list_delivered(as_of)}
        judged = [each for each in self.quality_tables if each in delivered]
        quality, gates = {"undelivered_ok": True}, {"quality_tables": judged}
        return {"data_prep": {"quality": quality}, "promotion": {"gates": gates}}

    def read(self, table: str) -> DataFrame | None:
        """Return a table as it is now, or None where there is none."""
        return self.environment.table(table).read_newest()

    def read_model(self) -> RecordedModel:
        """Return what the ledger says of the model."""
        return LedgerVersions(self.environment.lakehouse).read(self.model)

    def prepare(self, record: MonthRecord, month: date, before: date | None) -> MonthRecord:
        """Deliver what became known in the month, check it, compute features, and score with the champion."""
        delivered = self.book.deliver(month, self.folder, after=before)
        champion = self.read_model().now.champion or ""
        spine = next(each for each in USE_CASE.sources if each.cleaned.name == USE_CASE.spine_table)
        scores = bool(champion and delivered.get(spine.name))
        pipelines = ["data_prep", "feature_engineering", *(["batch_inference"] if scores else [])]
        self.run(pipelines, month, batch_inference={"scoring": {"cohorts": 1}})
        record = record.after("prepared", delivered=delivered, champion=champion)
        return self.note_scored(record, month, champion) if scores else record

    def note_scored(self, record: MonthRecord, month: date, champion: str) -> MonthRecord:
        """Return the record with what was scored last."""
        from pyspark.sql import functions as F

        from boathouse.registry.dataset import ModelVersionDataset

        time, scored = USE_CASE.time_column, self.read("inference.predictions")
        if scored is None:
            return record
        own = scored.where((F.col("role") == CHAMPION) & (F.col("model_version") == champion) & (F.col(time) <= month))
        newest = own.groupBy(time).count().orderBy(F.col(time).desc()).limit(1).collect()
        rule: LoadedModel | NoModel = ModelVersionDataset(name=self.rule_model, missing_ok=True).load()
        return replace(
            record,
            scored_by=champion,
            cohort=newest[0][time].isoformat(),
            scored=int(newest[0]["count"]),
            rule=rule.version if isinstance(rule, LoadedModel) else "",
        )

    def watch(self, record: MonthRecord, month: date, progress: Progress) -> MonthRecord:
        """Receive the labels, monitor, and read the alerts."""
        if not any(each.scored_by for each in (*progress.months, record)):
            return record.after("watched")
        self.run(["monitoring"], month)
        done = {each.cohort for one in progress.months for each in one.earned}
        labels, scored = self.read("model_input.labels"), [*progress.months, record]
        known = count_cohorts(labels, month, self.split)[0] if labels is not None else {}
        waiting = [each for each in scored if each.cohort and each.cohort not in done]
        earned = [self.measure(each) for each in waiting if date.fromisoformat(each.cohort) in known]
        return record.after("watched", earned=tuple(earned), alerts=self.read_alerts(month))

    def read_alerts(self, month: date) -> tuple[Raised, ...]:
        """Return the alerts of the month, alarms first, then by kind and subject."""
        from pyspark.sql import functions as F

        table = self.read("monitoring.alerts")
        if table is None:
            return ()
        rows = table.where(F.col("as_of") == F.lit(month)).select(*ALERT_COLUMNS).collect()
        found = {Raised(*row) for row in rows if row["kind"] != "none"}
        return tuple(sorted(found, key=lambda each: (each.severity not in ALARMS, each.kind, each.subject)))

    def measure(self, record: MonthRecord) -> Earned:
        """Return what the decisions on the cohort of ``record`` cost, now that its labels are known."""
        from pyspark.sql import functions as F

        from boathouse.registry.dataset import load_registered

        task, label, time = USE_CASE.task, USE_CASE.label, USE_CASE.time_column
        day = F.lit(date.fromisoformat(record.cohort))
        tables = [self.read(name) for name in ("inference.predictions", "model_input.labels", "inference.features")]
        scored, labels, features = (table.where(F.col(time) == day) for table in tables if table is not None)
        own = scored.where((F.col("role") == CHAMPION) & (F.col("model_version") == record.scored_by))
        rule = load_registered(self.rule_model, record.rule) if record.rule else None
        answers = [column.name for column in task.outputs.columns]
        inputs = rule.features if rule else ()
        keys = list(USE_CASE.keys)
        rows: Any = (
            own.select(*keys, *answers)
            .join(labels.select(*keys, label.name), keys)
            .join(features.select(*keys, *(name for name in inputs if name not in keys)), keys)
            .toPandas()
        )
        happened = rows[label.name].to_numpy(dtype=np.float64)
        ours = task.pair(happened, {name: rows[name].to_numpy(dtype=np.float64) for name in answers}, label.adverse)
        theirs = rule.scorer.answer(rows[list(inputs)].to_numpy(dtype=np.float64)) if rule else None
        return self.price(record, ours, task.pair(happened, theirs, label.adverse) if theirs else None)

    def price(self, record: MonthRecord, ours: Any, theirs: Any) -> Earned:  # noqa: ANN401 - rows of the task
        """Return the costs of our decisions, of the rule's, and of none."""
        task, count = USE_CASE.task, len(ours.label)
        sampling = BootstrapOptions(samples=20, confidence=0.95, seed=0)
        cost, measured = task.words.cost, task.measure(ours, self.costs)
        nothing = task.resample_references(ours, sampling, self.costs)["nothing"][0]
        return Earned(
            cohort=record.cohort,
            version=record.scored_by,
            rows=count,
            model=round(measured[cost] * count, 2),
            rule=None if theirs is None else round(task.measure(theirs, self.costs)[cost] * count, 2),
            nothing=round(nothing * count, 2),
            figure=round(measured[task.decisive], 6),
        )

    def act(self, record: MonthRecord, month: date, progress: Progress, policy: str) -> Iterator[MonthRecord]:
        """Yield the record when the action begins, and when it is done; one that broke off is gone on with."""
        labels = self.read("model_input.labels")
        known, is_enough = count_cohorts(labels, month, self.split) if labels is not None else ({}, False)
        model, earlier = self.read_model(), [each for each in progress.months if each.month < record.month]
        facts = MonthFacts(
            has_champion=bool(record.champion),
            cohorts=len(known),
            new_labels=any(f"{day:%Y-%m}" == record.month for day in known.values()) or not earlier,
            alerts=record.alerts,
        )
        choice = choose_action(policy, facts)
        trains = choice.action in {"start", "retrain"}
        before = record.before if record.before is not None else len(model.records)
        begun = replace(record, action=choice.action, reason=choice.reason, before=before)
        if begun != record:
            yield begun
        record = begun
        if trains:
            self.retrain(month, before, split_params(is_enough=is_enough))
            record = self.note_outcome(record, before)
            if choice.action == "start" and record.champion and not record.scored_by:
                self.run(["batch_inference"], month, batch_inference={"scoring": {"cohorts": 1}})
                record = self.note_scored(record, month, record.champion)
                self.run(["monitoring"], month)
        yield record.after("acted")

    def retrain(self, month: date, before: int, split: dict[str, Any]) -> None:
        """Train, evaluate and promote under the gates; go on where an earlier attempt broke off."""
        since = self.read_model().records[before:]
        if any(each.kind in {"compared", "rejected"} for each in since):
            return
        made = [each.version for each in since if each.kind == "registered"]
        if made:
            self.run(["evaluation", "promotion"], month, candidate={"version": made[-1]}, **split)
        else:
            self.run(["training", "evaluation", "promotion"], month, **split)

    def note_outcome(self, record: MonthRecord, before: int) -> MonthRecord:
        """Return the record with what the ledger says came of the action."""
        model = self.read_model()
        made = [each.version or "" for each in model.records[before:] if each.kind == "registered"]
        state = model.now.versions.get(made[-1]) if made else None
        waits = any(each.version == made[-1] for each in model.now.open_requests) if made else False
        outcome = "waits for approval" if waits else f"{state.stage}: {state.reason}" if state else ""
        return replace(record, candidate=made[-1] if made else "", outcome=outcome, champion=model.now.champion or "")

    def play(self, progress: Progress, months: list[date], policy: str) -> Iterator[Progress]:
        """Yield the progress after each step of each month that is not done, for the caller to write down."""
        for place, month in enumerate(months):
            name, before = f"{month:%Y-%m}", months[place - 1] if place else None
            record = progress.find(name)
            if record.is_done:
                continue
            self.month = name
            if "prepared" not in record.steps:
                yield (progress := progress.with_month(record := self.prepare(record, month, before)))
            if "watched" not in record.steps:
                earlier = replace(progress, months=tuple(each for each in progress.months if each.month < name))
                yield (progress := progress.with_month(record := self.watch(record, month, earlier)))
            for acted in self.act(record, month, progress, policy):
                yield (progress := progress.with_month(acted))
