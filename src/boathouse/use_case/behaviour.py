"""What a model of missed payments has to do for single customers, whatever its metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, cast

import numpy as np

from boathouse.evaluation.behaviour import BehaviourCases, BehaviourOptions, BehaviourTest, Columns, Tables
from boathouse.problem.spec import Behaviour
from boathouse.use_case.code_mappings import SEX, USAGE
from boathouse.use_case.entity import CUSTOMER_ID, KNOWN_COLUMN
from boathouse.use_case.features import MODEL_VIEWS
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from boathouse.problem.spec import UseCase

CUSTOMERS, STATEMENTS = "clean.customers", "clean.statements"
_KEY = CUSTOMER_ID.name
# The latest that the status of the source distinguishes.
_LATEST = 8
# Amounts that move by themselves from month to month; counts and flags do not waver.
_UNITS = {feature.name: feature.unit for view in MODEL_VIEWS for feature in view.features}
_UNITS |= {feature.name: feature.unit for feature in ON_DEMAND_FEATURES}
_WAVERING = frozenset(name for name, unit in _UNITS.items() if unit in {"NT$", "ratio", "share"})
# Distance of the keys of one test's customers from the next one's.
_STEP = 1_000_000


def swap_sex(tables: Tables) -> Tables:
    """Return the same customers with the other sex."""
    other = dict(zip(SEX.values(), reversed(SEX.values()), strict=True))
    customers = tables[CUSTOMERS]
    return {**tables, CUSTOMERS: customers.assign(sex=customers["sex"].map(other))}


def marry_or_part(tables: Tables) -> Tables:
    """Return the same customers, single if they were married and married if they were not, thirty years older."""
    customers = tables[CUSTOMERS]
    other = np.where(customers["marriage"] == "married", "single", "married")
    return {**tables, CUSTOMERS: customers.assign(marriage=other, age=customers["age"] + 30)}


def delay_newest(tables: Tables) -> Tables:
    """Return the same customers, those who are late by one month more on the newest statement, the others by two."""
    statements = tables[STATEMENTS]
    newest = statements[KNOWN_COLUMN] == statements[KNOWN_COLUMN].max()
    return {**tables, STATEMENTS: _delay(statements, newest.to_numpy())}


def delay_every_late_month(tables: Tables) -> Tables:
    """Return the same customers, later by a month in every month in which they were late.

    A late month is not added before a month that was paid on time: in this source a customer who has just caught up
    misses the next payment less often than one who was never late (3 against 5 in a hundred); a model may know that.
    """
    statements = tables[STATEMENTS]
    return {**tables, STATEMENTS: _delay(statements, (statements["months_late"] > 0).to_numpy())}


def make_perfect_payers(tables: Tables) -> Tables:
    """Return customers of several limits who pay every bill in full and use a tenth of the limit."""
    return _make_customers(tables, pay_status=-1, used=0.1, paid=1.0)


def make_late_payers(tables: Tables) -> Tables:
    """Return customers of several limits who have used the limit up and are three months late in every month."""
    return _make_customers(tables, pay_status=3, used=0.98, paid=0.0)


def blank_features(columns: Columns, generator: np.random.Generator, share: float) -> Columns:  # noqa: ARG001
    """Return each row once for every feature, with that feature missing, in the order of :func:`repeat_rows`."""
    repeated = {name: values.copy() for name, values in repeat_rows(columns).items()}
    rows = len(next(iter(columns.values())))
    for number, values in enumerate(repeated.values()):
        values[number * rows : (number + 1) * rows] = np.nan
    return repeated


def repeat_rows(columns: Columns) -> Columns:
    """Return all rows once for every feature."""
    return {name: np.tile(values, len(columns)) for name, values in columns.items()}


def blank_all(columns: Columns, generator: np.random.Generator, share: float) -> Columns:  # noqa: ARG001
    """Return the rows with nothing known."""
    return {name: np.full(len(values), np.nan) for name, values in columns.items()}


def add_noise(columns: Columns, generator: np.random.Generator, share: float) -> Columns:
    """Return the rows with every amount, ratio and share a little off, by a normal deviate."""
    return {
        name: values * (1 + share * generator.standard_normal(len(values))) if name in _WAVERING else values
        for name, values in columns.items()
    }


BEHAVIOUR_TESTS = (
    BehaviourTest(
        name="sex_changes_nothing",
        says="The same customer with the other sex gets the same score.",
        rule="unmoved",
        change=swap_sex,
    ),
    BehaviourTest(
        name="marriage_and_age_change_nothing",
        says="The same customer, married or single, of this age or thirty years older, gets the same score.",
        rule="unmoved",
        change=marry_or_part,
    ),
    BehaviourTest(
        name="a_later_payment_is_no_better",
        says="A customer whose newest payment is later gets no lower risk.",
        rule="not_lower",
        change=delay_newest,
    ),
    BehaviourTest(
        name="a_later_history_is_no_better",
        says="A customer who was a month later in every month in which a payment was late gets no lower risk.",
        rule="not_lower",
        change=delay_every_late_month,
    ),
    BehaviourTest(
        name="a_perfect_payer_scores_low",
        says="A customer who pays every bill in full and uses little of the limit is a low risk.",
        rule="low",
        change=make_perfect_payers,
    ),
    BehaviourTest(
        name="a_late_payer_scores_high",
        says="A customer who has used up the limit and is three months late in every month is a high risk.",
        rule="high",
        change=make_late_payers,
    ),
    BehaviourTest(
        name="one_missing_value_is_bearable",
        says="One value that is not known gives a score still, and rarely quite another one.",
        rule="unmoved",
        alter=blank_features,
    ),
    BehaviourTest(
        name="nothing_known_is_bearable",
        says="A customer of whom nothing is known gets about the mean score of those trained on, not a good one.",
        rule="not_below_mean",
        alter=blank_all,
    ),
    BehaviourTest(
        name="noise_hardly_matters",
        says="Amounts that are a little off hardly change the score.",
        rule="unmoved",
        alter=add_noise,
    ),
)


def build_cases(
    customers: DataFrame, statements: DataFrame, *, use_case: UseCase, as_of: date, options: BehaviourOptions
) -> list[BehaviourCases]:
    """Return the cases of every test, features computed by the views themselves.

    Real customers are those of the lowest keys' hashes that have a statement of ``as_of``; statements after it are
    left out. All tests' customers are computed in one pass, under keys of their own.

    Args:
        customers: ``clean.customers``.
        statements: ``clean.statements``.
        use_case: Whose features are computed.
        as_of: Date of the newest statement of every case.
        options: How many customers, and how much noise.
    """
    real = _take_customers(customers, statements, as_of, options.entities)
    changing = [each for each in BEHAVIOUR_TESTS if each.change]
    variants = [real, *(each.change(real) for each in changing if each.change)]
    before, *after = _compute_features(variants, customers, statements, use_case)
    changed = dict(zip([each.name for each in changing], after, strict=True))
    generator = np.random.default_rng(options.seed)
    return [_as_cases(test, before, changed.get(test.name), generator, options.noise_share) for test in BEHAVIOUR_TESTS]


def _as_cases(
    test: BehaviourTest, before: Columns, changed: Columns | None, generator: np.random.Generator, share: float
) -> BehaviourCases:
    after = changed if changed is not None else test.alter(before, generator, share) if test.alter else {}
    if test.rule in {"low", "high"}:
        return BehaviourCases(test=test, before={}, after=after)
    return BehaviourCases(
        test=test, before=repeat_rows(before) if test.alter is blank_features else before, after=after
    )


def _take_customers(customers: DataFrame, statements: DataFrame, as_of: date, count: int) -> dict[str, pd.DataFrame]:
    from pyspark.sql import functions as F

    known = statements.where(F.col(KNOWN_COLUMN) <= F.lit(as_of))
    present = known.where(F.col(KNOWN_COLUMN) == F.lit(as_of)).select(_KEY).distinct()
    chosen = present.orderBy(F.xxhash64(F.col(_KEY).cast("string")), _KEY).limit(count)
    people: pd.DataFrame = customers.join(chosen, _KEY, "left_semi").toPandas()
    rows: pd.DataFrame = known.join(chosen, _KEY, "left_semi").toPandas()
    return {CUSTOMERS: people.sort_values(_KEY), STATEMENTS: rows.sort_values([_KEY, KNOWN_COLUMN])}


def _compute_features(
    variants: Sequence[Tables], customers: DataFrame, statements: DataFrame, use_case: UseCase
) -> Iterator[dict[str, np.ndarray]]:
    """Give the features of each variant's customers, in the order of their keys."""
    from boathouse.features.point_in_time import join_point_in_time
    from boathouse.scoring.batch import add_on_demand

    session = statements.sparkSession
    like = {CUSTOMERS: customers, STATEMENTS: statements}
    tables: dict[str, DataFrame] = {
        name: session.createDataFrame(_stack([each[name] for each in variants]), frame.schema)
        for name, frame in like.items()
    }
    views = [
        (view, cast("DataFrame", view.compute(*(tables[name] for name in view.source_names))))
        for view in use_case.current_views
    ]
    time = use_case.time_column
    spine = tables[STATEMENTS].groupBy(_KEY).agg({KNOWN_COLUMN: "max"}).toDF(_KEY, time)
    joined = add_on_demand(join_point_in_time(spine, views, spine_time=time), use_case.on_demand)
    computed: pd.DataFrame = joined.toPandas()
    found = computed.sort_values(_KEY)
    number = found[_KEY] // _STEP
    for each in range(len(variants)):
        rows = found[number == each]
        yield {feature.name: rows[feature.name].to_numpy(dtype=np.float64) for feature in use_case.features}


def _stack(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all frames' rows under keys that identify the frame and keep the order of each."""
    import pandas as pd

    parts = [
        frame.assign(**{_KEY: frame[_KEY].rank(method="dense").astype("int64") + number * _STEP})
        for number, frame in enumerate(frames)
    ]
    return pd.concat(parts, ignore_index=True)


def _delay(statements: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Return the statements, those of ``rows`` a month later where they were late, else two months late.

    One month late is no state that the source knows before its last month.
    """
    status = statements["pay_status"].to_numpy()
    later = np.minimum(np.where(status >= 1, status + 1, 2), _LATEST)
    changed = np.where(rows, later, status)
    usage = np.where(changed >= 1, USAGE[3], statements["usage"])
    return statements.assign(pay_status=changed, months_late=np.maximum(changed, 0), usage=usage)


def _make_customers(tables: Tables, *, pay_status: int, used: float, paid: float) -> Tables:
    """Return hand-made customers, one for each of five limits, with as many statements as the real ones.

    Args:
        tables: Real customers, for their months and the form of the tables.
        pay_status: Status in every month.
        used: Bill of every month, as a share of the limit.
        paid: Payment of every month, as a share of the bill.
    """
    import pandas as pd

    limits = tables[CUSTOMERS]["limit_bal"].quantile([0.1, 0.3, 0.5, 0.7, 0.9], interpolation="nearest").to_numpy()
    customers = tables[CUSTOMERS].head(1).drop(columns=[_KEY, "limit_bal"])
    people = pd.DataFrame({_KEY: np.arange(len(limits)), "limit_bal": limits}).merge(customers, how="cross")
    months = tables[STATEMENTS][["statement_month", KNOWN_COLUMN]].drop_duplicates()
    rows = people[[_KEY, "limit_bal"]].merge(months, how="cross")
    usage = USAGE[3] if pay_status >= 1 else USAGE[1]
    bill = (rows["limit_bal"] * used).astype(tables[STATEMENTS]["bill_amt"].dtype)
    rows = rows.assign(pay_status=pay_status, months_late=max(pay_status, 0), usage=usage, bill_amt=bill)
    rows["pay_amt"] = (bill * paid).astype(bill.dtype)
    return {CUSTOMERS: people[list(tables[CUSTOMERS])], STATEMENTS: rows[list(tables[STATEMENTS])]}


BEHAVIOUR = Behaviour(
    names=tuple(each.name for each in BEHAVIOUR_TESTS), tables=(CUSTOMERS, STATEMENTS), build=build_cases
)
