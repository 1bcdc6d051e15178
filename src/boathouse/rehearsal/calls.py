"""How much each job asks of the workspace, compared with a table in a document: growth is seen early."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from boathouse.errors import ConfigError
from boathouse.rehearsal.rehearse import Step

_ROW = re.compile(r"^\| *`(?P<job>[a-z_]+)`[^|]*\| *(?P<spark>[\d,]+) *\| *(?P<requests>[\d,]+) *\|")
# Clients ask a long answer again, and a busy machine makes answers long.
_SPARE_SHARE, _SPARE = 0.05, 5


@dataclass(frozen=True)
class Calls:
    """What one job asks.

    Attributes:
        spark: Calls of Spark.
        requests: Requests to the services of the workspace.
    """

    spark: int
    requests: int


def count_calls(steps: Sequence[Step]) -> dict[str, Calls]:
    """Return what each job that was run has asked in its first run."""
    counted: dict[str, Calls] = {}
    for step in (each for each in steps if each.tasks):
        counted.setdefault(step.name, Calls(sum(step.spark.values()), sum(step.requests.values())))
    return counted


def read_calls(page: Path) -> dict[str, Calls]:
    """Return the table of a page: its rows are ``| `job` | calls of Spark | requests |``.

    Raises:
        ConfigError: If the page has no such row.
    """
    found = [match for line in page.read_text(encoding="utf-8").splitlines() if (match := _ROW.match(line))]
    if not found:
        message = f"{page} has no table of calls: expected rows such as | `training` | 120 | 80 |."
        raise ConfigError(message)
    return {row["job"]: Calls(_number(row["spark"]), _number(row["requests"])) for row in found}


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def compare_calls(counted: Mapping[str, Calls], stated: Mapping[str, Calls]) -> list[str]:
    """Return a line for each job that asks more or less than is stated, with the row to write; 5 % and 5 are spared."""
    lines = [f"`{job}` is in the table and was not run." for job in stated if job not in counted]
    for job, calls in counted.items():
        row = f"| `{job}` | {calls.spark:,} | {calls.requests:,} |"
        before = stated.get(job)
        if before is None:
            lines.append(f"`{job}` is not in the table: {row}")
        elif not (_is_near(calls.spark, before.spark) and _is_near(calls.requests, before.requests)):
            lines.append(
                f"`{job}` makes {calls.spark:,} calls of Spark and {calls.requests:,} requests; the table says "
                f"{before.spark:,} and {before.requests:,}. If that is meant: {row}"
            )
    return lines


def _is_near(found: int, stated: int) -> bool:
    return abs(found - stated) <= _SPARE_SHARE * stated + _SPARE
