"""Runs a job of the bundle as the platform's scheduler does: dependencies, conditions, task values, retries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from boathouse.errors import ConfigError
from boathouse.rehearsal.references import JobState, fill

SUCCESS, FAILED, TIMED_OUT = "success", "failed", "timedout"
# Not started: a condition went the other way, or what it depends on failed.
EXCLUDED, UPSTREAM_FAILED = "excluded", "upstream_failed"
_NOT_STARTED = frozenset({EXCLUDED, UPSTREAM_FAILED})
_FAILURES = frozenset({FAILED, TIMED_OUT, UPSTREAM_FAILED})
# Jobs that start one another, at most this deep, as on the platform.
_DEEPEST = 3

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TaskCall:
    """One attempt of a task that runs a program.

    Attributes:
        job: Key of its job.
        task: Its key.
        attempt: 1 for the first.
        words: Words of its command line, filled in.
        wheel: ``package_name`` and ``entry_point``.
        state: What its run may refer to.
        timeout: Seconds that it may take, None without a limit.
    """

    job: str
    task: str
    attempt: int
    words: tuple[str, ...]
    wheel: tuple[str, str]
    state: JobState
    timeout: float | None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a program ended.

    Attributes:
        code: Its exit code, None if its time was over.
        seconds: How long it took.
        values: Task values that it has set.
        said: Its last lines.
    """

    code: int | None
    seconds: float
    values: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """What became of one task.

    Attributes:
        job: Key of its job.
        task: Its key.
        state: ``success``, ``failed``, ``timedout``, ``excluded`` or ``upstream_failed``.
        attempts: How often its program was started; 0 for what is no program or was not started.
        seconds: All attempts together.
        said: Last lines of the last attempt, or why it was not started.
    """

    job: str
    task: str
    state: str
    attempts: int = 0
    seconds: float = 0.0
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """What became of one run of a job.

    Attributes:
        job: Key of the job.
        run_id: Number of the run.
        parameters: Value of each of its parameters.
        tasks: Its tasks in the order in which they ended; those of jobs that it started before the task that did.
        succeeded: Whether no task at an end of the graph failed, which is how the platform judges a run.
        values: Task values by task and key.
    """

    job: str
    run_id: int
    parameters: Mapping[str, str]
    tasks: tuple[TaskRun, ...]
    succeeded: bool
    values: Mapping[str, Mapping[str, Any]]


class JobRunner:
    """Runs jobs of one target, each task after those that it depends on."""

    def __init__(self, jobs: Mapping[str, Document], execute: Callable[[TaskCall], Ending]) -> None:
        """Remember the jobs by key and what starts a program."""
        self._jobs, self._execute = jobs, execute
        # Numbers as the platform has them: those of jobs and runs differ.
        self.job_ids = {key: 1001 + number for number, key in enumerate(sorted(jobs))}
        self._run_ids = itertools.count(900_001)

    def run(
        self, job: str, given: Mapping[str, str] | None = None, *, trigger: str = "manual", depth: int = 1
    ) -> JobRun:
        """Run a job and return what became of it.

        Raises:
            ConfigError: If there is no such job or parameter, or the tasks depend on each other in a circle.
        """
        if job not in self._jobs:
            message = f"No job '{job}' in the bundle; there is: {', '.join(sorted(self._jobs))}."
            raise ConfigError(message)
        return self._finish(self._start(job, given or {}, trigger), depth)

    def repair(self, run: JobRun) -> JobRun:
        """Run the tasks of ``run`` again that failed or waited for one that did; what succeeded stays, with its values.

        Raises:
            ConfigError: As :meth:`run`.
        """
        state = replace(
            self._start(run.job, run.parameters, "repair"),
            run_id=run.run_id,
            results={
                task.task: task.state for task in run.tasks if task.job == run.job and task.state not in _FAILURES
            },
        )
        state.values.update({task: dict(values) for task, values in run.values.items() if task in state.results})
        # What was excluded behind a failure may run now.
        for key in [key for key, result in state.results.items() if result == EXCLUDED]:
            del state.results[key]
        return self._finish(state, 1)

    def _finish(self, state: JobState, depth: int) -> JobRun:
        """Run the tasks that have no result yet, each after those that it depends on."""
        job = state.job
        tasks = {each["task_key"]: each for each in self._jobs[job]["tasks"]}
        ended: list[TaskRun] = []
        while waiting := {key: task for key, task in tasks.items() if key not in state.results}:
            ready = [key for key, task in waiting.items() if all(each in state.results for each in _needs(task))]
            if not ready:
                message = f"Tasks of job '{job}' wait for each other or for one that is missing: {', '.join(waiting)}."
                raise ConfigError(message)
            for key in ready:
                runs = self._run_task(tasks[key], state, depth)
                ended += runs
                state.results[key] = runs[-1].state
        needed = {need for task in tasks.values() for need in _needs(task)}
        succeeded = not any(state.results[key] in _FAILURES for key in tasks if key not in needed)
        return JobRun(
            job=job,
            run_id=state.run_id,
            parameters=state.parameters,
            tasks=tuple(ended),
            succeeded=succeeded,
            values=state.values,
        )

    def _start(self, job: str, given: Mapping[str, str], trigger: str) -> JobState:
        parameters = {each["name"]: str(each["default"]) for each in self._jobs[job].get("parameters", ())}
        unknown = sorted(set(given) - set(parameters))
        if unknown:
            known = ", ".join(parameters) or "none"
            message = f"Job '{job}' has no parameter {', '.join(unknown)}; it has: {known}."
            raise ConfigError(message)
        return JobState(
            job=job,
            job_id=self.job_ids[job],
            run_id=next(self._run_ids),
            trigger=trigger,
            started=datetime.now(UTC).date().isoformat(),
            parameters={**parameters, **given},
        )

    def _run_task(self, task: Document, state: JobState, depth: int) -> list[TaskRun]:
        key = task["task_key"]
        reason = _why_not(task, state)
        if reason:
            return [TaskRun(job=state.job, task=key, state=reason)]
        if "condition_task" in task:
            return [self._decide(task, state)]
        if "run_job_task" in task:
            return self._run_other(task, state, depth)
        if "python_wheel_task" in task:
            return [self._run_program(task, state)]
        return [TaskRun(job=state.job, task=key, state=SUCCESS, said="not rehearsed: no program of the wheel")]

    def _decide(self, task: Document, state: JobState) -> TaskRun:
        key, condition = task["task_key"], task["condition_task"]
        left, right = (fill(condition[side], state, key) for side in ("left", "right"))
        outcome = str(_compare(left, condition["op"], right)).lower()
        state.values.setdefault(key, {})["outcome"] = outcome
        return TaskRun(job=state.job, task=key, state=SUCCESS, said=f"{left!r} {condition['op']} {right!r}: {outcome}")

    def _run_other(self, task: Document, state: JobState, depth: int) -> list[TaskRun]:
        key, other = task["task_key"], task["run_job_task"]
        names = {str(number): name for name, number in self.job_ids.items()}
        name = names.get(str(other["job_id"]), str(other["job_id"]))
        if depth >= _DEEPEST:
            message = f"Task '{key}' of job '{state.job}' starts '{name}' on level {depth + 1} of {_DEEPEST} at most."
            raise ConfigError(message)
        given = {name: fill(str(value), state, key) for name, value in other.get("job_parameters", {}).items()}
        run = self.run(name, given, trigger="run_job", depth=depth + 1)
        ending = TaskRun(job=state.job, task=key, state=SUCCESS if run.succeeded else FAILED, said=f"ran job '{name}'")
        return [*run.tasks, ending]

    def _run_program(self, task: Document, state: JobState) -> TaskRun:
        key, wheel = task["task_key"], task["python_wheel_task"]
        words = wheel.get("parameters") or [f"--{k}={v}" for k, v in wheel.get("named_parameters", {}).items()]
        filled = tuple(fill(str(word), state, key) for word in words)
        seconds, attempts = 0.0, 0
        while True:
            attempts += 1
            call = TaskCall(
                job=state.job,
                task=key,
                attempt=attempts,
                words=filled,
                wheel=(wheel["package_name"], wheel["entry_point"]),
                state=state,
                timeout=task.get("timeout_seconds") or None,
            )
            ending = self._execute(call)
            seconds += ending.seconds
            if ending.values:
                state.values.setdefault(key, {}).update(ending.values)
            if not _goes_again(task, ending, attempts):
                break
        how = TIMED_OUT if ending.code is None else SUCCESS if ending.code == 0 else FAILED
        return TaskRun(job=state.job, task=key, state=how, attempts=attempts, seconds=seconds, said=ending.said)


def _needs(task: Document) -> list[str]:
    return [each["task_key"] for each in task.get("depends_on", ())]


def _goes_again(task: Document, ending: Ending, attempts: int) -> bool:
    most = task.get("max_retries", 0)
    if ending.code == 0 or 0 <= most < attempts:
        return False
    return ending.code is not None or bool(task.get("retry_on_timeout", False))


def _why_not(task: Document, state: JobState) -> str:
    """Return why a task whose dependencies have ended is not started, or an empty text."""
    if task.get("disabled"):
        return EXCLUDED
    for need in task.get("depends_on", ()):
        outcome = state.values.get(need["task_key"], {}).get("outcome")
        if "outcome" in need and state.results[need["task_key"]] == SUCCESS and outcome != need["outcome"]:
            return EXCLUDED
    results = [state.results[key] for key in _needs(task)]
    if not results or _RULES[task.get("run_if", "ALL_SUCCESS")](results):
        return ""
    return UPSTREAM_FAILED if any(each in _FAILURES for each in results) else EXCLUDED


_RULES: dict[str, Callable[[list[str]], bool]] = {
    "ALL_SUCCESS": lambda results: all(each == SUCCESS for each in results),
    "ALL_DONE": lambda _: True,
    "NONE_FAILED": lambda results: (
        not any(each in _FAILURES for each in results) and any(each not in _NOT_STARTED for each in results)
    ),
    "AT_LEAST_ONE_SUCCESS": lambda results: SUCCESS in results,
    "ALL_FAILED": lambda results: all(each in _FAILURES for each in results),
    "AT_LEAST_ONE_FAILED": lambda results: any(each in _FAILURES for each in results),
}


def _compare(left: str, op: str, right: str) -> bool:
    """Return what a condition task finds: text for (in)equality, numbers for the rest."""
    if op in {"EQUAL_TO", "NOT_EQUAL"}:
        return (left == right) == (op == "EQUAL_TO")
    try:
        difference = float(left) - float(right)
    except ValueError as error:
        message = f"A condition compares {left!r} {op} {right!r}: both have to be numbers."
        raise ConfigError(message) from error
    return {
        "GREATER_THAN": difference > 0,
        "GREATER_THAN_OR_EQUAL": difference >= 0,
        "LESS_THAN": difference < 0,
        "LESS_THAN_OR_EQUAL": difference <= 0,
    }[op]
