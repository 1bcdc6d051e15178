"""Every parameter is used, and an environment only overrides what base says."""

from __future__ import annotations

import pytest

from boathouse.hooks.declared_names import RULES
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from boathouse.use_case import USE_CASE
from tests.conventions import configuration as conventions
from tests.conventions import project

BASE = {"training": {"split": {"months": 1, "salt": "a"}, "codes": [1, 2]}, "as_of": None}


def used() -> set[str]:
    names = {name for pipeline in project.pipelines().values() for name in pipeline.inputs()}
    return {name.removeprefix("params:") for name in names if name.startswith("params:")}


def test_every_parameter_is_used() -> None:
    assert conventions.find_unused(project.read_conf(project.BASE, "parameters"), used()) == []


def test_unused_parameter_is_found() -> None:
    assert conventions.find_unused(BASE, {"training.split", "as_of"}) == ["training.codes"]


def test_group_is_no_prefix_of_another_name() -> None:
    assert conventions.find_unused({"training": {"split_more": 1}}, {"training.split"}) == ["training.split_more"]


def test_every_parameter_that_a_node_takes_is_set() -> None:
    assert conventions.find_missing(project.read_conf(project.BASE, "parameters"), used()) == []


def test_missing_parameter_is_found() -> None:
    assert conventions.find_missing(BASE, {"as_of", "training.split", "training.seed"}) == ["training.seed"]


@pytest.mark.parametrize("kind", conventions.KINDS)
@pytest.mark.parametrize("environment", project.environments())
def test_environment_overrides_only_what_base_has(environment: str, kind: str) -> None:
    overlay, base = project.read_conf(environment, kind), project.read_conf(project.BASE, kind)
    assert conventions.find_strangers(overlay, base) == []
    assert conventions.find_repetitions(overlay, base) == []


def test_key_that_base_lacks_is_found() -> None:
    assert conventions.find_strangers({"training": {"split": {"month": 2}}}, BASE) == ["training.split.month"]


def test_repeated_value_is_found() -> None:
    overlay = {"training": {"codes": [1, 2], "split": {"months": 2}}}
    assert conventions.find_repetitions(overlay, BASE) == ["training.codes"]


DECLARED = {
    *(name for contract in USE_CASE.contracts.values() for name in (contract.name, *contract.column_names)),
    *(name for each in USE_CASE.on_demand for name in each.request_names),
    *USE_CASE.behaviour.names,
    *(*USE_CASE.feature_names, *USE_CASE.keys, *USE_CASE.groups.columns),
}

# Groups and keys that are called like a column, and name none.
HOMONYMS = (
    *("training.split", "feature_engineering.usage", "promotion.gates.modes", "monitoring.alerts.rules"),
    *("missed_payment.boathouse.split.kind", "missed_payment.boathouse.split.salt"),
    "monitoring.value.kpis",
)


@pytest.mark.parametrize("kind", ["parameters", "endpoints", "rollouts"])
@pytest.mark.parametrize("environment", project.environments())
def test_every_setting_that_names_something_is_checked(environment: str, kind: str) -> None:
    """A name that nothing checks is taken whatever it says: hooks/declared_names.py has the rules."""
    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env=environment, **CONFIG_LOADER_ARGS)

    def is_checked(path: str) -> bool:
        return any(rule.covers(kind, path) for rule in RULES) or conventions.is_under(path, HOMONYMS)

    assert conventions.find_unchecked_names(loader[kind], DECLARED, is_checked) == []


def test_setting_that_names_a_column_is_found() -> None:
    tree = {
        "slices": {"by": ["age"], "shown": True, "columns": []},
        "training": {"excluded": ["misspelt"], "feature_count": 3, "seed": 7},
        "ranges": {"limit": {"age": [0, 1]}},
    }
    found = conventions.find_unchecked_names(tree, {"age"}, lambda path: path == "training.excluded")
    assert found == ["ranges.limit.age", "slices.by", "slices.columns"]
