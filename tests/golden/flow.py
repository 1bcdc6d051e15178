"""The whole flow on fixed samples, and what of its results is the same on every machine and engine.

The tests only read the results in flow.json. After a change that is meant to change results, write them anew
with ``python -m tests.golden.flow``, and read the difference before committing it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.small_workspace import SmallWorkspace, isolate
from tests.fixtures.trained_workspace import QUICK

GOLDEN = Path(__file__).with_name("flow.json")
# Customers of the sample on the engine of the tests, and on classic Spark, where each step takes seconds.
CUSTOMERS, SPARK_CUSTOMERS = 2000, 300
# So few customers do not show that the model beats the business rule, and hundreds show no advantage at all.
PARAMETERS: dict[int, dict[str, Any]] = {
    CUSTOMERS: {"promotion": {"gates": {"modes": {"beats_baseline": "warn"}}}},
    SPARK_CUSTOMERS: {
        **QUICK,
        "promotion": {
            "gates": {
                "modes": dict.fromkeys(
                    ("beats_baseline", "minimum_roc_auc", "demographic_parity", "equalized_odds"), "warn"
                )
            }
        },
        "evaluation": {"bootstrap": {"samples": 20}, "explanation": {"max_rows": 50}},
    },
}
# Tables that hold no clock, no version and no number of a fitted model.
EXACT = (
    "clean.customers",
    "clean.statements",
    "clean.defaults",
    "clean.statements_quarantine",
    "features.customer_profile",
    "features.payment_behaviour",
    "features.spending",
    "model_input.labels",
    "model_input.groups@spark",
    "model_input.training_set@spark",
    "inference.features",
)
COUNTED = ("raw.statements", "audit.evaluations", "audit.promotions", "inference.predictions", "monitoring.alerts")
REPORTS = {"evaluation": ("roc_auc", "log_loss", "brier_score")}


def run_flow(data: str, customers: int) -> dict[str, Any]:
    """Run everything in ``data``, which must not be there yet, on the chosen engine; return the summary."""
    workspace = SmallWorkspace.build(Path(data), customers=customers)
    with pytest.MonkeyPatch.context() as patch:
        isolate(workspace.data, patch)
        workspace.run(params=PARAMETERS[customers])
        return summarise(workspace)


def summarise(bank: Any) -> dict[str, Any]:
    """Return fingerprints of tables, row counts, and the numbers of models."""
    from boathouse.tables.frames import compute_fingerprint

    prints = {name: compute_fingerprint(bank.dataset(name).load()) for name in EXACT}
    report = json.loads((bank.data / "reports" / "test" / "evaluation.json").read_text(encoding="utf-8"))
    decision = json.loads((bank.data / "reports" / "test" / "promotion.json").read_text(encoding="utf-8"))
    scores = [row["probability"] for row in bank.rows("inference.predictions")]
    drift = {row["column_name"]: row["population_stability_index"] for row in bank.rows("monitoring.drift_metrics")}
    return {
        "tables": {name: [found.rows, str(found.digest)] for name, found in prints.items()},
        "rows": {name: len(bank.rows(name)) for name in COUNTED},
        "algorithm": report["subject"]["algorithm"],
        "outcome": decision["outcome"],
        "numbers": {
            **{name: report["metrics"][name]["value"] for name in REPORTS["evaluation"]},
            "mean_score": sum(sorted(scores)) / len(scores),
            "months_late_psi": drift["months_late"],
        },
    }


def write_results() -> None:
    """Write what the flow gives now as what it has to give from now on."""
    with tempfile.TemporaryDirectory() as folder:
        results = {str(count): run_flow(f"{folder}/{count}", count) for count in (CUSTOMERS, SPARK_CUSTOMERS)}
    GOLDEN.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_results()
