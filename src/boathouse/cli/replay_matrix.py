"""The matrix of a comparison: models trained at every cutoff as the pipeline trains them, on every later cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.cli.replay_months import MonthPlayer, count_cohorts, merge, split_params
from boathouse.errors import ReplayError
from boathouse.modelling.calibration import CalibrationOptions, CostOptions
from boathouse.modelling.leakage import LeakageOptions
from boathouse.modelling.samples import number_entities
from boathouse.modelling.selection import BaselineOptions, FeatureOptions, SearchOptions, run_trials
from boathouse.modelling.splits import SplitOptions
from boathouse.pipelines.training import nodes
from boathouse.replay.deliveries import end_of_month
from boathouse.replay.matrix import Cell, Matrix
from boathouse.scoring.scorer import Scorer, load_scorer
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from pyspark.sql import DataFrame

    from boathouse.modelling.samples import Sample

RULE, NOTHING, FIRST_MODEL = "rule", "nothing", "never"


@dataclass(frozen=True)
class TrainingOptions:
    """The group ``training`` of conf."""

    split: SplitOptions
    features: FeatureOptions
    leakage: LeakageOptions
    search: SearchOptions
    calibration: CalibrationOptions
    costs: CostOptions
    baseline: BaselineOptions

    @classmethod
    def read(cls, conf: Mapping[str, Any]) -> TrainingOptions:
        """Return the options of a group of conf."""
        return cls(
            split=SplitOptions(**conf["split"]),
            features=FeatureOptions(**conf["features"]),
            leakage=LeakageOptions(**conf["leakage"]),
            search=SearchOptions(**conf["search"]),
            calibration=CalibrationOptions(**conf["calibration"]),
            costs=CostOptions(**conf["costs"]),
            baseline=BaselineOptions(**conf["baseline"]),
        )


@dataclass(frozen=True)
class MatrixBuilder:
    """Fills the matrix from the tables of a player whose data folder has everything that was delivered.

    Attributes:
        player: Reads the tables.
        months: Last day of each month that is played.
    """

    player: MonthPlayer
    months: Sequence[date]

    @cached_property
    def _conf(self) -> dict[str, Any]:
        parameters = merge(self.player.environment.section("parameters"), self.player.params)
        return dict(parameters["training"])

    @cached_property
    def options(self) -> TrainingOptions:
        """The options of training as conf has them."""
        return TrainingOptions.read(self._conf)

    @cached_property
    def _labels(self) -> DataFrame:
        labels = self.player.read("model_input.labels")
        if labels is None:
            raise ReplayError("There is no table model_input.labels: nothing was delivered that labels follow from.")
        return labels

    @cached_property
    def known_in(self) -> dict[date, date]:
        """For each labelled cohort, the day on which its labels were known."""
        return count_cohorts(self._labels, self.months[-1], self.options.split)[0]

    @cached_property
    def cohorts(self) -> dict[date, date]:
        """The newest labelled cohort of each month, by the last day of the month."""
        found: dict[date, date] = {}
        for day in sorted(self.known_in):
            found[end_of_month(day)] = day
        return {month: day for month, day in found.items() if month in self.months}

    @cached_property
    def cutoffs(self) -> list[date]:
        """The months at whose end a model can be trained that decides on a later cohort, or on their own, if first.

        Raises:
            ReplayError: If there are fewer than two.
        """
        last = max(self.cohorts, default=self.months[0])
        found = [month for month in self.months if any(day <= month for day in self.known_in.values()) and month < last]
        if len(found) < 2:
            raise ReplayError(
                f"From {self.months[0]:%Y-%m} to {self.months[-1]:%Y-%m} a model can be trained at the end of "
                f"{len(found)} month(s) and then decide; two are needed to compare policies. Take more months."
            )
        return found

    @cached_property
    def scored(self) -> list[date]:
        """The months whose cohorts are decided on: from the first cutoff on."""
        return [month for month in self.cohorts if month >= self.cutoffs[0]]

    @cached_property
    def newest_known(self) -> dict[date, date]:
        """At each cutoff, the month of the newest cohort whose labels are known."""
        known = self.known_in
        return {cutoff: max(end_of_month(day) for day in known if known[day] <= cutoff) for cutoff in self.cutoffs}

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """Every labelled row with its features as known at its date, in the order of the keys."""
        label, keys = USE_CASE.label, list(USE_CASE.identity)
        spine = self._labels.select(*keys, label.name, label.known_date)
        tables = [self.player.environment.table(view.table).read_newest() for view in USE_CASE.current_views]
        joined = nodes.build_training_set(spine, *(each for each in tables if each is not None), use_case=USE_CASE)
        rows: pd.DataFrame = joined.toPandas()
        return rows.sort_values(keys, ignore_index=True)

    def build(self) -> Iterator[tuple[date, Matrix | None]]:
        """Yield each cutoff when its model is trained, the matrix with the last one."""
        trained: dict[tuple[date, date], Cell] = {}
        recalibrated: dict[tuple[date, date], Cell] = {}
        references: dict[str, dict[date, Cell]] = {}
        first: Scorer | None = None
        for cutoff in self.cutoffs:
            scorer, rule = self.train(cutoff, with_rule=first is None)
            later = [month for month in self.scored if month >= cutoff]
            trained |= {(cutoff, month): self.score(scorer, month) for month in later}
            if first is None:
                first = scorer
                references = {RULE: {month: self.score(rule, month) for month in later}} if rule else {}
                references[NOTHING] = {month: self.do_nothing(trained[cutoff, month]) for month in later}
            fitted = self.recalibrate(first, cutoff)
            recalibrated |= {(cutoff, month): self.score(fitted, month) for month in later}
            is_last = cutoff == self.cutoffs[-1]
            yield (
                cutoff,
                Matrix(
                    cutoffs=self.cutoffs,
                    cohorts=self.scored,
                    trained=trained,
                    recalibrated=recalibrated,
                    references=references,
                )
                if is_last
                else None,
            )

    def train(self, cutoff: date, *, with_rule: bool) -> tuple[Scorer, Scorer | None]:
        """Return the model that the pipeline would train with what was known at ``cutoff``, and the business rule."""
        train, validation, split = self._take_samples(cutoff)
        options = self.options
        trials = run_trials(train, validation, options.search, task=USE_CASE.task)
        model, _ = nodes.finish_candidate(
            trials, train, validation, options.calibration, costs=options.costs, use_case=USE_CASE, split=split
        )
        if not with_rule:
            return load_scorer(model.files), None
        rule = nodes.fit_baseline(
            train,
            validation,
            options.baseline,
            search=options.search,
            costs=options.costs,
            use_case=USE_CASE,
            split=split,
        )
        return load_scorer(model.files), load_scorer(rule.files)

    def _take_samples(self, cutoff: date) -> tuple[Sample, Sample, SplitOptions]:
        _, is_enough = count_cohorts(self._labels, cutoff, self.options.split)
        given = split_params(is_enough=is_enough).get("training", {}).get("split", {})
        split = SplitOptions(**(self._conf["split"] | given))
        spine: Any = nodes.select_spine(self._labels, cutoff, split, use_case=USE_CASE).toPandas()
        keys, made = list(USE_CASE.identity), ["split", "split_version", "split_seed"]
        training_set = self._rows.merge(spine[[*keys, *made]], on=keys, how="inner", validate="one_to_one")
        train, validation, _ = nodes.take_samples(
            training_set,
            features=self.options.features,
            leakage=self.options.leakage,
            as_of=cutoff,
            use_case=USE_CASE,
        )
        return train, validation, split

    def _take_cohort(self, month: date) -> pd.DataFrame:
        return self._rows[self._rows[USE_CASE.time_column] == self.cohorts[month]]

    def score(self, scorer: Scorer, month: date) -> Cell:
        """Return the cell of a model on the cohort of ``month``."""
        rows, task, label = self._take_cohort(month), USE_CASE.task, USE_CASE.label
        answer = scorer.answer(rows[list(scorer.spec.features)].to_numpy(dtype=np.float64))
        paired = task.pair(rows[label.name].to_numpy(dtype=np.int64), answer, label.adverse)
        return Cell.of(task.gather(paired, number_entities(rows, USE_CASE.keys)), self.options.costs)

    def do_nothing(self, cell: Cell) -> Cell:
        """Return the cell of acting on no row; its probability is the share to which the adverse value happened."""
        rows = cell.rows
        share = np.full(len(rows.label), float(rows.label.mean()))
        return Cell.of(replace(rows, probability=share, decision=np.zeros_like(rows.decision)), self.options.costs)

    def recalibrate(self, scorer: Scorer, cutoff: date) -> Scorer:
        """Return the model with calibration and threshold fitted on the newest labelled cohort that it has not seen."""
        month = self.newest_known[cutoff]
        if month not in self.scored:
            return scorer
        rows, spec, label = self._take_cohort(month), scorer.spec, USE_CASE.label
        numbers = scorer.estimator.log_odds(rows[list(spec.features)].to_numpy(dtype=np.float64))
        happened = rows[label.name].to_numpy(dtype=np.int64)
        tuned = USE_CASE.task.tune(numbers, happened, self.options.calibration, self.options.costs, label.adverse)
        return Scorer(replace(spec, calibration=tuned.calibration, threshold=tuned.threshold), scorer.estimator)
