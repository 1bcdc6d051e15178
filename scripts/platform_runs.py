"""Commands of the deployed wheel, run as a one-time run of the platform, in the environment of the deployed jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from databricks.sdk.errors import OperationFailed
from databricks.sdk.service.jobs import (
    JobEnvironment,
    PythonWheelTask,
    Run,
    RunResultState,
    SubmitTask,
    Task,
    TaskDependency,
)

from boathouse.cli.main import cli

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

PACKAGE = "boathouse"
# What every command of the wheel is told, as the bundle resolved it.
SHARED = ("--env=", "--catalog=", "--conf-source=", "--data-dir=")


_NOT_RUN = (None, RunResultState.UPSTREAM_FAILED, RunResultState.UPSTREAM_CANCELED, RunResultState.EXCLUDED)


class PlatformError(Exception):
    """What keeps the commands from running there."""


@dataclass(frozen=True)
class Command:
    """One command of the wheel.

    Attributes:
        key: Its name in the run.
        words: What is typed after ``boathouse``, without what all commands are told.
    """

    key: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended.

    Attributes:
        key: Its name.
        state: ``passed``, ``failed`` or ``not run``.
        seconds: How long it took, starting up included.
        url: Page of its run; empty for a process of this machine.
    """

    key: str
    state: str
    seconds: float
    url: str = ""


@dataclass(frozen=True)
class Deployed:
    """What the deployed jobs have in common.

    Attributes:
        environments: Their environments, with the wheel.
        environment_key: The one of the wheel.
        shared: Options that every command is told.
    """

    environments: tuple[JobEnvironment, ...]
    environment_key: str
    shared: tuple[str, ...]

    @property
    def catalog(self) -> str:
        """Catalog of the tables: the one that the jobs name, else that of the environment's name."""
        named = {word.split("=", 1)[0]: word.split("=", 1)[1] for word in self.shared}
        return named.get("--catalog") or named["--env"]


def find_deployed(client: WorkspaceClient, target: str) -> Deployed:
    """Return what the deployed training job of ``target`` has, of all jobs that may be in the workspace.

    Raises:
        PlatformError: If no such job is there, so that nothing was deployed.
    """
    for job in client.jobs.list(expand_tasks=True):
        for task in (job.settings.tasks if job.settings else None) or ():
            if _is_training(task, target):
                settings = client.jobs.get(job.job_id or 0).settings
                words = task.python_wheel_task.parameters if task.python_wheel_task else None
                shared = tuple(word for word in words or () if word.startswith(SHARED))
                environments = tuple((settings.environments if settings else None) or ())
                return Deployed(environments, task.environment_key or "", shared)
    raise PlatformError(
        f"No job here trains in '{target}' by the wheel {PACKAGE}: nothing is deployed, or the identity of this "
        f"pipeline may not see it. Deploy it: make deploy TARGET={target}."
    )


def _is_training(task: Task, target: str) -> bool:
    wheel = task.python_wheel_task
    words = (wheel.parameters if wheel else None) or ()
    # A deployment with a schema prefix is somebody's own, beside that of the environment.
    is_own = any(word.startswith("--schema-prefix=") and word != "--schema-prefix=" for word in words)
    is_ours = wheel is not None and wheel.package_name == PACKAGE and not is_own
    return is_ours and {"--pipeline=training", f"--env={target}"} <= set(words)


def run_commands(
    client: WorkspaceClient, deployed: Deployed, name: str, commands: Sequence[Command], *, timeout: timedelta
) -> list[Outcome]:
    """Run ``commands`` one after the other in one run; return how each ended. One that fails ends the run.

    Raises:
        TimeoutError: If the run takes longer than ``timeout``.
    """
    waiting = client.jobs.submit(
        run_name=name,
        environments=list(deployed.environments),
        tasks=list(_make_tasks(deployed, commands)),
        timeout_seconds=int(timeout.total_seconds()),
    )
    with suppress(OperationFailed):
        # What failed is said by the tasks.
        waiting.result(timeout=timeout)
    run = client.jobs.get_run(waiting.run_id)
    return [_judge(command.key, run) for command in commands]


def _make_tasks(deployed: Deployed, commands: Sequence[Command]) -> Iterator[SubmitTask]:
    for number, command in enumerate(commands):
        yield SubmitTask(
            task_key=command.key,
            depends_on=[TaskDependency(task_key=commands[number - 1].key)] if number else None,
            environment_key=deployed.environment_key,
            python_wheel_task=PythonWheelTask(
                package_name=PACKAGE,
                entry_point=PACKAGE,
                parameters=[*command.words, *find_accepted(command.words, deployed.shared)],
            ),
        )


def find_accepted(words: Sequence[str], shared: Sequence[str]) -> list[str]:
    """Return those of the ``shared`` options that the command has.

    Raises:
        PlatformError: If there is no such command.
    """
    command: click.Command | None = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
    if command is None or isinstance(command, click.Group):
        raise PlatformError(f"boathouse has no command '{' '.join(words)}'. There are: boathouse --help.")
    known = {name for option in command.params for name in option.opts}
    return [option for option in shared if option.split("=", 1)[0] in known]


def _judge(key: str, run: Run) -> Outcome:
    task = next((each for each in run.tasks or () if each.task_key == key), None)
    result = task.state.result_state if task and task.state else None
    state = "not run" if result in _NOT_RUN else "passed" if result == RunResultState.SUCCESS else "failed"
    seconds = ((task.end_time or 0) - (task.start_time or 0)) / 1000 if task else 0.0
    return Outcome(key=key, state=state, seconds=max(seconds, 0.0), url=(task.run_page_url if task else None) or "")


def render_outcomes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the outcomes as the lines of a Markdown table."""
    lines = ["| step | result | seconds | run |", "|---|---|---|---|"]
    lines += [
        f"| {each.key} | {each.state} | {each.seconds:.0f} | {f'[page]({each.url})' if each.url else ''} |"
        for each in outcomes
    ]
    return lines
