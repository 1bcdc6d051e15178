"""What a change does to model and data, as a pull request's comment: metrics, drift, alerts, tests, boxes.

Usage: ``python scripts/pull_request_report.py --run dist/report`` runs the flow on the shipped data in a folder of its
own and reads its tables; ``--data data --env staging`` reads those that are there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from boathouse.environment import open_environment
from boathouse.tables.engines import stop_engines
from boathouse.tables.queries import QueryTables
from boathouse.use_case import USE_CASE
from scripts.pull_request_boxes import judge_boxes, read_change

ROOT = Path(__file__).resolve().parents[1]
DRIFTS = 5
PAGES = ("*.html", "*_card.*")
EVALUATION = """
SELECT model_version, role, metric, value, low, high FROM audit.evaluations
WHERE slice_key = ':all'
  AND CAST(model_version AS INT) = (SELECT max(CAST(model_version AS INT)) FROM audit.evaluations)
"""
DECISIONS = """
SELECT version, kind, comment FROM audit.promotions
WHERE kind IN ('checked', 'compared', 'promoted') ORDER BY sequence DESC
"""
DRIFT = """
SELECT column_name, population_stability_index, js_distance, severity FROM monitoring.drift_metrics
WHERE drift_type = 'BASELINE' AND window.start = (SELECT max(window.start) FROM monitoring.drift_metrics)
ORDER BY population_stability_index DESC NULLS LAST
"""
ALERTS = "SELECT severity, message, action FROM monitoring.alerts WHERE severity <> 'none' ORDER BY severity, subject"
MOST_ROWS = 10_000


def main() -> None:
    """Write the report; the last line printed is how the tests ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="Run the flow first; the report goes there.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="Folder of the data. Default: data.")
    parser.add_argument("--env", default="dev", help="Environment. Default: dev.")
    parser.add_argument("--tests", type=Path, default=Path("dist/tests.xml"), help="Results of the tests.")
    given = parser.parse_args()
    folder = given.run or Path("dist/report")
    folder.mkdir(parents=True, exist_ok=True)
    if given.run:
        with tempfile.TemporaryDirectory() as data:
            fault = run_flow(Path(data), given.env)
            found = {} if fault else read_tables(Path(data), given.env)
            keep_pages(Path(data) / "reports" / given.env, folder)
    else:
        fault, found = "", read_tables(given.data, given.env)
    tests = read_tests(given.tests)
    base = os.environ.get("GITHUB_BASE_REF") or os.environ.get("SYSTEM_PULLREQUEST_TARGETBRANCHNAME") or "main"
    text = render(found, tests=tests, boxes=judge_boxes(read_change(ROOT, base)), fault=fault)
    report = (folder / "report").with_suffix(".md")
    report.write_text(text, encoding="utf-8")
    print(f"Report: {report}")
    print(tests)
    sys.exit(1 if fault else 0)


def run_flow(data: Path, environment: str) -> str:
    """Run all pipelines on the shipped extracts in the folder ``data``; return what went wrong, or nothing."""
    shutil.copytree(ROOT / "data" / "01_raw", data / "01_raw")
    command = [sys.executable, "-m", "boathouse", "run", f"--env={environment}", f"--data-dir={data}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-20:]) if done.returncode else ""


def keep_pages(reports: Path, folder: Path) -> None:
    """Copy the pages that a reader opens beside the report."""
    for path in [each for pattern in PAGES for each in sorted(reports.rglob(pattern))]:
        shutil.copy(path, folder / path.name)


def read_tables(data: Path, environment: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of what the report shows: evaluation, decisions, drift, alerts; of what is not there none."""
    os.environ["BOATHOUSE_DATA"] = data.absolute().as_posix()
    opened = open_environment(environment, ROOT / "conf")
    tables = QueryTables(opened.name, opened.engine, opened.lakehouse["root"])
    there = {each.table.split(".", 1)[1] for each in tables.list_tables()}
    wanted = {
        "evaluation": ("audit.evaluations", EVALUATION),
        "decisions": ("audit.promotions", DECISIONS),
        "drift": ("monitoring.drift_metrics", DRIFT),
        "alerts": ("monitoring.alerts", ALERTS),
    }
    try:
        return {name: _fetch(tables, query) for name, (table, query) in wanted.items() if table in there}
    finally:
        stop_engines()


def _fetch(tables: QueryTables, query: str) -> list[dict[str, Any]]:
    columns, rows = tables.fetch(query, limit=MOST_ROWS)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def read_tests(path: Path) -> str:
    """Return how the tests ended, in the form of their closing line; from the JUnit file that they wrote."""
    if not path.is_file():
        return "no tests ran"
    suites = ET.parse(path).getroot().iter("testsuite")  # noqa: S314 - a file of this checkout
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    seconds = 0.0
    for suite in suites:
        seconds += float(suite.get("time", 0))
        counts = {name: counts[name] + int(suite.get(name, 0)) for name in counts}
    counts["passed"] = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    words = {"failures": "failed", "passed": "passed", "skipped": "skipped", "errors": "errors"}
    parts = [(counts[name], word) for name, word in words.items()]
    return f"{', '.join(f'{count} {name}' for count, name in parts if count)} in {seconds:.2f}s"


def render(
    found: Mapping[str, Sequence[Mapping[str, Any]]], *, tests: str, boxes: Sequence[tuple[str, bool]], fault: str = ""
) -> str:
    """Return the comment as Markdown."""
    lines = ["## What this change does", "", f"Tests: {tests}", ""]
    lines += [f"- [{'x' if holds else ' '}] {text}" for text, holds in boxes]
    if fault:
        return "\n".join([*lines, "", "### The flow failed on the shipped data", "", "```text", fault, "```", ""])
    lines += ["", "### Metrics, on rows that the candidate never saw", "", *render_metrics(found.get("evaluation", ()))]
    for each in found.get("decisions", ())[:1]:
        lines += ["", f"Decision: version {each['version']} {each['kind']}: {each['comment']}"]
    lines += ["", "### Drift", "", *render_drift(found.get("drift", ()))]
    lines += ["", "### Alerts", "", *_render_alerts(found.get("alerts", ()))]
    lines += ["", "The pages of monitoring, model and decision are in the run's artifact `report`."]
    return "\n".join(lines) + "\n"


def render_metrics(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of the headline metrics, a line a metric, a column a role; a sentence if there are none."""
    if not rows:
        return ["Nothing was evaluated."]
    words = USE_CASE.task.words
    roles = [role for role in ("candidate", "champion", "baseline") if any(each["role"] == role for each in rows)]
    cells = {(each["role"], each["metric"]): each for each in rows}
    names = [*words.headline, *([words.cost] if words.cost and words.cost not in words.headline else [])]
    lines = [f"| metric | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    return lines + [
        f"| {words.metrics.get(name, name)} | {' | '.join(_cell(cells.get((role, name))) for role in roles)} |"
        for name in names
        if any((role, name) in cells for role in roles)
    ]


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return ""
    interval = "" if row["low"] is None else f" [{row['low']:,.3f}, {row['high']:,.3f}]"
    return f"{row['value']:,.3f}{interval}"


def render_drift(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of the columns that moved most, or a sentence if none was compared."""
    if not rows:
        return ["Nothing was compared."]
    lines = ["| column | PSI | Jensen-Shannon distance | verdict |", "|---|---|---|---|"]
    return lines + [
        f"| {each['column_name']} | {_number(each['population_stability_index'])} | {_number(each['js_distance'])} | "
        f"{each['severity']} |"
        for each in rows[:DRIFTS]
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _render_alerts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"- {each['severity']}: {each['message']} {each['action']}" for each in rows] or ["None."]


if __name__ == "__main__":
    main()
