"""Jobs: when they start, the graph of their tasks, their environments, and what happens when a task fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any
from zoneinfo import ZoneInfo

from boathouse.bundle.cron import find_cron_fault
from boathouse.bundle.problems import Problem, TargetView
from boathouse.bundle.references import Where, walk_texts

Job = dict[str, Any]

_STARTS = ("schedule", "trigger", "triggers", "continuous")
# Serverless environment versions whose Python is one of ours: 2 has 3.11, 3 to 5 have 3.12; 1 has 3.10.
_ENVIRONMENT_VERSIONS = ("2", "3", "4", "5")
_OTHER_KEYS = frozenset(
    "task_key depends_on description disable_auto_optimization disabled email_notifications environment_key "
    "environment_variables_key existing_cluster_id health job_cluster_key libraries max_retries "
    "min_retry_interval_millis new_cluster notification_settings retry_on_timeout run_if timeout_seconds "
    "webhook_notifications compute".split()
)
_DYNAMIC = re.compile(r"\{\{\s*(job\.parameters|tasks)\.([\w-]+)")
_JOB_ID = re.compile(r"\$\{resources\.jobs\.([\w-]+)\.id\}")


def find_job_problems(view: TargetView) -> Iterator[Problem]:
    """Give what is wrong with the jobs of a target."""
    for where, job in view.each("jobs"):
        yield from _find_start_problems(view, where, job)
        yield from _find_failure_problems(view, where, job)
        yield from _find_environment_problems(view, where, job)
        yield from _find_graph_problems(view, where, job)
        yield from _find_parameter_problems(view, where, job)
    yield from _find_job_cycles(view)


def _find_start_problems(view: TargetView, where: Where, job: Job) -> Iterator[Problem]:
    starts = [each for each in _STARTS if each in job]
    if len(starts) > 1:
        yield view.problem(
            where, f"more than one of schedule, trigger, continuous: {', '.join(starts)}", "one", "Keep one of them."
        )
    schedule = job.get("schedule")
    if isinstance(schedule, dict):
        yield from find_schedule_problems(view, (*where, "schedule"), schedule, "quartz_cron_expression")


def find_schedule_problems(view: TargetView, where: Where, schedule: Mapping[str, Any], key: str) -> Iterator[Problem]:
    """Give what is wrong with a schedule whose Quartz expression is at ``key``."""
    fault = find_cron_fault(str(schedule.get(key, "")))
    if fault:
        yield view.problem(
            (*where, key),
            f"cron {schedule.get(key)!r}: {fault}",
            "seconds, minutes, hours, day of month, month, day of week, perhaps year",
            "Correct it: 0 0 3 1 * ? is 03:00 on the first of each month.",
        )
    zone = str(schedule.get("timezone_id", ""))
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):
        yield view.problem((*where, "timezone_id"), f"unknown time zone {zone!r}", "a name such as UTC", "Correct it.")


def find_pause_problems(view: TargetView) -> Iterator[Problem]:
    """Give what would start by itself in mode development.

    Mode development pauses what says nothing of jobs and monitors, and leaves what is unpaused.
    """
    if view.mode != "development":
        return
    for kind, entries in view.resolved.resources.items():
        for key, resource in entries.items():
            for start in _STARTS:
                content = resource.get(start)
                state = content.get("pause_status") if isinstance(content, dict) else None
                if isinstance(content, dict) and (state == "UNPAUSED" or (state is None and kind != "jobs")):
                    yield view.problem(
                        ("resources", kind, key, start, "pause_status"),
                        f"{state or 'not paused'} in mode development",
                        "PAUSED: two developers would run the same job each night",
                        "Write pause_status: ${var.schedules}, and PAUSED for the target.",
                    )


def _find_failure_problems(view: TargetView, where: Where, job: Job) -> Iterator[Problem]:
    if not job.get("email_notifications", {}).get("on_failure") and not job.get("webhook_notifications"):
        yield view.problem(
            (*where, "email_notifications"),
            "no person hears of a failure",
            "email_notifications.on_failure or webhook_notifications",
            "Add ${var.on_call}.",
        )
    if "continuous" in job:
        return
    rules = (job.get("health") or {}).get("rules") or ()
    if not any(rule.get("metric") == "RUN_DURATION_SECONDS" for rule in rules):
        yield view.problem(
            (*where, "health"),
            "no person hears of a run that takes too long",
            "health.rules with the metric RUN_DURATION_SECONDS",
            "Add it, with email_notifications.on_duration_warning_threshold_exceeded.",
        )
    if not job.get("queue", {}).get("enabled"):
        yield view.problem(
            (*where, "queue"),
            "a run that finds another one running is skipped",
            "queue.enabled: true",
            "Add it: the run then waits.",
        )
    for place, task in enumerate(job.get("tasks") or ()):
        if "condition_task" in task:
            continue
        for key, why in (
            ("timeout_seconds", "may run for ever"),
            ("max_retries", "does not say how often it is tried"),
        ):
            if key not in task:
                yield view.problem(
                    (*where, "tasks", f"[{place}]"), f"task {task.get('task_key')} {why}", key, f"Add {key}."
                )


def _find_environment_problems(view: TargetView, where: Where, job: Job) -> Iterator[Problem]:
    environments = {each.get("environment_key") for each in job.get("environments") or ()}
    clusters = {each.get("job_cluster_key") for each in job.get("job_clusters") or ()}
    for place, each in enumerate(job.get("environments") or ()):
        spec = each.get("spec") or {}
        path = (*where, "environments", f"[{place}]", "spec")
        version = spec.get("environment_version")
        if "client" in spec:
            yield view.problem((*path, "client"), "client is deprecated", "environment_version", "Rename it.")
        elif str(version) not in _ENVIRONMENT_VERSIONS and "base_environment" not in spec:
            yield view.problem(
                (*path, "environment_version"),
                f"unknown environment_version {version}",
                f"one whose Python runs the wheel: {', '.join(_ENVIRONMENT_VERSIONS)}",
                "Choose one.",
            )
    for place, task in enumerate(job.get("tasks") or ()):
        for key, known in (("environment_key", environments), ("job_cluster_key", clusters)):
            needs = key in task or (key == "environment_key" and "python_wheel_task" in task and not _has_cluster(task))
            if needs and task.get(key) not in known:
                yield view.problem(
                    (*where, "tasks", f"[{place}]", key),
                    f"unknown {key} {task.get(key)}",
                    f"one of the job's: {', '.join(sorted(map(str, known))) or 'none is defined'}",
                    "Correct it, or define it.",
                )


def _has_cluster(task: Job) -> bool:
    return bool({"existing_cluster_id", "job_cluster_key", "new_cluster"} & task.keys())


def _find_graph_problems(view: TargetView, where: Where, job: Job) -> Iterator[Problem]:
    tasks = job.get("tasks") or ()
    if not tasks:
        yield view.problem((*where, "tasks"), "no task", "at least one", "Add one, or remove the job.")
    keys = [str(task.get("task_key")) for task in tasks]
    conditions = {str(task.get("task_key")) for task in tasks if "condition_task" in task}
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield view.problem((*where, "tasks"), f"task_key {key!r} is used twice", "unique keys", "Rename one.")
    graph: dict[str, list[str]] = {}
    for place, task in enumerate(tasks):
        path = (*where, "tasks", f"[{place}]")
        kinds = sorted(set(task) - _OTHER_KEYS)
        if len(kinds) != 1:
            yield view.problem(
                path, f"a task that is {' and '.join(kinds) or 'nothing'}", "exactly one …_task", "Keep one."
            )
        before = task.get("depends_on") or ()
        graph[keys[place]] = [str(each.get("task_key")) for each in before]
        for each in before:
            name = str(each.get("task_key"))
            if name not in keys:
                yield view.problem(
                    (*path, "depends_on"),
                    f"depends on unknown task {name}",
                    f"one of: {', '.join(keys)}",
                    "Correct the name.",
                )
            elif "outcome" in each and name not in conditions:
                yield view.problem(
                    (*path, "depends_on"),
                    f"asks for the outcome of {name}",
                    "a condition_task: no other has one",
                    "Take the outcome out.",
                )
    yield from _find_cycle(view, (*where, "tasks"), graph, "tasks wait for each other")


def _find_cycle(view: TargetView, where: Where, graph: Mapping[str, list[str]], found: str) -> Iterator[Problem]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        yield view.problem(where, f"{found}: {circle}", "an order without a circle", "Remove one of the steps.")


def _find_job_cycles(view: TargetView) -> Iterator[Problem]:
    """Give jobs that run each other."""
    graph = {
        where[-1]: [name for path, text in walk_texts(job) if "job_id" in path for name in _JOB_ID.findall(text)]
        for where, job in view.each("jobs", state="filled")
    }
    yield from _find_cycle(view, ("resources", "jobs"), graph, "jobs run each other")


def _find_parameter_problems(view: TargetView, where: Where, job: Job) -> Iterator[Problem]:
    """Give dynamic values that the platform could not fill in: of undeclared parameters, of tasks that come later."""
    declared = {str(each.get("name")) for each in job.get("parameters") or ()}
    tasks = {str(task.get("task_key")): task for task in job.get("tasks") or ()}
    for place, task in enumerate(tasks.values()):
        earlier = _find_earlier(tasks, str(task.get("task_key")))
        for path, text in walk_texts(task, (*where, "tasks", f"[{place}]")):
            for kind, name in _DYNAMIC.findall(text):
                known = declared if kind == "job.parameters" else earlier
                if name not in known:
                    noun = "parameter of the job" if kind == "job.parameters" else "task before this one"
                    yield view.problem(
                        path,
                        f"{{{{{kind}.{name}}}}} is no {noun}",
                        f"one of: {', '.join(sorted(known)) or 'none is there'}",
                        "Correct the name, or define it.",
                    )


def _find_earlier(tasks: Mapping[str, Job], key: str) -> set[str]:
    """Return the tasks that have ended when ``key`` starts."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        for each in tasks.get(waiting.pop(), {}).get("depends_on") or ():
            name = str(each.get("task_key"))
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found
