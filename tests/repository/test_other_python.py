"""The source is valid on the other supported Python as well, without a warning."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fixtures.needs import find_other_python

ROOT = Path(__file__).resolve().parents[2]
COMPILE = """
import sys
from pathlib import Path
paths = sorted(Path(sys.argv[1]).rglob("*.py"))
for path in paths:
    compile(path.read_bytes(), str(path), "exec")
print(len(paths))
"""


def compile_all(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(find_other_python()), "-I", "-W", "error", "-c", COMPILE, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.other_python
def test_the_source_compiles() -> None:
    done = compile_all(ROOT / "src")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(list((ROOT / "src").rglob("*.py")))


@pytest.mark.other_python
def test_what_the_other_python_rejects_is_found(tmp_path: Path) -> None:
    """A backslash that starts no escape sequence warns in 3.12; a missing bracket fails in both."""
    (tmp_path / "one.py").write_text("x = (1\n", encoding="utf-8")
    assert "was never closed" in compile_all(tmp_path).stderr
