"""The platform's sets of packages, and how the project's requirements and constraints stand to them."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from boathouse.databricks.published_sets import (
    canonical,
    find_set,
    list_sets,
    read_constraints,
    read_pins,
    read_set,
)
from boathouse.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(each) for each in PROJECT["dependencies"]]
LOCK = ROOT / "requirements.lock"
SETS = ("dbr-17.3-ml", "dbr-18.0-ml", "dbr-19.0-ml", "serverless-5")
# What the project asks for and an environment has otherwise: each is replaced at every start of a job there.
# DBR 17.3 has MLflow 3.0, with whose client of Unity Catalog nothing is tested, and XGBoost 3.0, whose boosters in JSON
# have another form than the loader knows.
NOT_MET: dict[str, set[str]] = {
    "dbr-17.3-ml": {"mlflow", "xgboost"},
    "dbr-18.0-ml": set(),
    "dbr-19.0-ml": set(),
    "serverless-5": set(),
}
# Facts that the platform states elsewhere too: in its tables of versions and of environments.
STATED = {
    "serverless-5": {"numpy": "2.1.3", "pandas": "2.2.3", "pyarrow": "21.0.0", "mlflow-skinny": "3.8.1"},
    "dbr-17.3-ml": {"mlflow-skinny": "3.0.1"},
    "dbr-18.0-ml": {"mlflow-skinny": "3.8.1"},
    "dbr-19.0-ml": {"mlflow-skinny": "3.12.0"},
}


def test_these_sets_are_known() -> None:
    assert list_sets() == SETS
    assert [find_set(name) for name in ("5", "serverless-5")] == ["serverless-5", "serverless-5"]
    with pytest.raises(ConfigError, match=r"environment '4'\. There are: dbr-17\.3-ml, .*serverless-5"):
        find_set("4")


@pytest.mark.parametrize("name", SETS)
def test_a_set_says_what_it_is_where_it_is_from_and_when(name: str) -> None:
    found = read_set(name)
    assert (found.name, found.python, found.date) == (name, "3.12", "2026-06-30")
    assert found.title.startswith(("Serverless environment version 5", "Databricks Runtime 1"))
    assert "constraints.txt at commit" in found.source
    assert len(found.versions) > 200
    assert all(each == canonical(each) and Version(version) for each, version in found.versions.items())
    assert STATED[name].items() <= found.versions.items()
    # The platform's own Spark is in none of them, and none of ours may be in its way.
    assert "pyspark" not in found.versions


def find_not_met(name: str) -> set[str]:
    """Return which requirements of the project the packages of an environment do not meet; absent ones are added."""
    versions = read_set(name).versions
    there = {**versions, "mlflow": versions["mlflow-skinny"]}
    found = {canonical(each.name): there.get(canonical(each.name)) for each in REQUIREMENTS}
    return {each.name for each in REQUIREMENTS if (have := found[canonical(each.name)]) and have not in each.specifier}


@pytest.mark.parametrize("name", SETS)
def test_the_lower_bounds_are_met_by_what_is_there(name: str) -> None:
    assert find_not_met(name) == NOT_MET[name]


def test_a_requirement_that_is_not_met_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.REQUIREMENTS", [Requirement("numpy~=2.4"), Requirement("kedro~=1.7")])
    assert find_not_met("serverless-5") == {"numpy"}


@pytest.mark.parametrize("name", SETS)
def test_constraints_are_of_this_lock_and_fit_the_project(name: str) -> None:
    text = read_constraints(name)
    assert hashlib.sha256(LOCK.read_bytes()).hexdigest() in text, "make lock writes them again"
    lines = text.splitlines()
    pins, locked, versions = read_pins(lines), read_pins(LOCK.read_text().splitlines()), read_set(name).versions
    assert [each for each in REQUIREMENTS if pins[canonical(each.name)] not in each.specifier] == []
    assert len({pins[each] for each in ("mlflow", "mlflow-skinny", "mlflow-tracing")}) == 1
    for line in (each for each in lines if "==" in each and not each.startswith("#")):
        package, version = next(iter(read_pins([line]).items()))
        note = line.partition("  # ")[2]
        before = versions.get(package)
        if note.startswith("replaces"):
            assert (note, before == version) == (f"replaces {before}", False)
        elif note == "added":
            assert before is None
        else:
            assert before == version
    # What no environment has is exactly as in the lock.
    ours = {"kedro", "kedro-mlflow", "kedro-datasets", "skops"}
    assert {each: pins[each] for each in ours} == {each: locked[each] for each in ours}


def test_an_exact_installation_keeps_what_serverless_has() -> None:
    """Kedro asks for a newer click than the platform has; everything that computes stays."""
    replaced = {
        line.partition("==")[0] for line in read_constraints("serverless-5").splitlines() if "# replaces" in line
    }
    assert "click" in replaced
    heavy = {"numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "mlflow-skinny", "matplotlib", "protobuf"}
    assert not replaced & heavy
