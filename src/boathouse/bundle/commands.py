"""Wheel tasks: the wheel that is built, its entry point, and the command that a task types."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from boathouse.bundle.problems import Problem, TargetView
from boathouse.bundle.references import Where

_OUT = re.compile(r"--out[ =](\S+)")
_BUILT_INTO = "dist"
# What a command that opens an environment is given, and where its value comes from.
_FROM_VARIABLES = {"--catalog": "catalog", "--schema-prefix": "schema_prefix"}
# The scheduler fills it in when the task starts.
_JOB_RUN = "{{job.run_id}}"


@dataclass(frozen=True)
class CommandLine:
    """The commands that a wheel task may type.

    Attributes:
        group: The entry point's commands.
        pipelines: Names that ``run --pipeline`` takes.
    """

    group: click.Group
    pipelines: Collection[str] = ()


def find_wheel_problems(view: TargetView, commands: CommandLine | None) -> Iterator[Problem]:
    """Give what is wrong with the wheel tasks of a target; their commands are judged where ``commands`` are given."""
    names = _read_names(view.bundle.project / "pyproject.toml")
    for where, job in view.each("jobs"):
        for place, environment in enumerate(job.get("environments") or ()):
            path = (*where, "environments", f"[{place}]", "spec", "dependencies")
            for dependency in (environment.get("spec") or {}).get("dependencies") or ():
                yield from _find_dependency_problems(view, path, str(dependency))
        for place, task in enumerate(job.get("tasks") or ()):
            if "python_wheel_task" in task:
                path = (*where, "tasks", f"[{place}]", "python_wheel_task")
                yield from _find_entry_problems(view, path, task["python_wheel_task"], names)
                if commands:
                    yield from _find_command_problems(view, path, task["python_wheel_task"], commands)


def _find_dependency_problems(view: TargetView, where: Where, dependency: str) -> Iterator[Problem]:
    """Give a wheel that no artifact builds; a path is relative to the file that names it."""
    if not dependency.startswith("."):
        return
    project = view.bundle.project.resolve()
    file = view.problem(where, "", "", "").file
    folder = (project / file).parent
    built = {
        (project / str(artifact.get("path", ".")) / _out_of(artifact)).resolve()
        for artifact in (view.bundle.document.get("artifacts") or {}).values()
        if artifact.get("type") == "whl"
    }
    if (folder / dependency).resolve().parent not in built or not dependency.endswith(".whl"):
        places = ", ".join(
            sorted(each.relative_to(project).as_posix() for each in built if each.is_relative_to(project))
        )
        yield view.problem(
            where,
            f"wheel is not built into {dependency}",
            f"a pattern that leads from {Path(file).parent.as_posix()}/ to {places or 'an artifact of type whl'}",
            "Write ../dist/*.whl in a file of resources/.",
        )


def _out_of(artifact: Mapping[str, Any]) -> str:
    found = _OUT.search(str(artifact.get("build", "")))
    return found[1] if found else _BUILT_INTO


def _read_names(path: Path) -> dict[str, list[str]]:
    """Return the names that a wheel task uses: those of the package and of its entry points; none without the file."""
    if not path.is_file():
        return {}
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return {"package_name": [project["name"]], "entry_point": sorted(project.get("scripts", {}))}


def _find_entry_problems(
    view: TargetView, where: Where, task: Mapping[str, Any], names: Mapping[str, list[str]]
) -> Iterator[Problem]:
    if "parameters" in task and "named_parameters" in task:
        yield view.problem(where, "parameters and named_parameters", "one of them", "Keep parameters.")
    for key, known in names.items():
        if task.get(key) not in known:
            yield view.problem(
                (*where, key), f"{key} {task.get(key)}", f"what the wheel has: {', '.join(known)}", "Correct it."
            )


def _find_command_problems(
    view: TargetView, where: Where, task: Mapping[str, Any], commands: CommandLine
) -> Iterator[Problem]:
    words = [str(word) for word in task.get("parameters") or ()]
    command, rest = _find_command(commands.group, words)
    where = (*where, "parameters")
    if command is None:
        typed = " ".join(words[:2]) or "nothing"
        yield view.problem(where, f"unknown command {typed}", "a command of boathouse --help", "Correct it.")
        return
    known = {name: option for option in command.params for name in option.opts}
    given = dict(_split(word) for word in rest if word.startswith("--"))
    for name, value in given.items():
        if name not in known:
            yield view.problem(
                where, f"unknown option {name}", f"one of: {', '.join(sorted(known))}", "Correct or remove it."
            )
        elif value is None and not getattr(known[name], "is_flag", False):
            yield view.problem(where, f"option {name} has no value", f"{name}=VALUE", "Write the value behind =.")
    for option in command.params:
        if option.required and isinstance(option, click.Option) and option.opts[0] not in given:
            yield view.problem(where, f"missing option {option.opts[0]}", f"{option.opts[0]}=VALUE", "Add it.")
    yield from _find_argument_problems(view, where, command, [word for word in rest if not word.startswith("-")])
    yield from _find_value_problems(view, where, given, known)
    named = ",".join(filter(None, (given.get("--pipeline"), given.get("--pipelines"))))
    for name in named.split(",") if command.name == "run" else ():
        if commands.pipelines and name not in commands.pipelines:
            yield view.problem(
                where,
                f"unknown pipeline {name or 'of no name'}",
                f"one of: {', '.join(sorted(commands.pipelines))}",
                "Correct it.",
            )


def _split(word: str) -> tuple[str, str | None]:
    name, equals, value = word.partition("=")
    return name, value if equals else None


def _find_argument_problems(
    view: TargetView, where: Where, command: click.Command, given: list[str]
) -> Iterator[Problem]:
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    least = sum(each.nargs if each.nargs > 0 else 1 for each in arguments if each.required)
    most = None if any(each.nargs < 0 for each in arguments) else sum(each.nargs for each in arguments)
    if len(given) < least or (most is not None and len(given) > most):
        names = " ".join(each.human_readable_name for each in arguments) or "no argument"
        yield view.problem(where, f"{len(given)} argument(s) {' '.join(given)}".rstrip(), names, "Correct them.")


def _find_value_problems(
    view: TargetView, where: Where, given: Mapping[str, str | None], known: Mapping[str, click.Parameter]
) -> Iterator[Problem]:
    """Give values that have to come from the target or the run: environment, names, folders, the run's number."""
    if "--env" in known:
        yield from _find_environment_problems(view, where, given.get("--env"))
    for option, variable in _FROM_VARIABLES.items():
        value = view.resolved.variables.get(variable)
        if option in known and value is not None and given.get(option) != value:
            yield view.problem(
                where,
                f"{option} is {given.get(option)}",
                f"{option}=${{var.{variable}}}",
                "Write it, or tables of another place are used.",
            )
    folder = given.get("--data-dir")
    if "--data-dir" in known and not (folder or "").startswith("/Volumes/"):
        yield view.problem(
            where,
            f"--data-dir is {folder or 'not given'}",
            "--data-dir=${var.landing}",
            "Write it: what a job leaves in its own folder is gone with it.",
        )
    if "--conf-source" in known:
        yield from _find_source_problems(view, where, given.get("--conf-source"))
    if "--job-run-id" in known and given.get("--job-run-id") != _JOB_RUN:
        yield view.problem(
            where,
            f"--job-run-id is {given.get('--job-run-id') or 'not given'}",
            f"--job-run-id={_JOB_RUN}",
            "Write it: what the run makes is traced to the run of the job.",
        )


def _find_environment_problems(view: TargetView, where: Where, name: str | None) -> Iterator[Problem]:
    if name != view.target:
        yield view.problem(
            where, f"environment is not the target's: {name or 'none'}", "--env=${bundle.target}", "Write it."
        )
    elif not (view.bundle.project / "conf" / view.target).is_dir():
        yield view.problem(
            ("targets", view.target),
            f"no conf/{view.target}",
            "a folder of conf with the name of each target",
            "Make it, even with one file: a run stops without it.",
        )


def _find_source_problems(view: TargetView, where: Where, source: str | None) -> Iterator[Problem]:
    if not (source or "").startswith((f"{view.resolved.file_path}/", "/Volumes/")):
        yield view.problem(
            where,
            f"--conf-source is {source or 'not given'}",
            "--conf-source=${workspace.file_path}/conf",
            "Write it: a job has no project in its folder.",
        )
    elif source and source.startswith(view.resolved.file_path):
        folder = source.removeprefix(f"{view.resolved.file_path}/")
        synced = (view.bundle.document.get("sync") or {}).get("include") or ()
        if not any(str(pattern).startswith(folder) for pattern in synced):
            yield view.problem(
                ("sync", "include"), f"{folder} is not synced", f"{folder}/**", "Add it: jobs name it as --conf-source."
            )


def _find_command(group: click.Command, words: list[str]) -> tuple[click.Command | None, list[str]]:
    """Return the command that the words name, in groups, and the words after it."""
    if not isinstance(group, click.Group):
        return group, words
    if not words:
        return None, words
    found = group.get_command(click.Context(group), words[0])
    return (None, words) if found is None else _find_command(found, words[1:])
