"""Tests that share something which takes long to make run in one worker, the longest first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.parallel import MADE_OF, SHARED, find_group, rank_group

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("fixture", [*SHARED, *MADE_OF.values()])
def test_each_shared_fixture_is_one_of_the_session(fixture: str) -> None:
    """A fixture that was renamed would be made once in each worker, and nothing would tell."""
    declared = rf'@pytest\.fixture\(scope="session"\)\ndef {fixture}\('
    assert any(re.search(declared, path.read_text(encoding="utf-8")) for path in TESTS.rglob("*.py"))


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("tests/repository/test_documents.py", "documents"),
        ("tests/golden/test_flow.py", "spark"),
        ("tests/parity/test_scoring_parity.py", "book"),
        ("tests/lineage/test_reproduction.py", "trained"),
        ("tests/test_environment.py", "tests/test_environment.py"),
    ],
)
def test_a_file_is_a_group_unless_its_tests_share(path: str, group: str) -> None:
    assert find_group(path) == group


def test_what_takes_longest_begins() -> None:
    paths = ("repository/test_documents.py", "golden/test_flow.py", "parity/conftest.py")
    documents, spark, book = (rank_group(f"tests/{path}", slow=False) for path in paths)
    other = "tests/test_environment.py"
    assert documents < spark < book < rank_group(other, slow=True) < rank_group(other, slow=False)


def test_workers_take_whole_groups(tmp_path: Path) -> None:
    """Through the real plugin: no file is divided between two workers, and two that share are with the same one."""
    body = (
        "import os\nfrom pathlib import Path\n\n"
        "def note():\n    with Path(__file__).with_name('seen').open('a') as seen:\n"
        "        seen.write(f\"{Path(__file__).name} {os.environ['PYTEST_XDIST_WORKER']}\\n\")\n\n"
        "def test_one():\n    note()\n\ndef test_two():\n    note()\n"
    )
    folder = tmp_path / "tests"
    folder.mkdir()
    for name in "abcd":
        sharing = "\n# uses spark_worker,\n" if name in "ad" else ""
        (folder / f"test_{name}.py").write_text(body + sharing, encoding="utf-8")
    (tmp_path / "plugin.py").write_text(
        "from pathlib import Path\nfrom tests.fixtures import parallel\nfrom tests.fixtures.parallel import *\n"
        "parallel.ROOT = Path(__file__).parent\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "plugin", "--rootdir", str(tmp_path), "-n", "2", str(folder)]
    path = {"PYTHONPATH": f"{tmp_path}:{TESTS.parent}:{TESTS.parent / 'src'}", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    seen = sorted(set((folder / "seen").read_text(encoding="utf-8").split("\n")) - {""})
    workers = dict(line.split() for line in seen)
    assert len(seen) == len(workers) == 4
    assert workers["test_a.py"] == workers["test_d.py"]
