"""The report of an experiment: who counts, and what is compared with what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boathouse.endpoints.experiments.exposures import find_exposures
from boathouse.endpoints.experiments.planning import ExperimentOptions
from boathouse.endpoints.experiments.report import Metric, report_experiment
from boathouse.endpoints.log_rows import LoggedRow
from boathouse.errors import OptionError

OPTIONS = ExperimentOptions(enabled=True, confidence=0.95, power=0.8, srm_level=0.001)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def row(unit: Any, entity: str | None, **changes: Any) -> LoggedRow:
    values: dict[str, Any] = {
        "request_id": "r",
        "client_request_id": None,
        "number": 0,
        "time": MOMENT,
        "endpoint": "late",
        "mode": "answer",
        "served_entity": entity,
        "status_code": 200,
        "duration_ms": 1.0,
        "sampling_fraction": 1.0,
        "requester": None,
        "inputs": {"key": unit},
        "prediction": {"probability": 0.5},
    }
    return LoggedRow(**{**values, **changes})


def test_a_unit_is_exposed_once_to_one_variant() -> None:
    later = MOMENT + timedelta(hours=1)
    found = find_exposures(
        [
            row(1, "old"),
            row(1.0, "old", time=later, prediction={"probability": 0.9}),
            row("2", "new"),
            row(3, "old"),
            row(3, "new"),
            row(3, "old"),
            row(None, "old"),
            row(4, None),
            row(5, "new", mode="shadow"),
            row(6, "new", status_code=500),
        ],
        "key",
    )
    assert {unit: each.variant for unit, each in found.units.items()} == {"1": "old", "2": "new"}
    assert (found.units["1"].exposed_at, found.units["1"].score) == (MOMENT, 0.5)
    assert (found.crossed, found.without_unit, found.unassigned) == (1, 1, 1)
    assert found.count() == {"old": 1, "new": 1}


def exposures_of(**counts: int) -> Any:
    return find_exposures(
        [row(f"{name}{number}", name) for name, count in counts.items() for number in range(count)], "key"
    )


def test_rates_and_values_are_told_apart() -> None:
    exposures = exposures_of(old=100, new=100)
    paid = {
        f"{name}{number}": float(number < hits) for name, hits in (("old", 10), ("new", 30)) for number in range(100)
    }
    amount = {f"{name}{number}": number * scale for name, scale in (("old", 1.0), ("new", 1.5)) for number in range(90)}
    found = report_experiment(
        exposures,
        [
            Metric(name="paid", role="business", outcomes={**paid, "stranger": 1.0}, expected_effect=0.1),
            Metric(name="amount", role="business", outcomes=amount),
        ],
        {"old": 50, "new": 50},
        OPTIONS,
    )
    rate, value = found.results
    assert (rate.kind, rate.units, rate.difference.first, rate.difference.second) == ("rate", (100, 100), 0.1, 0.3)
    assert rate.sequential is not None
    assert rate.sequential.low < rate.difference.low < 0.2 < rate.difference.high < rate.sequential.high
    assert (value.kind, value.units, value.difference.first, value.difference.second) == (
        "value",
        (90, 90),
        44.5,
        66.75,
    )
    assert value.sequential is None
    assert found.control == "old"
    assert found.ratio.holds


def test_several_variants_are_corrected() -> None:
    exposures = exposures_of(old=100, b=100, c=100)
    hits = {"old": 10, "b": 20, "c": 25}
    paid = {f"{name}{number}": float(number < count) for name, count in hits.items() for number in range(100)}
    found = report_experiment(
        exposures, [Metric(name="paid", role="business", outcomes=paid)], {"old": 1, "b": 1, "c": 1}, OPTIONS
    )
    first, second = found.results
    assert (first.variant, second.variant) == ("b", "c")
    # Holm: the smallest p-value twice, the other one as it is but never below.
    assert second.p_adjusted == pytest.approx(2 * second.difference.p_value)
    assert first.p_adjusted == pytest.approx(max(first.difference.p_value, second.p_adjusted))


def test_a_division_that_is_not_as_planned_shows() -> None:
    found = report_experiment(exposures_of(old=300, new=200), [], {"old": 50, "new": 50}, OPTIONS)
    assert not found.ratio.holds


def test_options_have_ranges() -> None:
    with pytest.raises(OptionError, match=r"experiments\.enabled"):
        ExperimentOptions(enabled="no", confidence=0.95, power=0.8, srm_level=0.001)  # type: ignore[arg-type]
