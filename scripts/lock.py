"""Resolve pyproject.toml again and write requirements.lock: one pinned name a line.

Run with: make lock, by the oldest Python that the project supports, so that the versions fit all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = "local,postgres,serving,edge,viz,dev"

# 470 MB for training on several GPUs at once; xgboost imports and trains without it.
LEFT_OUT = {"nvidia-nccl-cu12"}

HEADER = """\
# Versions of everything that make venv installs, on Python 3.11 and 3.12. Made by `make lock` from pyproject.toml.
# Complete by itself: installed without resolving. Left out on purpose: nvidia-nccl-cu12 (see scripts/lock.py).
"""


def resolve(project: Path) -> dict[str, str]:
    """Return the version of each package that the project needs, by canonical name.

    Raises:
        subprocess.CalledProcessError: If there is no set of versions that fits.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        wanted = f"{project}[{EXTRAS}]"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), wanted], check=True)
        entries = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = {entry["metadata"]["name"]: entry["metadata"]["version"] for entry in entries}
    return {name: version for name, version in found.items() if name != "boathouse" and name not in LEFT_OUT}


def format_lock(versions: dict[str, str]) -> str:
    """Return the text of the lock: a header, then ``name==version`` lines in alphabetical order."""
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items(), key=lambda pair: pair[0].lower())]
    return HEADER + "".join(lines)


def main() -> None:
    """Write the lock and say how many packages it holds."""
    versions = resolve(ROOT)
    LOCK.write_text(format_lock(versions), encoding="utf-8")
    print(f"{LOCK.name}: {len(versions)} packages")


if __name__ == "__main__":
    main()
