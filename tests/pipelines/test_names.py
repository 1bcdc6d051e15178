"""The same project under other names: people side by side in one catalog, and an environment in a renamed one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.tables.location import _reads
from tests.fixtures.small_workspace import CONF, EXTRACTS, SmallWorkspace, isolate
from tests.fixtures.trained_workspace import QUICK

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STEPS = ("data_prep", "feature_engineering", "training")
# Who works where: catalog and schema prefix, empty as conf has it.
ALICE, BOB, RENAMED = ("", "dev_alice_"), ("", "dev_bob_"), ("ml_test", "")
# The whole flow has to go through; what 200 customers prove is not asked.
LENIENT = {
    "promotion": {"gates": {"modes": {"beats_baseline": "warn", "minimum_roc_auc": "warn", "behaviour": "warn"}}},
    "evaluation": {"bootstrap": {"samples": 20}, "comparison": {"samples": 40}, "behaviour": {"entities": 20}},
}


def enter(data: Path, patch: pytest.MonkeyPatch, names: tuple[str, str]) -> None:
    isolate(data, patch)
    patch.setenv("BOATHOUSE_CATALOG", names[0])
    patch.setenv("BOATHOUSE_SCHEMA_PREFIX", names[1])


def list_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file below ``folder``."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def list_tables(data: Path, schemas: str) -> set[str]:
    """Return ``<schema>.<table>`` of those whose folder matches ``schemas``, below any catalog."""
    logs = (data / "lakehouse").glob(f"{schemas}/*/_delta_log")
    return {f"{log.parent.parent.name}.{log.parent.name}" for log in logs}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> SmallWorkspace:
    """Return one data folder in which two people have worked, one after the other, and then a renamed catalog ran."""
    # A run is a process of its own; here other tests have read tables in the same one.
    _reads.clear()
    bank = SmallWorkspace.build(tmp_path_factory.mktemp("shared") / "data", customers=200)
    seen: dict[str, tuple[int, int]] = {}
    for names in (ALICE, BOB):
        with pytest.MonkeyPatch.context() as patch:
            enter(bank.data, patch, names)
            bank.run(*STEPS, params=QUICK)
            assert seen.items() <= list_files(bank.data / "lakehouse").items(), "nothing that was there has changed"
            seen = list_files(bank.data / "lakehouse")
    with pytest.MonkeyPatch.context() as patch:
        enter(bank.data, patch, RENAMED)
        bank.run(params={**QUICK, **LENIENT})
    assert seen.items() <= list_files(bank.data / "lakehouse").items()
    return bank


def ask(data: Path, patch: pytest.MonkeyPatch, names: tuple[str, str], *words: str) -> Any:
    """Return what a command prints as JSON; the names are given as options."""
    isolate(data, patch)
    options = [f"--catalog={names[0]}", f"--schema-prefix={names[1]}"]
    told = CliRunner().invoke(cli, [*words, "--json", "--env", "test", "--conf-source", str(CONF), *options])
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def test_two_people_share_no_table_model_report_or_experiment(shared: SmallWorkspace) -> None:
    mine, theirs = (list_tables(shared.data, f"test/{names[1]}*") for names in (ALICE, BOB))
    assert {name.removeprefix("dev_alice_") for name in mine} == {name.removeprefix("dev_bob_") for name in theirs}
    assert mine | theirs == list_tables(shared.data, "test/*")
    assert "dev_alice_model_input.training_set" in mine
    client = mlflow.MlflowClient(f"sqlite:///{shared.data}/mlflow.db")
    for names in (ALICE, BOB):
        found = client.search_model_versions(f"name = 'test.{names[1]}models.missed_payment'")
        assert [str(each.version) for each in found] == ["1"]
    assert client.get_experiment_by_name("boathouse-test") is not None, "of the renamed catalog, which has no prefix"
    for name in ("dev_alice", "dev_bob"):
        assert client.get_experiment_by_name(f"boathouse-test-{name}") is not None
        assert (shared.data / "reports" / "test" / name / "training_metrics.json").exists()


@pytest.mark.parametrize(
    ("names", "start"),
    [(ALICE, "test.dev_alice_"), (BOB, "test.dev_bob_"), (RENAMED, "ml_test.")],
    ids=["alice", "bob", "renamed"],
)
def test_the_names_are_the_same_in_registry_ledger_list_and_trace(
    shared: SmallWorkspace, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str], start: str
) -> None:
    model = f"{start}models.missed_payment"
    listed = ask(shared.data, monkeypatch, names, "models", "list")
    assert {each["name"] for each in listed} == {model, f"{model}_baseline"}
    assert all(each["alarms"] == [] for each in listed)
    shown = ask(shared.data, monkeypatch, names, "models", "show", "1")
    assert {each["subject"] for each in shown["records"]} == {model}
    trace = ask(shared.data, monkeypatch, names, "trace", "1")
    assert trace["name"] == model
    tables = [each["table"] for each in trace["tables"]]
    assert f"{start}model_input.training_set" in tables
    assert {name for name in tables if not name.startswith(start)} == {f"{each}.csv" for each in EXTRACTS}


def test_a_renamed_catalog_runs_the_whole_flow_to_the_same_rows_and_model(
    shared: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, digests = {}, set()
    for names in (ALICE, RENAMED):
        enter(shared.data, monkeypatch, names)
        counts[names] = {name: len(shared.rows(name)) for name in ("clean.statements", "model_input.labels")}
        listed = ask(shared.data, monkeypatch, names, "models", "list")
        digests |= {each["versions"]["1"]["digest"] for each in listed if "baseline" not in each["name"]}
    assert counts[ALICE] == counts[RENAMED]
    assert len(digests) == 1, "the same rows make the same model"
    enter(shared.data, monkeypatch, RENAMED)
    predictions = shared.rows("inference.predictions")
    assert {row["model_name"] for row in predictions} == {"ml_test.models.missed_payment"}
    assert {name.split(".")[0] for row in predictions for name in row["data_versions"]} == {"ml_test"}
    assert {"monitoring.drift_metrics", "monitoring.performance"} <= list_tables(shared.data, "ml_test/*")
    assert "features.statement_summary" not in list_tables(shared.data, "test/*"), "nothing without a prefix"


def test_sql_lists_and_reads_the_tables_of_its_prefix(shared: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(shared.data, monkeypatch)

    def query(*words: str) -> str:
        place = ["--env", "test", "--conf-source", str(CONF), "--schema-prefix=dev_bob_"]
        told = CliRunner().invoke(cli, ["sql", *words, *place])
        assert told.exit_code == 0, told.output
        return told.stdout

    assert "dev_alice_" not in query()
    assert "test.dev_bob_raw.customers" in query()
    assert "200" in query("SELECT count(*) AS n FROM raw.customers")
