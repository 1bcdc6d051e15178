"""A rehearsal: all jobs of a target run against the stand-in of a workspace, in the order of a first month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from boathouse.rehearsal.deployment import Deployment
from boathouse.rehearsal.jobs import Ending, JobRun, JobRunner, TaskCall, TaskRun
from boathouse.rehearsal.programs import WheelPrograms
from boathouse.rehearsal.task_context import TaskContext

# The jobs that are started, in order; others are started by these, or by a version of the model.
_ORDER = ("data_refresh", "training", "cycle", "stream_inference", "maintenance")
_APPROVAL, _WHEEL = "approval", ("boathouse", "boathouse")
_WRITING = ("CREATE_TABLE", "MODIFY", "CREATE_MODEL", "WRITE_VOLUME")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One job, or one check, of a rehearsal.

    Attributes:
        name: Key of the job, or what is checked.
        succeeded: Whether it did what it has to.
        tasks: Its tasks; none of a check.
        spark: Calls of Spark, by kind.
        requests: Requests to the workspace's services, by kind.
        said: Why it failed.
    """

    name: str
    succeeded: bool
    tasks: tuple[TaskRun, ...] = ()
    spark: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    said: str = ""


@dataclass
class Rehearsal:
    """Runs the jobs of one deployment.

    Attributes:
        deployment: The deployment.
        programs: What starts the programs of tasks.
        say: Told of each task.
        steps: What was run so far.
    """

    deployment: Deployment
    programs: WheelPrograms
    say: Callable[[str], object]
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the jobs."""
        self._jobs: dict[str, Any] = self.deployment.resolved.resources.get("jobs", {})
        self._runner = JobRunner(self._jobs, self._execute)
        self._seen = self._list_versions()

    def run(self) -> list[Step]:
        """Run everything in order, and check that no other environment can be written; stop at the first failure."""
        for job in (each for each in _ORDER if each in self._jobs):
            if not self._run_job(job) or not self._run_triggered():
                return self.steps
        self._check_foreign_catalogs()
        return self.steps

    def _run_job(self, job: str, given: Mapping[str, str] | None = None, trigger: str = "manual") -> bool:
        run = self._counted(job, lambda: self._runner.run(job, given, trigger=trigger))
        if not run.succeeded and self._waits_for_approval(run):
            self.steps[-1] = replace(self.steps[-1], succeeded=True, said="waited for a second person")
            if not self._approve(run):
                return False
            run = self._counted(f"{job}, repaired", lambda: self._runner.repair(run))
        return run.succeeded

    def _counted(self, name: str, run_job: Callable[[], JobRun]) -> JobRun:
        """Run a job and keep what it did, with what it asked of the workspace."""
        spark, requests = self._count_calls(), Counter(self.deployment.workspace.calls)
        run = run_job()
        failed = next((each for each in run.tasks if each.state in {"failed", "timedout"}), None)
        self.steps.append(
            Step(
                name=name,
                succeeded=run.succeeded,
                tasks=run.tasks,
                spark=self._count_calls() - spark,
                requests=Counter(self.deployment.workspace.calls) - requests,
                said="" if failed is None or run.succeeded else f"task {failed.task}:\n{failed.said}",
            )
        )
        return run

    def _count_calls(self) -> Counter[str]:
        return sum(self.deployment.connect.counts.values(), Counter[str]())

    def _run_triggered(self) -> bool:
        """Run the jobs that wait for a version of a model, once for each version that is new."""
        new = self._list_versions() - self._seen
        self._seen |= new
        waiting = {
            key: model["securable_name"]
            for key, job in self._jobs.items()
            if (model := (job.get("trigger") or {}).get("model"))
        }
        return all(
            self._run_job(key, {"model_name": name, "model_version": version}, trigger="model")
            for name, version in sorted(new)
            for key, model in waiting.items()
            if model == name
        )

    def _list_versions(self) -> set[tuple[str, str]]:
        models = self.deployment.workspace.registry.models
        return {(name, str(version)) for name, model in models.items() for version in model.versions}

    @staticmethod
    def _waits_for_approval(run: JobRun) -> bool:
        failed = [each.task for each in run.tasks if each.state in {"failed", "timedout"}]
        return failed == [_APPROVAL]

    def _approve(self, run: JobRun) -> bool:
        """Approve the version as a second person, with the command that the message of the task names."""
        version = str(run.values.get("evaluation", {}).get("candidate") or run.parameters.get("model_version"))
        words = ["models", "approve", version, "--reason", "Rehearsed."]
        ending = self._type(words, principal=self.deployment.approver)
        self.steps.append(
            Step(name="a second person approves", succeeded=ending.code == 0, said=ending.said if ending.code else "")
        )
        return ending.code == 0

    def _check_foreign_catalogs(self) -> None:
        """Check by the grants as they were deployed that the identity of the jobs writes in its own catalog alone."""
        workspace, principal = self.deployment.workspace, self.deployment.principal
        own = self.deployment.resolved.variables["catalog"]
        for catalog in sorted(workspace.catalog.names("catalog") - {own}):
            schemas = [name for name in workspace.catalog.names("schema") if name.startswith(f"{catalog}.")]
            held = [f"{right} on {name}" for name in schemas for right in _WRITING if self._may(principal, right, name)]
            name = f"{self.deployment.name} cannot write {catalog}"
            self.steps.append(
                Step(name=name, succeeded=not held, said=f"{principal} has {', '.join(held)}" if held else "")
            )

    def _may(self, principal: str, privilege: str, schema: str) -> bool:
        return self.deployment.workspace.access.may(principal, privilege, schema)

    def _type(self, words: list[str], *, principal: str) -> Ending:
        """Run a command as a person or principal of the workspace, outside of any job."""
        values = self.deployment.resolved.variables
        common = [f"--env={self.deployment.name}", f"--conf-source={self.deployment.files}/conf"]
        names = [f"--catalog={values['catalog']}", f"--schema-prefix={values['schema_prefix']}"]
        context = TaskContext(
            host=self.deployment.workspace.url,
            token=self.deployment.tokens[principal],
            job_id=0,
            run_id=0,
            task_key="",
        )
        return self.programs.start(
            f"by-hand-{len(self.steps)}", _WHEEL, [*words, *common, *names], context, self._remote(principal, "by hand")
        )

    def _execute(self, call: TaskCall) -> Ending:
        principal = self._act_as(call.job)
        context = TaskContext(
            host=self.deployment.workspace.url,
            token=self.deployment.tokens[principal],
            job_id=call.state.job_id,
            run_id=call.state.run_id,
            task_key=call.task,
            values=call.state.values,
        )
        ending = self.programs.start(
            f"{call.state.run_id}-{call.job}-{call.task}-{call.attempt}",
            call.wheel,
            [self.deployment.place(word) for word in call.words],
            context,
            self._remote(principal, f"{call.job}/{call.task}"),
            timeout=call.timeout,
        )
        how = "ended" if ending.code == 0 else "FAILED" if ending.code is not None else "TIMED OUT"
        self.say(f"  {call.job}/{call.task} {how} after {ending.seconds:.0f} s")
        return ending

    def _remote(self, principal: str, label: str) -> str:
        return self.deployment.connect.url_for(self.deployment.tokens[principal], label=label)

    def _act_as(self, job: str) -> str:
        given = self._jobs[job].get("run_as") or {}
        return str(given.get("service_principal_name") or given.get("user_name") or self.deployment.principal)
