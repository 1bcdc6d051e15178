"""Whether what was deployed starts, scores and serves: the wheel's doctor, one cohort in batch, the endpoints' state.

Usage: ``python scripts/smoke_test.py --target prod``, in the workspace that DATABRICKS_HOST names. Scoring a cohort
again changes nothing; without a champion the run says so and passes. Exit code 1 if anything does not work.
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.platform_runs import Command, Outcome, PlatformError, find_deployed, render_outcomes, run_commands

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import ServingEndpoint

TIMEOUT = timedelta(minutes=30)
COMMANDS = (
    Command("doctor", ("doctor",)),
    Command("one_cohort", ("run", "--pipeline=batch_inference", "--params=batch_inference.scoring.cohorts=1")),
)


def main() -> None:
    """Check the target that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, choices=("staging", "prod"))
    parser.add_argument("--report", type=Path, help="Markdown file of the results.")
    given = parser.parse_args()
    from databricks.sdk import WorkspaceClient

    try:
        outcomes = check(WorkspaceClient(), given.target)
    except PlatformError as fault:
        sys.exit(str(fault))
    passed = all(each.state == "passed" for each in outcomes)
    head = [f"## Smoke test of {given.target}: {'passed' if passed else 'failed'}", ""]
    text = "\n".join([*head, *render_outcomes(outcomes)]) + "\n"
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(text, encoding="utf-8")
    print(text)
    sys.exit(0 if passed else 1)


def check(client: WorkspaceClient, target: str) -> list[Outcome]:
    """Return how each check ended.

    Raises:
        PlatformError: If nothing is deployed there.
    """
    deployed = find_deployed(client, target)
    try:
        outcomes = run_commands(client, deployed, f"smoke test of {target}", COMMANDS, timeout=TIMEOUT)
    except TimeoutError:
        outcomes = [Outcome(key="doctor and one cohort", state="failed", seconds=TIMEOUT.total_seconds())]
    catalog = f"{deployed.catalog}."
    served = [each for each in client.serving_endpoints.list() if _serves(each, catalog)]
    return outcomes + [judge_endpoint(each) for each in served]


def _serves(endpoint: ServingEndpoint, catalog: str) -> bool:
    """Return whether an endpoint serves a model of this catalog; others in the workspace are not ours."""
    entities = (endpoint.config.served_entities if endpoint.config else None) or ()
    return any((entity.entity_name or "").startswith(catalog) for entity in entities)


def judge_endpoint(endpoint: ServingEndpoint) -> Outcome:
    """Return whether an endpoint is ready, and its newest configuration was not refused."""
    state = endpoint.state
    ready = bool(state and state.ready and state.ready.value == "READY")
    refused = bool(state and state.config_update and state.config_update.value == "UPDATE_FAILED")
    return Outcome(key=f"endpoint {endpoint.name}", state="passed" if ready and not refused else "failed", seconds=0)


if __name__ == "__main__":
    main()
