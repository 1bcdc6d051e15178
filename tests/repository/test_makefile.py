"""The Makefile lists itself, says what it lacks, and never takes a half-built environment for a whole one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

# Stands for the interpreter: it makes a venv whose own interpreter writes down its calls, and fails at one on request.
PYTHON = """\
#!/bin/sh
case "$1 $2" in
  "-c import"*) exit 0 ;;
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit 0 ;;
  "--version "*) echo "Python 3.11.0"; exit 0 ;;
esac
echo "$@" >> calls
case "$@" in *"$(cat fail 2>/dev/null || echo nothing)"*) exit 1 ;; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the Makefile, a lock, and a stand-in for Python."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python3.11"
    python.write_text(PYTHON, encoding="utf-8")
    python.chmod(0o755)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # As typed in a terminal, also where a make runs these tests.
    typed = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False, env=typed)


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_help_is_the_default_and_lists_every_target() -> None:
    targets = set(re.findall(r"^\.PHONY: ([\w-]+)$", MAKEFILE, flags=re.MULTILINE))
    listed = set(re.findall(r"^  ([\w-]+) +\S", make(ROOT).stdout, flags=re.MULTILINE))
    assert listed == targets
    assert {"venv", "run", "test", "check", "viz", "mlflow", "doctor"} <= listed


def test_missing_python_is_named_with_what_to_do(checkout: Path) -> None:
    done = make(checkout, "venv", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "Python 3.11 or 3.12 is needed; tried: no-such-python." in done.stderr
    assert not (checkout / ".venv").exists()


def test_environment_is_built_once_and_again_when_the_lock_changes(checkout: Path) -> None:
    assert make(checkout, "venv", "PYTHON=./python3.11").returncode == 0
    first = calls(checkout)
    assert any("-r requirements.lock" in call for call in first)
    make(checkout, "venv", "PYTHON=./python3.11")
    assert calls(checkout) == first
    (checkout / ".venv" / "kept").touch()
    (checkout / "requirements.lock").write_text("changed==1\n", encoding="utf-8")
    make(checkout, "venv", "PYTHON=./python3.11")
    assert calls(checkout) == first * 2
    assert (checkout / ".venv" / "kept").exists()


def test_building_says_what_how_large_and_how_far_and_leaves_no_clock_behind(checkout: Path) -> None:
    slow = PYTHON.replace('echo "$@" >> calls', 'echo "$@" >> calls; case "$@" in *requirements.lock*) sleep 2;; esac')
    (checkout / "python3.11").write_text(slow, encoding="utf-8")
    done = make(checkout, "venv", "PYTHON=./python3.11", "BEAT=0.4")
    assert done.returncode == 0, done.stderr
    packages = (ROOT / "requirements.lock").read_text(encoding="utf-8").count("==")
    first, *others = done.stdout.splitlines()
    assert f"{packages} packages, 2900 MB on disk, two to five minutes" in first
    assert len([line for line in others if re.fullmatch(r"  … \d+ of 2900 MB", line)]) >= 2
    assert [line.split()[0] for line in others if "/3 " in line] == ["1/3", "2/3", "3/3"]
    # Its output is read to the end here, which a clock that goes on would prevent.
    assert others[-1] == "  .venv is ready."


@pytest.mark.parametrize("step", ["-r requirements.lock", "-e ."])
def test_interrupted_build_is_begun_anew(checkout: Path, step: str) -> None:
    (checkout / "fail").write_text(step, encoding="utf-8")
    assert make(checkout, "venv", "PYTHON=./python3.11").returncode != 0
    half_installed = checkout / ".venv" / "half_installed"
    half_installed.touch()
    (checkout / "fail").unlink()
    assert make(checkout, "venv", "PYTHON=./python3.11").returncode == 0
    assert not half_installed.exists()


def test_reset_removes_what_runs_and_endpoints_left_and_keeps_the_extracts(checkout: Path) -> None:
    removed = ("lakehouse/t", "reports/r", "mlartifacts/a", "mlflow.db", "mlflow.db-wal", "online_dev.db")
    removed += ("endpoint_log/dev/salt", "tokens_dev.json", "tokens_prod.json.lock")
    for name in (*removed, "01_raw/customers.csv"):
        path = checkout / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    # Named, so that a folder that the environment names is never touched.
    assert make(checkout, "reset", "BOATHOUSE_DATA=data").returncode == 0
    left = [path.relative_to(checkout / "data").as_posix() for path in (checkout / "data").rglob("*")]
    assert sorted(left) == ["01_raw", "01_raw/customers.csv"]


@pytest.mark.parametrize("name", ["my bank", "a\"b $HOME `id` #1 'x' ?[y]* \\ ü", "~"])
def test_reset_removes_from_the_folder_that_is_named_whatever_its_name(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HOME", str(checkout / "home"))
    monkeypatch.setenv("BOATHOUSE_DATA", f"{name}/x y" if name == "~" else name)
    data = checkout / "home" / "x y" if name == "~" else checkout / name
    beside = checkout / "lakehouse"
    for folder in (data / "lakehouse", data / "01_raw", beside):
        folder.mkdir(parents=True)
    done = make(checkout, "reset")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in data.iterdir()] == ["01_raw"]
    assert beside.exists()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("BOATHOUSE_DATA", "a\nb", "has a line break"), ("VENV", "my venv", "VENV is"), ("VENV", "v%1", "VENV is")],
)
def test_what_make_would_take_apart_is_refused_before_anything_is_done(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    before = sorted(checkout.iterdir())
    done = make(checkout, "reset") if variable == "BOATHOUSE_DATA" else make(checkout, "venv", f"VENV={value}")
    assert done.returncode != 0
    assert said in done.stderr
    assert sorted(checkout.iterdir()) == before


def test_a_checkout_may_have_spaces_but_no_colon(checkout: Path) -> None:
    plain = shutil.copytree(checkout, checkout / "my [co] #1")
    done = make(plain, "venv", "PYTHON=./python3.11")
    assert (done.returncode, (plain / ".venv" / ".ready").exists()) == (0, True), done.stderr
    parted = shutil.copytree(plain, checkout / "a:b", ignore=shutil.ignore_patterns(".venv"))
    done = make(parted, "venv", "PYTHON=./python3.11")
    assert "has a ':'" in done.stderr
    assert not (parted / ".venv").exists()
