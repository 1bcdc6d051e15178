"""Write the constraints with which a wheel of this project is installed exactly, for each environment of the platform.

Run with: make lock. pip decides which of the environment's own packages can stay; what it has not is pinned as in
requirements.lock as far as the environment allows.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from boathouse.databricks.installation import plan_installation
from boathouse.databricks.published_sets import CONSTRAINTS, PublishedSet, canonical, list_sets, read_pins, read_set

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
FOLDER = ROOT / "src" / "boathouse" / "databricks" / "published"
# Released together: each asks for the same version of the others. The platform has the second.
MLFLOW = ("mlflow", "mlflow-skinny", "mlflow-tracing")
# MLflow 3.8.1 imports a name that SQLAlchemy 2.1 has not; DBR ML 18.0 has this version beside it.
BESIDE_OLDER_MLFLOW = {"sqlalchemy": "2.0.39"}


def choose_pins(published: PublishedSet, requirements: list[Requirement], locked: dict[str, str]) -> dict[str, str]:
    """Return the versions that are settled before pip is asked, by name.

    What the wheel asks for itself: the environment's version where it will do, else the lock's. MLflow: the version of
    the part that the environment has, and what goes with that.
    """
    pins = {}
    for each in requirements:
        name = canonical(each.name)
        there = published.versions.get(MLFLOW[1] if name == MLFLOW[0] else name)
        pins[name] = there if there is not None and there in each.specifier else locked[name]
    if pins[MLFLOW[0]] != locked[MLFLOW[0]]:
        pins |= {name: version for name, version in BESIDE_OLDER_MLFLOW.items() if name not in published.versions}
    return pins | dict.fromkeys(MLFLOW, pins[MLFLOW[0]])


def resolve(published: PublishedSet, requirements: list[Requirement], locked: dict[str, str]) -> dict[str, str]:
    """Return the version of every package that the wheel needs in the environment, or that both could touch."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "requirements.txt"
        project.write_text("".join(f"{each}\n" for each in requirements), encoding="utf-8")
        limits = Path(folder) / "constraints.txt"
        pins = choose_pins(published, requirements, locked)
        limits.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
        changes = plan_installation(published, "--requirement", str(project), constraints=limits)
    found = {each.name: each.after for each in changes}
    return {name: version for name, version in published.versions.items() if name in locked} | found


def format_constraints(published: PublishedSet, versions: dict[str, str], digest: str) -> str:
    """Return the text of the file: where it is from, then a line for each package, with what is replaced."""
    head = (
        f"# {published.title}: versions of an exact installation of boathouse there.\n"
        f"# Made by `make lock` from the set of {published.date} and requirements.lock, SHA-256 {digest}.\n"
    )
    lines = []
    for name, version in sorted(versions.items()):
        before = published.versions.get(name)
        note = "" if before == version else f"  # replaces {before}" if before else "  # added"
        lines.append(f"{name}=={version}{note}\n")
    return head + "".join(lines)


def main() -> None:
    """Write the file of each environment, or of those named, and say how many packages are replaced."""
    locked = read_pins(LOCK.read_text(encoding="utf-8").splitlines())
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(each) for each in project["dependencies"]]
    for name in sys.argv[1:] or list_sets():
        published = read_set(name)
        text = format_constraints(published, resolve(published, requirements, locked), digest)
        (FOLDER / f"{CONSTRAINTS}{name}.txt").write_text(text, encoding="utf-8")
        print(f"{name}: {text.count('# replaces')} packages replaced, {text.count('# added')} added")


if __name__ == "__main__":
    main()
