"""Facts of one version, complete, to be changed by a test."""

from __future__ import annotations

from datetime import UTC, datetime

from boathouse.core.lineage import (
    Artefact,
    CodeFacts,
    FeatureFact,
    RunFacts,
    SurroundingFacts,
    TableFact,
    VersionFacts,
)

NAME = "prod.models.late"
MOMENT = datetime(2005, 10, 1, 8, 30, tzinfo=UTC)


def make_facts(version: str = "3", **changes: object) -> VersionFacts:
    """Return facts without a gap; ``changes`` replaces some."""
    facts: dict[str, object] = {
        "name": NAME,
        "version": version,
        "stage": "champion",
        "aliases": ("champion",),
        "registered_at": MOMENT,
        "algorithm": "xgboost",
        "training_window": "2005-04-30/2005-07-31",
        "model_digest": "d" * 64,
        "tags": {"stage": "champion"},
        "code": CodeFacts(commit="c" * 40, branch="main", dirty="false", difference="none", package_version="0.1.0"),
        "surroundings": SurroundingFacts(
            python="3.11.7",
            system="Linux 6",
            machine="x86_64",
            engine="sail",
            engine_version="0.7.2",
            lock_digest="1" * 64,
            libraries_digest="2" * 64,
            libraries={"numpy": "2.0", "xgboost": "3.2.0"},
        ),
        "run": RunFacts(
            run_id="r1",
            run_by="otto",
            environment="prod",
            pipelines=("training",),
            job_run_id="none",
            started_at=MOMENT,
            ended_at=MOMENT,
            status="FINISHED",
        ),
        "tables": (
            TableFact(table="prod.clean.rows", version=4, rows=1200, readable=True),
            TableFact(table="prod.model_input.training_set", version=2, rows=1000, readable=False, problem="vacuumed"),
            TableFact(table="rows.csv", version=None, rows=1200),
        ),
        "features": (
            FeatureFact(
                name="habits",
                version=1,
                digest="abcd",
                keys=(("id", "bigint"),),
                features=("late", "early"),
                sources={"clean.rows": ("id", "paid_on")},
                is_current=True,
            ),
        ),
        "parameters": {"as_of": None, "training.search.seed": 7, "monitoring.window": 3},
        "metrics": {"validation.roc_auc": 0.71},
        "artefacts": (Artefact(path="model/MLmodel", digest="e" * 64, size=10),),
    }
    return VersionFacts(**(facts | changes))  # type: ignore[arg-type]
