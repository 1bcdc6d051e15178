"""boathouse doctor on a Databricks runtime, with the shipped configuration, against a workspace on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kedro.framework.project import configure_project

from boathouse.cli.checks import Check
from boathouse.cli.main import cli
from boathouse.cli.platform_checks import _name_schemas, check_platform
from boathouse.databricks import secrets
from boathouse.environment import SECRETS, open_environment
from boathouse.tables.engines.registry import EngineState
from tests.fixtures.rehearsed_workspace import ADMIN, DORA, JOBS, Rehearsed, rehearsed

pytestmark = pytest.mark.platform
__all__ = ["rehearsed"]
CONF = Path(__file__).parents[2] / "conf"
MODEL = "prod.models.missed_payment"
WRITES = ["USE_SCHEMA", "SELECT", "MODIFY", "CREATE_TABLE", "CREATE_MODEL", "EXECUTE", "READ_VOLUME", "WRITE_VOLUME"]


@pytest.fixture
def prod(rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> Rehearsed:
    """Have prod as an administrator has made it for its jobs, and this process one of them."""
    configure_project("boathouse")
    state = EngineState(name="databricks", version="0", note="started")
    monkeypatch.setattr("boathouse.cli.doctor.start_engine", lambda _: state)
    for variable in (*SECRETS.values(), "BOATHOUSE_ENGINE", "MLFLOW_TRACKING_URI", "BOATHOUSE_EXPERIMENTS"):
        monkeypatch.delenv(variable, raising=False)
    schemas = [name.removeprefix("prod.") for name in _name_schemas(open_environment("prod", CONF))]
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.setenv("BOATHOUSE_DATA", "/Volumes/prod/raw/landing")
    monkeypatch.setattr(secrets, "_shown", set())
    secrets.forget_values()
    rehearsed.act_as(JOBS, monkeypatch)
    grants = [{"principal": "jobs of prod", "privileges": WRITES}]
    workspace = rehearsed.workspace
    workspace.load_resources(
        {
            "schemas": {name: {"catalog_name": "prod", "name": name, "grants": grants} for name in schemas},
            "volumes": {"landing": {"catalog_name": "prod", "schema_name": "raw", "name": "landing"}},
            "registered_models": {"model": {"catalog_name": "prod", "schema_name": "models", "name": "missed_payment"}},
            "secret_scopes": {
                "secrets": {
                    "name": "boathouse-prod",
                    "permissions": [
                        {"level": "READ", "service_principal_name": JOBS},
                    ],
                }
            },
        },
        owner=ADMIN,
    )
    workspace.access.grant(JOBS, MODEL, "MANAGE", "APPLY_TAG", "CREATE_MODEL_VERSION")
    client = rehearsed.client(ADMIN).secrets
    client.put_secret("boathouse-prod", "online-store", string_value="postgresql://feast:s3cret-word@db/online")
    client.put_secret("boathouse-prod", "log-salt", string_value="pepper-and-salt")
    return rehearsed


def examine(*words: str) -> tuple[Result, dict[str, dict[str, str]]]:
    result = CliRunner().invoke(cli, ["doctor", "--env", "prod", "--conf-source", str(CONF), "--json", *words])
    return result, {check["name"]: check for check in json.loads(result.stdout)}


def test_a_workspace_that_has_everything_is_ok(prod: Rehearsed) -> None:
    result, checks = examine("--service-principal", JOBS)
    names = ["identity", "catalog", "schemas", "own tables", "other environments", "volume", f"model {MODEL}"]
    names += ["experiments", "secret online_store", "secret log_salt"]
    assert {name: checks[name]["status"] for name in names} == dict.fromkeys(names, "ok"), checks
    assert checks["identity"]["detail"] == f"service principal {JOBS}"
    assert checks["experiments"]["detail"] == "/Shared/boathouse-prod"
    assert "s3cret" not in result.output
    assert "pepper" not in result.output
    # The extracts alone are not there: a volume's files are no files of this machine.
    assert {name for name, check in checks.items() if check["status"] == "fail"} <= {"extracts", "reports"}


def look(service_principal: str | None = None) -> dict[str, Check]:
    """Return what is found in the workspace alone, by name."""
    found = check_platform(open_environment("prod", CONF), CONF, service_principal)
    return {check.name: check for check in found}


def grant(prod: Rehearsed, name: str, *, without: str) -> None:
    prod.workspace.access.grants[name] = {
        who: {each for each in held if each != without} for who, held in prod.workspace.access.grants[name].items()
    }


FAULTS = {
    "a catalog that is missing": (
        lambda prod: prod.workspace.catalog.remove("prod", "catalog"),
        "catalog",
        "databricks catalogs create prod",
    ),
    "a catalog that may not be used": (
        lambda prod: prod.workspace.access.grants.pop("prod"),
        "catalog",
        f'grants update catalog prod --json \'{{"changes": [{{"principal": "{JOBS}", "add": ["USE_CATALOG"]}}]}}\'',
    ),
    "a schema that is missing": (
        lambda prod: prod.workspace.catalog.remove("prod.features", "schema"),
        "schemas",
        "missing: prod.features. Make them: databricks bundle deploy -t prod",
    ),
    "a schema that may not be written": (
        lambda prod: grant(prod, "prod.monitoring", without="MODIFY"),
        "own tables",
        "prod.monitoring: no MODIFY. Its owner grants it: databricks grants update schema prod.monitoring",
    ),
    "another environment that could be written": (
        lambda prod: prod.workspace.access.grant("account users", "dev", "USE_CATALOG", "MODIFY"),
        "other environments",
        'grants update catalog dev --json \'{"changes": [{"principal": "account users", "remove": ["MODIFY"]}]}\'',
    ),
    "another environment that is owned": (
        lambda prod: prod.workspace.access.own(JOBS, "dev"),
        "other environments",
        "dev is owned by this identity. Give it to another: databricks catalogs update dev --owner OWNER",
    ),
    "a volume that is missing": (
        lambda prod: prod.workspace.catalog.remove("prod.raw.landing", "volume"),
        "volume",
        "'prod.raw.landing' is missing. Make it: databricks bundle deploy -t prod",
    ),
    "a volume that may not be written": (
        lambda prod: grant(prod, "prod.raw", without="WRITE_VOLUME"),
        "volume",
        "prod.raw.landing: no WRITE VOLUME. Its owner grants it: databricks grants update volume prod.raw.landing",
    ),
    "a model whose aliases may not be set": (
        lambda prod: prod.workspace.access.revoke(JOBS, MODEL, "MANAGE"),
        f"model {MODEL}",
        f"{MODEL}: no MANAGE. Its owner grants it: databricks grants update function {MODEL}",
    ),
    "a secret that may not be read": (
        lambda prod: prod.workspace.secrets.scopes["boathouse-prod"].rights.clear(),
        "secret online_store",
        "databricks secrets put-acl boathouse-prod PRINCIPAL READ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_fails_with_the_command_that_repairs_it(prod: Rehearsed, fault: str) -> None:
    plant, name, command = FAULTS[fault]
    plant(prod)
    check = look()[name]
    assert check.status == "fail"
    assert command in check.detail


def test_a_model_that_is_not_there_yet_is_made_by_the_first_training(prod: Rehearsed) -> None:
    del prod.workspace.registry.models[MODEL]
    assert look()[f"model {MODEL}"].status == "ok"
    grant(prod, "prod.models", without="CREATE_MODEL")
    check = look()[f"model {MODEL}"]
    assert (check.status, "prod.models: no CREATE MODEL" in check.detail) == ("fail", True)


def test_a_secret_that_only_some_commands_need_warns(prod: Rehearsed) -> None:
    del prod.workspace.secrets.scopes["boathouse-prod"].values["online-store"]
    check = look()["secret online_store"]
    assert check.status == "warn"
    assert "databricks secrets put-secret boathouse-prod online-store" in check.detail
    assert "features publish needs it" in check.detail


def test_a_folder_of_experiments_that_is_missing_is_made_by_a_command(
    prod: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOATHOUSE_EXPERIMENTS", "/Shared/risk")
    check = look()["experiments"]
    assert check.status == "fail"
    assert check.detail.endswith("databricks workspace mkdirs /Shared/risk")
    prod.client(JOBS).workspace.mkdirs("/Shared/risk")
    assert look()["experiments"].status == "ok"


def test_another_identity_than_the_jobs_fails_and_a_person_is_warned_about(
    prod: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod.act_as(DORA, monkeypatch)
    check = look(JOBS)["identity"]
    assert (check.status, f"user {DORA}; jobs of 'prod' run as {JOBS}" in check.detail) == ("fail", True)
    check = look()["identity"]
    assert (check.status, "--var service_principal=APPLICATION_ID" in check.detail) == ("warn", True)


def test_a_workspace_that_does_not_know_the_token_is_one_finding(
    prod: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-unknown")
    checks = look()
    assert checks["identity"].status == "fail"
    assert "did not answer (Unauthenticated). Check host and credentials" in checks["identity"].detail
    assert "catalog" not in checks


def test_off_the_platform_no_workspace_is_asked(
    prod: Rehearsed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    prod.workspace.calls.clear()
    assert "identity" not in examine()[1]
    assert not prod.workspace.calls
