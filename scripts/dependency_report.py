"""What is old among packages and Pythons: behind the newest, yanked, given up, near the end of support.

Usage: ``python scripts/dependency_report.py --report dist/dependencies.md``. It asks the package index, by pip as this
machine has it configured, and ends with exit code 1 if something has to be done.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
# End of security fixes of each supported Python, by its release schedule (PEP 664, PEP 693).
ENDS = {"3.11": date(2027, 10, 31), "3.12": date(2028, 10, 31)}
# A move to another Python takes the platform's environments along: half a year of notice.
NOTICE_DAYS = 180
_DRY_RUN = ("install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps")
_YANKED = re.compile(
    r"is a yanked version: '([\w.-]+)' candidate \(version (\S+) at .*\n(?:Reason for being yanked: (.*))?"
)
INACTIVE = "Development Status :: 7 - Inactive"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found.

    Attributes:
        behind: Pinned and newest version of each package that is not the newest, by name.
        yanked: Pins that the index marks as yanked, with the reason.
        inactive: Packages whose authors say that they are given up.
        direct: Names that pyproject.toml asks for itself.
        ends: Days until the end of support of each Python; negative when it is over.
        warnings: Warnings that the tests accept, each with what pyproject.toml says of it.
    """

    behind: Mapping[str, tuple[str, str]]
    yanked: Mapping[str, str]
    inactive: Sequence[str]
    direct: Sequence[str]
    ends: Mapping[str, int]
    warnings: Sequence[str]

    @property
    def has_work(self) -> bool:
        """Whether something has to be done now: being behind alone is no reason."""
        return bool(self.yanked or self.inactive or any(days <= NOTICE_DAYS for days in self.ends.values()))


def main() -> None:
    """Write the report and say how much there is to do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, help="Markdown file; by default it is printed.")
    given = parser.parse_args()
    try:
        found = find(datetime.now(UTC).date())
    except subprocess.CalledProcessError as error:
        sys.exit(f"pip could not ask the package index: {' '.join(error.stderr.split()[-40:])}")
    text = render(found)
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(text, encoding="utf-8")
    print(text)
    sys.exit(1 if found.has_work else 0)


def find(today: date) -> Findings:
    """Return what the index, the installed packages and pyproject.toml say.

    Raises:
        subprocess.CalledProcessError: If pip cannot ask the index.
    """
    pinned = read_pins(LOCK.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return Findings(
        behind=find_behind(pinned, run_pip("list", "--outdated", "--format=json")),
        yanked=find_yanked(run_pip(*_DRY_RUN, f"--requirement={LOCK}", stream="stderr")),
        inactive=find_inactive(pinned),
        direct=find_direct(project["project"]),
        ends={name: (end - today).days for name, end in ENDS.items()},
        warnings=[each for each in project["tool"]["pytest"]["ini_options"]["filterwarnings"] if each != "error"],
    )


def run_pip(*words: str, stream: Literal["stdout", "stderr"] = "stdout") -> str:
    """Return what pip prints, or what it warns of.

    Raises:
        subprocess.CalledProcessError: If pip fails.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout if stream == "stdout" else done.stderr


def read_pins(lock: str) -> dict[str, str]:
    """Return the pinned version of each package, by canonical name."""
    pairs = [line.split("==") for line in lock.splitlines() if "==" in line and not line.startswith("#")]
    return {str(canonicalize_name(name)): version for name, version in pairs}


def find_behind(pinned: Mapping[str, str], listed: str) -> dict[str, tuple[str, str]]:
    """Return the pins below the newest version, from the JSON of ``pip list --outdated``."""
    newest = {str(canonicalize_name(each["name"])): each["latest_version"] for each in json.loads(listed)}
    return {
        name: (version, newest[name])
        for name, version in sorted(pinned.items())
        if name in newest and Version(newest[name]) > Version(version)
    }


def find_yanked(warned: str) -> dict[str, str]:
    """Return the pins that are yanked, each with the reason, from what pip warns of: not every pip reports them."""
    return {
        f"{name} {version}": reason.strip() or "no reason given" for name, version, reason in _YANKED.findall(warned)
    }


def find_inactive(pinned: Mapping[str, str]) -> list[str]:
    """Return the installed pins that call themselves inactive."""
    given_up = {
        str(canonicalize_name(each.metadata["Name"]))
        for each in distributions()
        if INACTIVE in (each.metadata.get_all("Classifier") or ())
    }
    return sorted(given_up & pinned.keys())


def find_direct(project: Mapping[str, object]) -> list[str]:
    """Return the names that pyproject.toml asks for, in its dependencies and extras."""
    extras: Mapping[str, list[str]] = project["optional-dependencies"]  # type: ignore[assignment]
    dependencies: list[str] = project["dependencies"]  # type: ignore[assignment]
    wanted = [*dependencies, *(each for extra in extras.values() for each in extra)]
    return sorted({str(canonicalize_name(Requirement(each).name)) for each in wanted})


def render(found: Findings) -> str:
    """Return the report as Markdown: what has to be done, what is behind, what the tests accept."""
    todo = [f"- yanked: {name} ({why}). Ask for another version: `make lock`." for name, why in found.yanked.items()]
    todo += [f"- given up by its authors: {name}. Look for a successor." for name in found.inactive]
    todo += [
        f"- Python {name}: security fixes end in {days} days ({ENDS[name]}). Move the lock, the wheel's range and the "
        "jobs' environments."
        for name, days in found.ends.items()
        if days <= NOTICE_DAYS
    ]
    own = {name: pair for name, pair in found.behind.items() if name in found.direct}
    lines = ["## Dependencies", "", "To do now:" if todo else "Nothing has to be done now.", ""]
    lines += [*todo, ""] if todo else []
    lines += [
        f"{len(found.behind)} pins are behind the newest version; {len(own)} of them pyproject.toml asks for:",
        "",
    ]
    lines += ["| package | pinned | newest |", "|---|---|---|"]
    lines += [f"| {name} | {old} | {new}{_mark(old, new)} |" for name, (old, new) in own.items()]
    rest = ", ".join(f"{name} {old} → {new}" for name, (old, new) in found.behind.items() if name not in own)
    lines += ["", f"Besides: {rest or 'none'}.", ""]
    lines += ["Tests turn every warning into an error, deprecations above all. ", ""]
    lines[-2] += f"{len(found.warnings)} warnings of others are accepted:"
    lines += [f"- `{each}`" for each in found.warnings]
    return "\n".join(lines) + "\n"


def _mark(old: str, new: str) -> str:
    return " (major)" if Version(new).major > Version(old).major else ""


if __name__ == "__main__":
    main()
