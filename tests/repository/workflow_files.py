"""The workflows of GitHub Actions and the pipelines of Azure DevOps, read as data, one form for both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB, AZURE = ".github/workflows", "azure-pipelines"


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: Its name in the file.
        document: What the file says of it.
        steps: Its steps; none for a job that calls another file.
    """

    name: str
    document: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Workflow:
    """One file.

    Attributes:
        path: Relative to the project.
        text: As it stands.
    """

    path: str
    text: str

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.path.rpartition("/")[2]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The file as plain values; ``on``, which YAML reads as true, under its name."""
        return {"on" if key is True else key: value for key, value in yaml.safe_load(self.text).items()}

    @property
    def triggers(self) -> set[str]:
        """Names of the events that start a workflow of GitHub."""
        found = self.document["on"]
        return {found} if isinstance(found, str) else set(found)

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Jobs in their order."""
        if self.path.startswith(GITHUB):
            found = self.document["jobs"].items()
            return tuple(Job(name, each, tuple(each.get("steps", ()))) for name, each in found)
        stages = self.document.get("stages", ({"jobs": self.document.get("jobs", ())},))
        return tuple(_read_azure_job(each) for stage in stages for each in stage["jobs"] if "template" not in each)

    def job(self, name: str) -> Job:
        """Return the job of that name."""
        return next(each for each in self.jobs if each.name == name)

    def commands(self) -> Iterator[tuple[str, str]]:
        """Give each line that a step runs, with the name of its job."""
        for job in self.jobs:
            for step in job.steps:
                text = step.get("run") or step.get("script") or ""
                yield from ((job.name, line.strip()) for line in text.splitlines() if line.strip())


def _read_azure_job(document: Mapping[str, Any]) -> Job:
    name = document.get("job") or document.get("deployment") or ""
    steps = document["strategy"]["runOnce"]["deploy"]["steps"] if "strategy" in document else document["steps"]
    return Job(str(name), document, tuple(steps))


def read_workflows(folder: str) -> dict[str, Workflow]:
    """Return the files of a folder by name."""
    paths = sorted((ROOT / folder).glob("*.yml"))
    return {path.name: Workflow(f"{folder}/{path.name}", path.read_text(encoding="utf-8")) for path in paths}


def make_targets() -> dict[str, str]:
    """Return the recipe of each target of the Makefile that is typed by name."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    parts = re.split(r"^\.PHONY: ([\w-]+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def steps_of_pr() -> list[str]:
    """Return the targets of ``make pr``, in their order."""
    found = re.search(r"^PR_STEPS := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, "the Makefile has no PR_STEPS"
    return found[1].split()
