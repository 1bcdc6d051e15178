"""What ``{{…}}`` stands for in a job, as the platform fills it in when a task starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from boathouse.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = TypeVar("Value")
_REFERENCE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, kw_only=True)
class JobState:
    """What the tasks of one run of a job may refer to.

    Attributes:
        job: Key of the job in the bundle.
        job_id: Its number in the workspace.
        run_id: Number of the run.
        trigger: Why it runs: ``manual``, ``periodic``, ``run_job``, ``model`` or ``table``.
        started: ISO date of its start, in UTC.
        parameters: Value of each parameter of the job.
        values: Task values by task and key.
        results: State of each task that has ended: ``success``, ``failed``, ``excluded``, ….
    """

    job: str
    job_id: int
    run_id: int
    trigger: str
    started: str
    parameters: Mapping[str, str]
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)


def fill(text: str, state: JobState, task: str) -> str:
    """Return ``text`` with each reference filled in.

    Raises:
        ConfigError: If the job has no such parameter, no task set such a value, or jobs have no such reference.
    """
    return _REFERENCE.sub(lambda found: _look_up(found[1], state, task), text)


def _look_up(name: str, state: JobState, task: str) -> str:
    kind, *rest = name.split(".")
    if kind == "job" and rest[:1] == ["parameters"] and len(rest) == 2:
        return _take(state.parameters, rest[1], f"parameter of job '{state.job}'", task)
    if kind == "tasks" and len(rest) == 3 and rest[1] == "values":
        values = _take(state.values, rest[0], "task that has set a value", task)
        return _as_text(_take(values, rest[2], f"value of task '{rest[0]}'", task))
    if kind == "tasks" and len(rest) == 2 and rest[1] == "result_state":
        return _take(state.results, rest[0], "task that has ended", task)
    facts = {
        "job.id": str(state.job_id),
        "job.name": state.job,
        "job.run_id": str(state.run_id),
        "job.trigger.type": state.trigger,
        "job.start_time.iso_date": state.started,
        "task.name": task,
    }
    return _take(facts, name, "reference of jobs", task)


def _take(found: Mapping[str, Value], name: str, kind: str, task: str) -> Value:
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        message = f"Task '{task}' refers to '{name}', which is no {kind}; there is: {known}."
        raise ConfigError(message)
    return found[name]


def _as_text(value: object) -> str:
    """Return a task value as a parameter or a condition has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
