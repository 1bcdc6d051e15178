"""Names in conf are held against declarations: a misspelt one stops the run before any node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from boathouse.errors import ConfigError
from boathouse.hooks.declared_names import RULES, find_unknown_names
from boathouse.hooks.parameters import check_parameters
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from tests.conventions import project

if TYPE_CHECKING:
    from pathlib import Path

    from kedro.config import OmegaConfigLoader


def open_conf(source: Path = project.CONF, env: str = "test", **params: Any) -> OmegaConfigLoader:
    return CONFIG_LOADER_CLASS(conf_source=str(source), env=env, runtime_params=params, **CONFIG_LOADER_ARGS)


def nest(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """Return the folder of an environment above the project's base."""
    (tmp_path / "base").symlink_to(project.CONF / "base")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "globals.yml").write_text("environment: odd\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("environment", project.environments())
def test_shipped_conf_names_what_is_declared(environment: str) -> None:
    assert list(find_unknown_names(open_conf(env=environment))) == []


LIMIT = {"bound": 0.1, "max_failing_share": 0.0}


@pytest.mark.parametrize(
    ("path", "value", "name", "hint"),
    [
        ("training.features.excluded", ["age", "is_maried"], "is_maried", "did you mean 'is_married'? "),
        ("training.features.excluded", ["marital_stat"], "marital_stat", "known: age, "),
        ("training.baseline.feature", "months_lat", "months_lat", "did you mean 'months_late'? "),
        ("training.baseline.feature", "age", "age", "or take it out of training.features.excluded"),
        ("monitoring.drift.ignored", ["month_observed"], "month_observed", "did you mean 'months_observed'? "),
        ("evaluation.fairness.sensitive", ["sexe"], "sexe", "known: age_band, education, sex."),
        ("evaluation.behaviour.limits", {"sex_changes": LIMIT}, "sex_changes", "'sex_changes_nothing'"),
        ("promotion.gates.protected", ["age"], "age", "did you mean 'age_band'? "),
        ("promotion.gates.quality_tables", ["clean.custmers"], "clean.custmers", "'clean.customers'"),
        ("data_prep.quality.may_be_empty", ["transactions"], "transactions", "did you mean 'clean.transactions'? "),
    ],
)
def test_unknown_name_of_a_parameter_is_told(path: str, value: Any, name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_parameters(open_conf(**nest(path, value)), project.pipelines())
    line = next(line for line in str(caught.value).splitlines() if f"'{name}'" in line)
    assert line.startswith(f"- '{path}' in --params names '{name}', which is not ")
    assert hint in line
    assert "Correct the name, or declare it in " in line


def test_protected_group_has_to_be_measured() -> None:
    loader = open_conf(**nest("evaluation.fairness.sensitive", ["sex"]))
    problems = list(find_unknown_names(loader))
    assert len(problems) == 1
    assert problems[0].startswith(
        "'promotion.gates.protected' in conf/base/promotion/parameters_promotion.yml names 'age_band', "
    )


def test_baseline_among_the_candidates_is_checked() -> None:
    candidates = [{"algorithm": "logistic_regression"}, {"algorithm": "rate_table", "feature": "late", "bins": 2}]
    problems = list(find_unknown_names(open_conf(**nest("training.search.candidates", candidates))))
    assert len(problems) == 1
    assert problems[0].startswith("'training.search.candidates.1.feature' in --params names 'late', ")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("training.features.excluded", "age", "is 'age'; expected a list of names, each a feature."),
        ("training.baseline.feature", None, "is None; expected one name, each a feature that the model may see."),
    ],
)
def test_another_form_is_told(path: str, value: Any, expected: str) -> None:
    assert [f"'{path}' in --params {expected}"] == list(find_unknown_names(open_conf(**nest(path, value))))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("split.unit", "custmer_id", "names 'custmer_id', which is not a column of a request; did you mean 'cus"),
        ("log.personal.columns", ["customer"], "names 'customer', which is not a column of a table or of a request;"),
        ("input.ranges", {"month_late": [0, 1]}, "names 'month_late', which is not a feature or a field of a request;"),
    ],
)
def test_unknown_name_of_an_endpoint_is_told(overlay: Path, path: str, value: Any, expected: str) -> None:
    file = overlay / "odd" / "endpoints.yml"
    file.write_text(yaml.safe_dump(nest(f"missed_payment.boathouse.{path}", value)), encoding="utf-8")
    problems = list(find_unknown_names(open_conf(overlay, "odd")))
    assert len(problems) == 1
    assert problems[0].startswith(f"'missed_payment.boathouse.{path}' in conf/odd/endpoints.yml {expected}")


def test_service_level_of_no_endpoint_is_told(overlay: Path) -> None:
    (overlay / "odd" / "rollouts.yml").write_text("service_levels: {missed: {p50_ms: 1}}\n", encoding="utf-8")
    problems = list(find_unknown_names(open_conf(overlay, "odd")))
    assert [problem.split(";")[0] for problem in problems] == [
        "'service_levels' in conf/odd/rollouts.yml names 'missed', which is not an endpoint"
    ]


def test_endpoint_without_a_unit_is_fine(overlay: Path) -> None:
    (overlay / "odd" / "endpoints.yml").write_text(
        yaml.safe_dump(nest("missed_payment.boathouse.split.unit", None)), encoding="utf-8"
    )
    assert list(find_unknown_names(open_conf(overlay, "odd"))) == []


def test_pipelines_that_are_not_run_are_not_asked_for() -> None:
    loader = open_conf(**nest("training.features.excluded", ["nothing"]))
    check_parameters(loader, {"monitoring": project.pipelines()["monitoring"]})


def test_training_window_after_the_as_of_date_is_told() -> None:
    loader = open_conf(as_of="2005-08-31", train_until="2005-09-30")
    with pytest.raises(
        ConfigError, match="- 'train_until' is '2005-09-30'; allowed: a date up to as_of, which is 2005"
    ):
        check_parameters(loader, project.pipelines())


def test_every_rule_meets_a_parameter() -> None:
    """A rule whose path is renamed in conf would check nothing."""
    optional = {"training.search.candidates.*.feature"}
    found = {rule.path for rule in RULES if rule.known(CONF) and find_paths(rule.kind, rule.path)}
    assert {rule.path for rule in RULES} - found == optional


CONF = {kind: dict(open_conf()[kind]) for kind in ("parameters", "endpoints", "rollouts")}


def find_paths(kind: str, path: str) -> bool:
    level = [CONF[kind]]
    for key in path.split("."):
        level = [each[name] for each in level if isinstance(each, dict) for name in each if key in {"*", name}]
    return bool(level)
