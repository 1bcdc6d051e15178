"""Jobs and their runs; who executes the tasks of a run is somebody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route, ServiceError

if TYPE_CHECKING:
    from boathouse.rehearsal.workspace.permissions import Permissions

_BASE = "/api/2.2/jobs"
# Objects of a page, as a list asks for by itself.
_PAGE = 20
_FIRST_JOB, _FIRST_RUN = 7001, 90001
# How the newer form of a run's state is called in the older one.
_OLD_STATES = {"QUEUED": "QUEUED", "PENDING": "PENDING", "RUNNING": "RUNNING", "TERMINATED": "TERMINATED"}


@dataclass
class Job:
    """A job.

    Attributes:
        id: Its number.
        settings: As they stand in the bundle: name, tasks, parameters, environments, …
        owner: Who made it.
    """

    id: int
    settings: dict[str, Any]
    owner: str

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.settings.get("name") or "Untitled")

    @property
    def run_as(self) -> str:
        """As whom its runs act: ``run_as`` of the settings, else the owner."""
        given = self.settings.get("run_as") or {}
        return str(given.get("service_principal_name") or given.get("user_name") or self.owner)

    @property
    def defaults(self) -> dict[str, str]:
        """Default of each job parameter."""
        return {each["name"]: str(each["default"]) for each in self.settings.get("parameters") or ()}


@dataclass
class TaskRun:
    """A task of a run.

    Attributes:
        state: ``PENDING``, ``RUNNING``, ``TERMINATED`` or ``SKIPPED``.
        result: ``SUCCESS``, ``FAILED``, ``UPSTREAM_FAILED``, ``EXCLUDED``, …; empty before the end.
        message: Why.
        attempts: How often it was started.
        values: Task values that it set.
        output: What it printed.
    """

    state: str = "PENDING"
    result: str = ""
    message: str = ""
    attempts: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    output: str = ""


@dataclass
class Run:
    """A run of a job.

    Attributes:
        id: Its number.
        job: Of which job.
        parameters: Job parameters, defaults included.
        started_by: Who asked for it.
        state: ``QUEUED``, ``PENDING``, ``RUNNING`` or ``TERMINATED``.
        result: ``SUCCESS``, ``FAILED``, ``CANCELED``, …; empty before the end.
        message: Why.
        tasks: By task key.
        started_at: In milliseconds since 1970.
        ended_at: The same, of the end; 0 before it.
    """

    id: int
    job: Job
    parameters: dict[str, str]
    started_by: str
    state: str = "PENDING"
    result: str = ""
    message: str = ""
    tasks: dict[str, TaskRun] = field(default_factory=dict)
    started_at: int = 0
    ended_at: int = 0

    def end(self, result: str, message: str = "") -> None:
        """Note how it ended."""
        self.state, self.result, self.message, self.ended_at = "TERMINATED", result, message, _now()


class Jobs:
    """Jobs and runs of a workspace.

    Attributes:
        jobs: By number.
        runs: By number.
        on_run_now: Called with job and parameters, defaults included, when a run is asked for; returns the number of
            the run, which it has put into the store by :meth:`record_run`. By itself it only records.
    """

    def __init__(self, permissions: Permissions) -> None:
        """Start without a job."""
        self.jobs: dict[int, Job] = {}
        self.runs: dict[int, Run] = {}
        self.on_run_now: Callable[[Job, dict[str, str]], int] = self.record_run
        self._permissions = permissions
        self._tokens: dict[tuple[int, str], int] = {}
        self._asking = ""
        self.routes = tuple(
            Route(f"jobs.{path.replace('/', '-')}", verb, f"{_BASE}/{path}", answer)
            for verb, path, answer in (
                ("POST", "create", self._create),
                ("POST", "reset", self._reset),
                ("POST", "delete", self._delete),
                ("GET", "get", self._get),
                ("GET", "list", self._list),
                ("POST", "run-now", self._run_now),
                ("GET", "runs/get", self._get_run),
                ("GET", "runs/list", self._list_runs),
                ("GET", "runs/get-output", self._get_output),
                ("POST", "runs/cancel", self._cancel),
            )
        )

    def add_job(self, settings: Mapping[str, Any], *, owner: str) -> Job:
        """Make a job from its settings, with the permissions among them; return it."""
        kept = {key: value for key, value in settings.items() if key != "permissions"}
        job = Job(_FIRST_JOB + len(self.jobs), kept, owner)
        self.jobs[job.id] = job
        self._permissions.give("jobs", str(job.id), owner, "IS_OWNER")
        self._permissions.load("jobs", str(job.id), settings.get("permissions") or ())
        return job

    def record_run(self, job: Job, parameters: Mapping[str, str]) -> int:
        """Put a run that has not begun into the store; return its number."""
        tasks = {each["task_key"]: TaskRun() for each in job.settings.get("tasks") or ()}
        run = Run(_FIRST_RUN + len(self.runs), job, dict(parameters), self._asking or job.owner, tasks=tasks)
        run.started_at = _now()
        self.runs[run.id] = run
        return run.id

    def _job(self, request: Request, level: str) -> Job:
        number = int(request.need("job_id"))
        if number not in self.jobs:
            raise ServiceError.invalid(f"Job {number} does not exist.")
        self._permissions.require(request.principal, "jobs", str(number), level)
        return self.jobs[number]

    def _run(self, request: Request, level: str) -> Run:
        number = int(request.need("run_id"))
        if number not in self.runs:
            raise ServiceError.invalid(f"Run {number} does not exist.")
        self._permissions.require(request.principal, "jobs", str(self.runs[number].job.id), level)
        return self.runs[number]

    def _create(self, request: Request) -> dict[str, Any]:
        settings = {key: value for key, value in request.asked.items() if key != "access_control_list"}
        job = self.add_job(settings, owner=request.principal)
        return {"job_id": job.id}

    def _reset(self, request: Request) -> dict[str, Any]:
        self._job(request, "CAN_MANAGE").settings = dict(request.need("new_settings"))
        return {}

    def _delete(self, request: Request) -> dict[str, Any]:
        del self.jobs[self._job(request, "CAN_MANAGE").id]
        return {}

    def _get(self, request: Request) -> dict[str, Any]:
        return _show_job(self._job(request, "CAN_VIEW"))

    def _list(self, request: Request) -> dict[str, Any]:
        name, first = request.asked.get("name"), int(request.asked.get("page_token") or 0)
        seen = [
            _show_job(job)
            for job in self.jobs.values()
            if (not name or job.name.lower() == str(name).lower())
            and self._permissions.may(request.principal, "jobs", str(job.id), "CAN_VIEW")
        ]
        size = int(request.asked.get("limit") or _PAGE)
        more = {"next_page_token": str(first + size)} if first + size < len(seen) else {}
        return {"jobs": seen[first : first + size], "has_more": bool(more), **more}

    def _run_now(self, request: Request) -> dict[str, Any]:
        job = self._job(request, "CAN_MANAGE_RUN")
        given = request.asked.get("job_parameters") or {}
        if any(not isinstance(value, str) for value in given.values()):
            raise ServiceError.invalid("Job parameters are texts.")
        token = request.asked.get("idempotency_token")
        known = self._tokens.get((job.id, str(token))) if token else None
        if known is None:
            self._asking = request.principal
            known = self.on_run_now(job, {**job.defaults, **given})
            if token:
                self._tokens[job.id, str(token)] = known
        return {"run_id": known, "number_in_job": known}

    def _get_run(self, request: Request) -> dict[str, Any]:
        return _show_run(self._run(request, "CAN_VIEW"))

    def _list_runs(self, request: Request) -> dict[str, Any]:
        wanted = request.asked.get("job_id")
        runs = [run for run in self.runs.values() if wanted is None or run.job.id == int(wanted)]
        runs = [run for run in runs if self._permissions.may(request.principal, "jobs", str(run.job.id), "CAN_VIEW")]
        return {"runs": [_show_run(run) for run in reversed(runs)], "has_more": False}

    def _get_output(self, request: Request) -> dict[str, Any]:
        run = self._run(request, "CAN_VIEW")
        texts = [task.output for task in run.tasks.values()]
        failed = [task.message for task in run.tasks.values() if task.result == "FAILED"]
        return {"metadata": _show_run(run), "logs": "".join(texts), **({"error": failed[0]} if failed else {})}

    def _cancel(self, request: Request) -> dict[str, Any]:
        run = self._run(request, "CAN_MANAGE_RUN")
        if run.state != "TERMINATED":
            run.end("CANCELED", "Run cancelled.")
        return {}


def _show_job(job: Job) -> dict[str, Any]:
    return {"job_id": job.id, "creator_user_name": job.owner, "run_as_user_name": job.run_as, "settings": job.settings}


def _show_run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "job_id": run.job.id,
        "run_name": run.job.name,
        "creator_user_name": run.started_by,
        "start_time": run.started_at,
        "end_time": run.ended_at,
        "job_parameters": [{"name": name, "value": value} for name, value in sorted(run.parameters.items())],
        "tasks": list(_show_tasks(run)),
        **_show_state(run),
    }


def _show_tasks(run: Run) -> Iterator[dict[str, Any]]:
    for number, (key, task) in enumerate(run.tasks.items(), start=1):
        identifier = run.id * 1000 + number
        yield {"task_key": key, "run_id": identifier, "attempt_number": max(0, task.attempts - 1), **_show_state(task)}


def _show_state(found: Run | TaskRun) -> dict[str, Any]:
    """Return the state in both forms that clients read: ``state``, and ``status`` since Jobs API 2.2."""
    old: dict[str, Any] = {"life_cycle_state": _OLD_STATES.get(found.state, "SKIPPED"), "state_message": found.message}
    new: dict[str, Any] = {"state": "TERMINATED" if found.state == "SKIPPED" else found.state}
    if found.result:
        old["result_state"] = found.result
        kind = "SUCCESS" if found.result == "SUCCESS" else "CLIENT_ERROR"
        code = {"FAILED": "RUN_EXECUTION_ERROR", "CANCELED": "USER_CANCELED"}.get(found.result, found.result)
        new["termination_details"] = {"code": code, "type": kind, "message": found.message}
    return {"state": old, "status": new}


def _now() -> int:
    return int(time.time() * 1000)
