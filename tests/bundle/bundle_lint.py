"""What a deployment would reject or silently get wrong, found without a workspace."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml
from databricks.bundles.jobs import Job

PROJECT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {"bundle", "include", "artifacts", "sync", "variables", "targets", "resources"}
TARGET = {"default", "mode", "workspace", "resources", "variables", "run_as"}
# Quartz: seconds, minutes, hours, day of month, month, day of week, perhaps year.
CRON_FIELDS = (6, 7)

Document = dict[str, Any]


def load_bundle(project: Path = PROJECT) -> Document:
    """Return databricks.yml with the resources of its included files."""
    bundle: Document = yaml.safe_load((project / "databricks.yml").read_text())
    resources: Document = {}
    for pattern in bundle["include"]:
        for path in sorted(project.glob(pattern)):
            for kind, found in yaml.safe_load(path.read_text())["resources"].items():
                resources.setdefault(kind, {}).update(found)
    return {**bundle, "resources": resources}


def resolve_target(bundle: Document, target: str) -> Document:
    """Return the resources of ``target``: its own merged over the common ones."""
    return _merge(copy.deepcopy(bundle["resources"]), bundle["targets"][target].get("resources", {}))


def find_problems(bundle: Document) -> list[str]:
    """Return everything that is wrong, in words."""
    problems = [f"unknown key {key}" for key in bundle.keys() - TOP_LEVEL]
    defaults = [name for name, target in bundle["targets"].items() if target.get("default")]
    if len(defaults) != 1:
        problems.append(f"default targets: {defaults}")
    for name, target in bundle["targets"].items():
        problems += [f"{name}: {problem}" for problem in _target_problems(bundle, name, target)]
    return problems


def _target_problems(bundle: Document, name: str, target: Document) -> Iterator[str]:
    yield from (f"unknown key {key}" for key in target.keys() - TARGET)
    if "run_as" in target:
        yield "run_as at target level"
    if target.get("mode") == "production" and "root_path" not in target.get("workspace", {}):
        yield "no root_path"
    if not (PROJECT / "conf" / name).is_dir():
        yield f"no conf/{name}"
    yield from _undefined_references(bundle, target)
    resources = resolve_target(bundle, name)
    for key, job in resources["jobs"].items():
        yield from (f"job {key}: {problem}" for problem in _job_problems(job))
        if target.get("mode") == "production" and "run_as" not in job:
            yield f"job {key}: no run_as"


def _undefined_references(bundle: Document, target: Document) -> Iterator[str]:
    text = yaml.safe_dump([bundle["resources"], target, bundle.get("variables")])
    for name in re.findall(r"\$\{var\.(\w+)\}", text):
        if name not in bundle["variables"]:
            yield f"undefined variable {name}"
    for kind, key in re.findall(r"\$\{resources\.(\w+)\.(\w+)", text):
        if key not in bundle["resources"].get(kind, {}):
            yield f"undefined resource {kind}.{key}"


def _job_problems(job: Document) -> Iterator[str]:
    try:
        Job.from_dict(job)
    except (TypeError, ValueError) as error:
        yield str(error)
        return
    if len({"schedule", "trigger", "continuous"} & job.keys()) > 1:
        yield "more than one of schedule, trigger, continuous"
    cron = job.get("schedule", {}).get("quartz_cron_expression", "* * * * * ?")
    if len(cron.split()) not in CRON_FIELDS:
        yield f"cron {cron!r}"
    keys = [task["task_key"] for task in job["tasks"]]
    environments = {each["environment_key"] for each in job["environments"]}
    for each in job["environments"]:
        yield from _dependency_problems(each["spec"]["dependencies"])
    for task in job["tasks"]:
        yield from (f"task {task['task_key']}: {each}" for each in _task_problems(task, keys, environments))


def _dependency_problems(dependencies: list[str]) -> Iterator[str]:
    for path in dependencies:
        # Relative to the file in resources/ that names it.
        if path.startswith(".") and (PROJECT / "resources" / path).resolve().parent != PROJECT / "dist":
            yield f"wheel is not built into {path}"


def _task_problems(task: Document, keys: list[str], environments: set[str]) -> Iterator[str]:
    yield from (
        f"depends on unknown {each['task_key']}" for each in task.get("depends_on", []) if each["task_key"] not in keys
    )
    if task.get("environment_key") not in environments:
        yield f"unknown environment_key {task.get('environment_key')}"
    wheel = task["python_wheel_task"]
    if "parameters" in wheel and "named_parameters" in wheel:
        yield "parameters and named_parameters"
    yield from _wheel_problems(wheel)


def _wheel_problems(wheel: Document) -> Iterator[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    if wheel["package_name"] != project["name"]:
        yield f"package_name {wheel['package_name']}"
    if wheel["entry_point"] not in project["scripts"]:
        yield f"entry_point {wheel['entry_point']}"
    yield from _command_problems(wheel.get("parameters", []))


def _command_problems(parameters: list[str]) -> Iterator[str]:
    """Give what is wrong with the words of a command: one of ours, below a group or not, and its options."""
    from boathouse.cli.main import cli
    from boathouse.pipeline_registry import FLOW

    command, words = _find_command(cli, parameters)
    if command is None:
        yield f"unknown command {' '.join(parameters[:2])}"
        return
    known = {name for option in command.params for name in option.opts}
    # A flag has no value.
    values = {name: value for name, _, value in (word.partition("=") for word in words if word.startswith("--"))}
    yield from (f"unknown option {name}" for name in values if name not in known)
    required = {option.opts[0] for option in command.params if option.required and option.opts[0].startswith("--")}
    yield from (f"missing option {name}" for name in sorted(required - set(values)))
    if command.name == "run" and values.get("--pipeline") not in FLOW:
        yield f"unknown pipeline {values.get('--pipeline')}"
    if values.get("--env") != "${bundle.target}":
        yield "environment is not the target's"


def _find_command(group: click.Group, words: list[str]) -> tuple[click.Command | None, list[str]]:
    command = group.get_command(click.Context(group), words[0])
    if isinstance(command, click.Group):
        return _find_command(command, words[1:])
    return command, words[1:]


def _merge(base: Document, over: Document) -> Document:
    for key, value in over.items():
        base[key] = _merge(base.get(key, {}), value) if isinstance(value, dict) else value
    return base
