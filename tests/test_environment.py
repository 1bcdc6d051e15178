"""One environment opened from a configuration: where everything is, what conf says, and what opening it costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from boathouse.environment import Environment, list_environments, open_environment
from boathouse.errors import ConfigError
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from boathouse.use_case import USE_CASE

CONF = Path(__file__).parents[1] / "conf"
GLOBALS = """environment: base
lakehouse:
  engine: sail
  root: ${boathouse.data:lakehouse}
"""
NAMES = ("BOATHOUSE_CATALOG", "BOATHOUSE_SCHEMA_PREFIX")
CATALOG = """models.candidate:
  type: boathouse.registry.dataset.ModelVersionDataset
  name: ${globals:catalog}.${globals:schema_prefix}models.churn
models.champion:
  type: boathouse.lifecycle.datasets.DecidedVersionDataset
  name: ${globals:catalog}.${globals:schema_prefix}models.churn
  alias: champion
models.challenger:
  type: boathouse.lifecycle.datasets.DecidedVersionDataset
  name: ${globals:catalog}.${globals:schema_prefix}models.churn
  alias: challenger
models.baseline:
  type: boathouse.registry.dataset.ModelVersionDataset
  name: ${globals:catalog}.${globals:schema_prefix}models.guess
reports.page:
  type: text.TextDataset
  filepath: page.md
"""


@dataclass(frozen=True)
class Limits:
    """A group of conf."""

    most: int


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small configuration with the environments one and two."""
    for name in ("BOATHOUSE_ONLINE_STORE", "MLFLOW_TRACKING_URI", "DATABRICKS_RUNTIME_VERSION", *NAMES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    folder = tmp_path / "conf"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "globals.yml").write_text(GLOBALS)
    (folder / "base" / "catalog.yml").write_text(CATALOG)
    (folder / "base" / "parameters.yml").write_text("limits:\n  most: 3\n  unused: null\n")
    (folder / "base" / "mlflow.yml").write_text("server:\n  mlflow_tracking_uri: ${boathouse.mlflow:}\n")
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "globals.yml").write_text(f"environment: {name}\n")
    return folder


def test_tables_models_and_data_are_found_from_it(conf: Path, tmp_path: Path) -> None:
    environment = open_environment("one", conf)
    data = tmp_path / "data"
    assert (environment.name, environment.engine, environment.conf_source) == ("one", "sail", conf)
    table = environment.table("audit.promotions")
    assert (table.table, table.path) == ("one.audit.promotions", f"{data}/lakehouse/one/audit/promotions")
    assert environment.promoted_models == ("one.models.churn",)
    assert environment.tracking_uri == f"sqlite:///{data}/mlflow.db"
    assert environment.endpoint_log.table == "one.inference.endpoint_log"
    assert environment.endpoint_log_folder == data / "endpoint_log" / "one"
    assert environment.tokens_file == data / "tokens_one.json"


def test_the_online_store_is_the_given_one_or_that_of_the_variable_or_a_file(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = open_environment("one", conf)
    assert environment.online_store_url() == f"sqlite:///{tmp_path}/data/online_one.db"
    monkeypatch.setenv("BOATHOUSE_ONLINE_STORE", "postgresql://host/{env}")
    assert environment.online_store_url() == "postgresql://host/one"
    assert environment.online_store_url("sqlite:///x_{env}") == "sqlite:///x_one"


def test_two_that_are_open_at_once_keep_their_own_names(conf: Path) -> None:
    one, two = open_environment("one", conf), open_environment("two", conf)
    assert one.promoted_models == ("one.models.churn",)
    assert two.promoted_models == ("two.models.churn",)


def test_catalog_and_prefix_make_every_name_of_the_environment(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (conf / "one" / "globals.yml").write_text(
        "environment: one\ncatalog: bank\nschema_prefix: risk_\nreports_folder: ${boathouse.data:reports/one}\n"
    )
    data = tmp_path / "data"
    environment = open_environment("one", conf)
    assert environment.table("audit.promotions").path == f"{data}/lakehouse/bank/risk_audit/promotions"
    assert environment.promoted_models == ("bank.risk_models.churn",)
    assert environment.section("globals")["reports_folder"] == f"{data}/reports/one/risk"
    assert environment.online_store_url() == f"sqlite:///{data}/online_one-risk.db"
    assert environment.endpoint_log_folder == data / "endpoint_log" / "one-risk"
    assert environment.tokens_file == data / "tokens_one-risk.json"
    monkeypatch.setenv("BOATHOUSE_SCHEMA_PREFIX", "dev_alice_")
    assert open_environment("one", conf).table("raw.rows").table == "bank.dev_alice_raw.rows"


def test_variables_are_about_the_environment_of_the_command_alone(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (conf / "two" / "globals.yml").write_text("environment: two\ncatalog: ml_two\n")
    for name, value in zip(NAMES, ("mine", "me_"), strict=True):
        monkeypatch.setenv(name, value)
    one, two = open_environment("one", conf), open_environment("two", conf, is_other=True)
    assert (one.table("raw.rows").table, two.table("raw.rows").table) == ("mine.me_raw.rows", "ml_two.raw.rows")
    assert (one.promoted_models, two.promoted_models) == (("mine.me_models.churn",), ("ml_two.models.churn",))
    monkeypatch.setenv("BOATHOUSE_CATALOG", "")
    assert open_environment("one", conf).table("raw.rows").table == "one.me_raw.rows", "empty is not given"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BOATHOUSE_CATALOG", "my-catalog"),
        ("BOATHOUSE_CATALOG", "a.b"),
        ("BOATHOUSE_CATALOG", "größe"),
        ("BOATHOUSE_SCHEMA_PREFIX", "alice"),
        ("BOATHOUSE_SCHEMA_PREFIX", "a.b_"),
        ("BOATHOUSE_SCHEMA_PREFIX", "../_"),
    ],
)
def test_what_can_be_no_part_of_a_name_is_refused(
    conf: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    key = variable.removeprefix("BOATHOUSE_").lower()
    expected = rf"'one': expected as {key} \(--{key.replace('_', '-')}, else {variable}, .* found '{value}'"
    with pytest.raises(ConfigError, match=expected):
        open_environment("one", conf)


@pytest.mark.parametrize("given", ["prod", "PROD"])
def test_the_catalog_of_another_environment_is_refused_where_the_rules_of_this_one_would_hold_in_it(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("BOATHOUSE_CATALOG", given)
    said = f"Environment 'dev' was given the catalog '{given}'.*gives environment 'prod'.*Take --env prod"
    with pytest.raises(ConfigError, match=said):
        open_environment("dev", CONF)
    with pytest.raises(ConfigError, match=said):
        CONFIG_LOADER_CLASS(conf_source=str(CONF), env="dev", **CONFIG_LOADER_ARGS)
    assert open_environment("prod", CONF).catalog.lower() == "prod"
    monkeypatch.setenv("BOATHOUSE_CATALOG", "bank")
    assert open_environment("dev", CONF).catalog == "bank"


def test_a_group_of_conf_becomes_its_options_class(conf: Path) -> None:
    (conf / "two" / "parameters.yml").write_text("limits:\n  most: 5\n")
    (conf / "base" / "parameters.yml").write_text("limits:\n  most: 3\n")
    assert open_environment("one", conf).options(Limits, "parameters", "limits") == Limits(3)
    assert open_environment("two", conf).options(Limits, "parameters", "limits") == Limits(5)


@pytest.mark.parametrize("path", [("gates",), ("limits", "unused"), ("limits", "unused", "deeper")])
def test_a_group_that_is_not_there_is_named(conf: Path, path: tuple[str, ...]) -> None:
    expected = rf"No group '{'.'.join(path)}' in the parameters of environment 'one' in .*conf\."
    with pytest.raises(ConfigError, match=expected):
        open_environment("one", conf).options(Limits, "parameters", *path)


def test_endpoints_are_none_without_a_file_and_those_of_the_file_with_one(conf: Path) -> None:
    assert open_environment("one", conf).endpoints == {}
    (conf / "one" / "endpoints.yml").write_text("churn:\n  traffic: 1\n")
    assert open_environment("one", conf).endpoints == {"churn": {"traffic": 1}}


def test_a_run_gives_its_own_loader(conf: Path) -> None:
    loader = {"globals": {"environment": "test", "lakehouse": {"engine": "sail", "root": "x"}}}
    environment = Environment.from_conf(loader)
    assert environment == Environment("test", {"engine": "sail", "root": "x"})


@pytest.mark.parametrize("form", ["folder", "gztar", "zip"])
def test_every_form_of_conf_has_the_same_environments(conf: Path, tmp_path: Path, form: str) -> None:
    (conf / "logging.yml").touch()
    source = conf
    if form != "folder":
        source = Path(shutil.make_archive(str(tmp_path / "packed"), form, root_dir=tmp_path, base_dir="conf"))
    assert list_environments(source) == ("one", "two")


def test_this_project_has_the_four_environments() -> None:
    assert set(list_environments(CONF)) - {"local"} == {"dev", "prod", "staging", "test"}


def test_a_folder_without_base_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--conf-source"):
        list_environments(tmp_path)


def test_an_unknown_environment_is_named_with_those_there_are(conf: Path) -> None:
    with pytest.raises(ConfigError, match=r"Unknown environment 'three'\. .* has: one, two\."):
        open_environment("three", conf)


@pytest.mark.parametrize("name", ["dev", "staging", "prod", "test"])
def test_every_environment_of_this_project_has_rules_and_one_promoted_model(name: str) -> None:
    environment = open_environment(name, CONF)
    assert environment.name == name
    assert isinstance(environment.options(GovernanceOptions, "parameters", "governance"), GovernanceOptions)
    assert environment.promoted_models == (f"{name}.models.{USE_CASE.label.name}",)


def test_opening_it_and_naming_a_table_imports_no_mlflow_no_engine_and_no_pandas(conf: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from boathouse.environment import open_environment
environment = open_environment("one", Path({str(conf)!r}))
environment.table("clean.rows"), environment.promoted_models, environment.tracking_uri
heavy = ("mlflow", "pandas", "pyspark", "pysail", "delta", "deltalake", "sqlalchemy", "sklearn")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
