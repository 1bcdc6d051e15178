"""The whole flow on a fixed sample, and what of its results is the same on every machine and engine.

As a program: ``python tests/golden/flow.py DATA_FOLDER RESULT_FILE`` runs it on the engine of BOATHOUSE_ENGINE.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

CUSTOMERS = 2000
# So few customers do not show that the model beats the business rule.
PARAMETERS = {"promotion": {"gates": {"modes": {"beats_baseline": "warn"}}}}
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


def run_flow(data: Path) -> dict[str, Any]:
    """Run everything in ``data``, which must not be there yet, and return the summary."""
    from tests.small_bank import SmallBank

    bank = SmallBank.build(data, customers=CUSTOMERS)
    bank.run(params=PARAMETERS)
    return summarise(bank)


def summarise(bank: Any) -> dict[str, Any]:
    """Return fingerprints of tables, row counts, and the numbers of models."""
    from boathouse.tables.fingerprint import compute_fingerprint

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


if __name__ == "__main__":
    data, result = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ |= {"BOATHOUSE_DATA": str(data), "DO_NOT_TRACK": "1", "MPLBACKEND": "Agg"}
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    result.write_text(json.dumps(run_flow(data)), encoding="utf-8")
