"""The boxes of a pull request that a machine can tick: from the files that change, and the subjects of the commits."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

SUBJECT = 72
MERGE = ("Merge ", "Revert ")


@dataclass(frozen=True)
class Change:
    """What a branch changes.

    Attributes:
        files: Paths that differ from where it left its base.
        subjects: Subjects of its commits.
        dependencies: Whether what pyproject.toml asks for differs.
    """

    files: frozenset[str]
    subjects: tuple[str, ...]
    dependencies: bool = False

    def touches(self, *prefixes: str) -> bool:
        """Return whether a file below one of ``prefixes`` differs."""
        return any(name.startswith(prefixes) for name in self.files)


def read_change(root: Path, base: str) -> Change:
    """Return what the commits since ``base`` change; nothing where git does not know it."""
    for name in (f"origin/{base}", base):
        if _git(root, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"):
            files = _git(root, "diff", "--name-only", f"{name}...HEAD").splitlines()
            subjects = _git(root, "log", "--format=%s", f"{name}..HEAD").splitlines()
            asked = _git(root, "diff", "--unified=0", f"{name}...HEAD", "--", "requirements.lock")
            return Change(frozenset(files), tuple(subjects), bool(asked))
    return Change(frozenset(), ())


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def judge_boxes(change: Change) -> list[tuple[str, bool]]:
    """Return each box and whether it is ticked; a rule that does not apply holds."""
    long = [each for each in change.subjects if len(each) > SUBJECT and not each.startswith(MERGE)]
    noticed = change.touches("src/", "conf/")
    return [
        ("code changes with tests", change.touches("tests/") or not change.touches("src/", "scripts/")),
        ("what a user notices has a line in CHANGELOG.md", change.touches("CHANGELOG.md") or not noticed),
        (
            "another dependency comes with a decision record",
            change.touches("docs/decisions/") or not (change.dependencies and change.touches("pyproject.toml")),
        ),
        (f"subjects of commits have at most {SUBJECT} characters", not long),
    ]
