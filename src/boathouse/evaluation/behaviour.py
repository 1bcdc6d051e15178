"""Tests of a model's behaviour: what it has to do for single cases, whatever its metrics say of all of them.

After Ribeiro et al. 2020 (CheckList): minimum function, invariance, direction; and robustness to holes and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.errors import OptionError
from boathouse.options import require_between, require_choice, require_whole

if TYPE_CHECKING:
    import pandas as pd

    from boathouse.scoring.scorer import Scorer

# Tables of a few entities, by name; features by name, float64 with NaN for missing.
Tables = Mapping[str, "pd.DataFrame"]
Columns = Mapping[str, np.ndarray]


def _moved(before: np.ndarray, after: np.ndarray, top: float) -> np.ndarray:  # noqa: ARG001 - one signature for all
    moved: np.ndarray = np.abs(after - before)
    return moved


def _fallen(before: np.ndarray, after: np.ndarray, top: float) -> np.ndarray:  # noqa: ARG001
    fallen: np.ndarray = before - after
    return fallen


def _score(before: np.ndarray, after: np.ndarray, top: float) -> np.ndarray:  # noqa: ARG001
    return after


def _distance_from_top(before: np.ndarray, after: np.ndarray, top: float) -> np.ndarray:  # noqa: ARG001
    return top - after


def _short_of_mean(before: np.ndarray, after: np.ndarray, top: float) -> np.ndarray:  # noqa: ARG001
    mean = before.mean() if len(before) else np.nan
    # Without a mean above 0 there is no share of it; a missing number fails.
    short: np.ndarray = 1 - after / (mean if mean > 0 else np.nan)
    return short


# The rule that compares with the rows that the model was fitted on, not with the cases before the change.
MEAN_RULE = "not_below_mean"
# What is measured of each case, from the answers before and after and the greatest answer there can be; it must not
# exceed the bound.
RULES: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "unmoved": _moved,
    "not_lower": _fallen,
    "low": _score,
    "high": _distance_from_top,
    MEAN_RULE: _short_of_mean,
}


@dataclass(frozen=True, kw_only=True)
class BehaviourTest:
    """One declared test.

    Attributes:
        name: Name, which its limit in conf has too.
        says: What the model has to do, in a sentence for a person who approves.
        rule: ``unmoved``: the change of the answer in either direction, ``not_lower``: its fall, ``low``: the answer,
            ``high``: how far it is from the greatest there can be, for a probability one less it, ``not_below_mean``:
            how far it is below the mean answer on the rows that the model was fitted on, as a share of that mean; each
            at most the bound.
        change: From the tables of some entities to those after a change, from which features are computed again; the
            same entities in the same order, or hand-made ones for ``low`` and ``high``.
        alter: From features to features after a change; for what happens behind the tables, with a generator and
            the relative size of noise. Exactly one of ``change`` and ``alter`` is given.
    """

    name: str
    says: str
    rule: str
    change: Callable[[Tables], Tables] | None = None
    alter: Callable[[Columns, np.random.Generator, float], Columns] | None = None

    def __post_init__(self) -> None:
        """Check the rule, and that there is one change."""
        require_choice("rule", self.rule, RULES)
        if (self.change is None) == (self.alter is None):
            raise OptionError.out_of_range(f"{self.name}.change", self.change, "either a change or an alter")


@dataclass(frozen=True, kw_only=True)
class BehaviourLimit:
    """How much a test lets pass.

    Attributes:
        bound: Greatest value of what the rule measures, in the unit of the answer or as a share, 0 to 1; a case above
            it fails.
        max_failing_share: Share of cases that may fail, 0 to 1.
    """

    bound: float
    max_failing_share: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_between("bound", self.bound, 0, 1)
        require_between("max_failing_share", self.max_failing_share, 0, 1)


@dataclass(frozen=True)
class BehaviourOptions:
    """Which cases are tried, and the limits.

    Attributes:
        entities: Real entities whose rows are changed, 10 to 100,000.
        seed: Seed of noise.
        noise_share: Standard deviation of the noise, relative to each value, 0 to 1.
        limits: For each test its :class:`BehaviourLimit` as a mapping.
    """

    entities: int
    seed: int
    noise_share: float
    limits: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_whole("entities", self.entities, 10, 100_000)
        require_whole("seed", self.seed, 0, 2**31 - 1)
        require_between("noise_share", self.noise_share, 0, 1)
        for name in self.limits:
            self.limit_of(name)

    def limit_of(self, name: str) -> BehaviourLimit:
        """Return the limit of the test ``name``.

        Raises:
            OptionError: If there is none, or it has other keys than a limit has.
        """
        if name not in self.limits:
            raise OptionError.unknown_choice("limits", sorted(self.limits), [name])
        try:
            return BehaviourLimit(**self.limits[name])
        except TypeError as error:
            allowed = "bound and max_failing_share"
            raise OptionError.out_of_range(f"limits.{name}", sorted(self.limits[name]), allowed) from error


@dataclass(frozen=True, kw_only=True)
class BehaviourCases:
    """The cases of one test, before and after the change, by feature.

    Attributes:
        test: What is tested.
        before: Features before the change; the same rows as ``after``, or none where a rule needs none.
        after: Features after it.
    """

    test: BehaviourTest
    before: Columns
    after: Columns


@dataclass(frozen=True, kw_only=True)
class BehaviourResult:
    """What a model did.

    Attributes:
        name: Name of the test.
        says: What the model has to do.
        rule: What was measured of each case.
        cases: Number of cases; 0 passes nothing.
        failing: Cases above the bound, or without a number.
        worst: Greatest value measured, in the unit of the answer; NaN where a case has none.
        bound: Greatest value that passes.
        max_failing_share: Share of cases that may fail.
    """

    name: str
    says: str
    rule: str
    cases: int
    failing: int
    worst: float
    bound: float
    max_failing_share: float

    @property
    def passed(self) -> bool:
        """Whether few enough cases fail, of at least one."""
        return self.cases > 0 and self.failing <= self.max_failing_share * self.cases


def run_behaviour(
    scorer: Scorer, cases: Sequence[BehaviourCases], options: BehaviourOptions, *, fitted: Columns
) -> list[BehaviourResult]:
    """Return what the model did in each test, in the order of ``cases``.

    Args:
        scorer: The model.
        cases: Of each test.
        options: Limits.
        fitted: Features of rows that the model was fitted on, a sample of them. Their mean is what it knows of a row
            without values; the mean of newer rows is not, if these have drifted.
    """
    return [_run(scorer, each, options.limit_of(each.test.name), fitted) for each in cases]


def _run(scorer: Scorer, cases: BehaviourCases, limit: BehaviourLimit, fitted: Columns) -> BehaviourResult:
    compared = fitted if cases.test.rule == MEAN_RULE else cases.before
    before, after = (_predict(scorer, columns) for columns in (compared, cases.after))
    measured = RULES[cases.test.rule](before, after, _bounds(scorer)[1])
    # Written so that a missing number fails.
    failing = int(np.count_nonzero(~(measured <= limit.bound)))
    worst = float(measured.max()) if len(measured) else float("nan")
    return BehaviourResult(
        name=cases.test.name,
        says=cases.test.says,
        rule=cases.test.rule,
        cases=len(measured),
        failing=failing,
        worst=worst,
        bound=limit.bound,
        max_failing_share=limit.max_failing_share,
    )


def _predict(scorer: Scorer, columns: Columns) -> np.ndarray:
    """Return the main column of the answers, NaN for one outside its range; none for no columns."""
    if not columns:
        return np.empty(0)
    answers = scorer.predict(np.column_stack([columns[name] for name in scorer.spec.features]))
    low, high = _bounds(scorer)
    return np.where((answers >= low) & (answers <= high), answers, np.nan)


def _bounds(scorer: Scorer) -> tuple[float, float]:
    """Return the smallest and the greatest answer there can be."""
    column = scorer.outputs.columns[0]
    return (
        -np.inf if column.minimum is None else column.minimum,
        np.inf if column.maximum is None else column.maximum,
    )
