"""Which files of the project git does not know: what is not added is in no release."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Where a file that was forgotten breaks something: code, its tests, configuration, jobs, commands, pages.
FOLDERS = ("src", "tests", "conf", "resources", "scripts", "benchmarks", "docs")


def list_unknown(root: Path) -> list[str] | None:
    """Return the files below :data:`FOLDERS` that git neither has nor ignores; None outside a git checkout."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", root.as_posix(), "ls-files", "--others", "--exclude-standard", "--", *FOLDERS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if done.returncode else done.stdout.splitlines()
