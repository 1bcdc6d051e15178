"""One finding of ``boathouse doctor``, and how findings are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from boathouse.hooks.failures import redact

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        status: ``ok``; ``warn`` if something is missing that this set-up does not need; ``fail``
            if the chosen engine or environment cannot work.
        detail: What was found and, unless ok, the command or setting that repairs it.
    """

    name: str
    status: Status
    detail: str


def render_table(checks: Sequence[Check]) -> str:
    """Return one line a check, aligned, and a last line that sums up."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        first, *more = check.detail.splitlines() or [""]
        lines.append(f"{check.status:<5} {check.name:<{width}}  {first}")
        lines += [f"{'':<5} {'':<{width}}  {line}" for line in more]
    return redact("\n".join([*lines, _sum_up(checks)]))


def render_json(checks: Sequence[Check]) -> str:
    """Return the checks as a JSON list of objects with name, status and detail."""
    return redact(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))


def _sum_up(checks: Sequence[Check]) -> str:
    failed = [check.name for check in checks if check.status == "fail"]
    if failed:
        return f"\nThis set-up does not work: {', '.join(failed)}."
    return "\nThis set-up works."
