"""Notes and checksums of a release beside its wheel, and the check of all of them before they are deployed.

Usage: ``python scripts/release_files.py write|verify --tag v1.2.0 --folder dist/release``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUMS, NOTES = "SHA256SUMS", "RELEASE_NOTES"
TAG = re.compile(r"v\d+\.\d+\.\d+")
# Member of the wheel that says what it was built from.
STAMP = "boathouse/release.json"
BRANCHES = ("origin/main", "main")


class ReleaseError(Exception):
    """What keeps the files from being released or deployed."""


def main() -> None:
    """Write or verify the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("write", "verify"))
    parser.add_argument("--tag", default="", help="Release; by default the tag of this commit.")
    parser.add_argument("--folder", type=Path, required=True, help="Folder with the wheel.")
    parser.add_argument("--built", type=Path, help="Folder with a wheel built here, which has to be the same.")
    given = parser.parse_args()
    try:
        tag = given.tag or run_git(ROOT, "describe", "--tags", "--exact-match", "HEAD")
        if given.action == "write":
            write(ROOT, tag, given.folder)
        else:
            verify(ROOT, tag, given.folder, given.built)
    except ReleaseError as fault:
        sys.exit(f"{fault}")
    print(f"{tag}: {', '.join(sorted(path.name for path in given.folder.iterdir()))}")


def write(root: Path, tag: str, folder: Path) -> None:
    """Write notes and checksums, if ``tag`` may be released.

    Raises:
        ReleaseError: If the tag is no release of this commit, the commit is on no released branch, the wheel was built
            from something else, or CHANGELOG.md has no section of it.
    """
    check_tag(root, tag)
    check_stamp(root, tag, find_wheel(folder))
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    (folder / NOTES).write_text(find_section(changes, tag.removeprefix("v")), encoding="utf-8")
    lines = [f"{digest(path)}  {path.name}\n" for path in sorted(folder.iterdir()) if path.name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def verify(root: Path, tag: str, folder: Path, built: Path | None = None) -> None:
    """Check that the files are those that were released, and the wheel is what this commit builds.

    Raises:
        ReleaseError: If a file is missing, another one is there, one was changed, or the wheel is not of this commit.
    """
    check_tag(root, tag)
    if not (folder / SUMS).is_file():
        raise ReleaseError(f"No {SUMS} in {folder}: these are not the files of a release.")
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    expected = {name: value for value, name in (line.split("  ", 1) for line in lines)}
    found = {path.name: digest(path) for path in folder.iterdir() if path.name != SUMS}
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        raise ReleaseError(f"Not as released: {', '.join(differing)}. Fetch the release again.")
    wheel = find_wheel(folder)
    check_stamp(root, tag, wheel)
    if built is not None:
        compare(wheel, find_wheel(built))


def check_tag(root: Path, tag: str) -> None:
    """Check that ``tag`` names a release of the commit that is checked out, and that commit is on main."""
    if not TAG.fullmatch(tag):
        raise ReleaseError(f"Expected a tag such as v1.2.0, found '{tag}'.")
    head, tagged = run_git(root, "rev-parse", "HEAD"), run_git(root, "rev-parse", f"refs/tags/{tag}^{{commit}}")
    if head != tagged:
        raise ReleaseError(f"{tag} is commit {tagged[:12]}, checked out is {head[:12]}. Run: git checkout {tag}.")
    branches = [name for name in BRANCHES if has_commit(root, name)]
    if not any(is_ancestor(root, head, name) for name in branches):
        raise ReleaseError(f"Commit {head[:12]} of {tag} is not on main: it did not pass a pull request.")


def check_stamp(root: Path, tag: str, wheel: Path) -> None:
    """Check that the wheel has the version of ``tag`` and says that it was built from this commit, unchanged."""
    version = wheel.name.split("-")[1]
    if version != tag.removeprefix("v"):
        raise ReleaseError(f"The wheel has version {version}, the tag is {tag}. The version is in src/boathouse.")
    with zipfile.ZipFile(wheel) as archive:
        stamp = json.loads(archive.read(STAMP)) if STAMP in archive.namelist() else {}
    head = run_git(root, "rev-parse", "HEAD")
    if stamp.get("commit") != head or str(stamp.get("dirty")).lower() != "false":
        said = f"commit {str(stamp.get('commit'))[:12]}, dirty {stamp.get('dirty')}"
        raise ReleaseError(f"The wheel says: {said}; expected commit {head[:12]}, unchanged. Build it: make wheel.")


def compare(released: Path, built: Path) -> None:
    """Check that two wheels hold the same files, but for the stamp, which has the time of the build."""
    contents = []
    for wheel in (released, built):
        with zipfile.ZipFile(wheel) as archive:
            contents.append({name: archive.read(name) for name in archive.namelist() if not _is_of_the_build(name)})
    differing = sorted(name for name in contents[0].keys() | contents[1].keys() if _differs(name, *contents))
    if differing:
        raise ReleaseError(f"The released wheel is not what this commit builds; differing: {', '.join(differing[:5])}.")


def _is_of_the_build(name: str) -> bool:
    return name == STAMP or name.endswith(".dist-info/RECORD")


def _differs(name: str, one: dict[str, bytes], other: dict[str, bytes]) -> bool:
    return one.get(name) != other.get(name)


def find_section(changes: str, version: str) -> str:
    """Return the section of ``version`` in the changelog, without its heading.

    Raises:
        ReleaseError: If there is none, or nothing is in it.
    """
    parts = re.split(r"^## +", changes, flags=re.MULTILINE)[1:]
    heading = re.compile(rf"\[?{re.escape(version)}\]?(?![\w.])")
    found = next((part.partition("\n")[2].strip() for part in parts if heading.match(part)), "")
    if not found:
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}. Rename its section 'Unreleased': ## {version}.")
    return f"{found}\n"


def find_wheel(folder: Path) -> Path:
    """Return the one wheel of a folder."""
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise ReleaseError(f"Expected one wheel in {folder}, found {len(found)}. Build it: make wheel.")
    return found[0]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def has_commit(root: Path, name: str) -> bool:
    """Return whether git knows a commit by this name."""
    command = ["git", "-C", str(root), "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def is_ancestor(root: Path, commit: str, branch: str) -> bool:
    """Return whether ``commit`` is in the history of ``branch``."""
    command = ["git", "-C", str(root), "merge-base", "--is-ancestor", commit, branch]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_git(root: Path, *words: str) -> str:
    """Return what a git command prints.

    Raises:
        ReleaseError: If it fails; with its words.
    """
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
