"""Check the release before a tag out, so that it can be deployed again. Needs Python and git alone.

Usage: ``python scripts/previous_release.py --tag v1.2.0 --out dist/previous``, in a clone with all tags.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


def main() -> None:
    """Check it out and say which it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", required=True, help="Release that is undone, such as v1.2.0.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the checkout; replaced.")
    given = parser.parse_args()
    try:
        found = find_previous(ROOT, given.tag)
        check_out(ROOT, found, given.out)
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"No release to go back to: {error}")
    print(f"The release before {given.tag} is {found}, in {given.out}")


def find_previous(root: Path, tag: str) -> str:
    """Return the newest release below ``tag`` that is part of its history.

    Raises:
        ValueError: If ``tag`` names no release, or is the first.
    """
    limit = RELEASE.fullmatch(tag)
    if limit is None:
        raise ValueError(f"expected a tag such as v1.2.0, found '{tag}'. Give one: make rollback TAG=v1.2.0.")
    named = run_git(root, "tag", "--list", "v*", "--merged", f"refs/tags/{tag}").split()
    found = [each for each in map(RELEASE.fullmatch, named) if each and order(each) < order(limit)]
    if not found:
        raise ValueError(f"{tag} is the first release. Take it back by: databricks bundle destroy --target TARGET.")
    return max(found, key=order).group()


def order(release: re.Match[str]) -> tuple[int, ...]:
    """Return the numbers of a version, by which releases are ordered."""
    return tuple(map(int, release.groups()))


def check_out(root: Path, tag: str, out: Path) -> None:
    """Check ``tag`` out into the folder ``out``, with the history that the build of its wheel reads."""
    if out.exists():
        run_git(root, "worktree", "remove", "--force", str(out.absolute()))
    run_git(root, "worktree", "add", "--quiet", "--force", "--detach", str(out.absolute()), f"refs/tags/{tag}")


def run_git(root: Path, *words: str) -> str:
    """Return what a git command prints."""
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
