"""boathouse simulate: same seed, same bytes; all or nothing; nothing replaced unasked; and the flow runs on it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli
from boathouse.features.online.look_up import serve_features
from boathouse.features.online.store import OnlineStore
from boathouse.scoring.feature_spec import FeatureSpec
from boathouse.use_case import USE_CASE
from boathouse.use_case.simulation import Simulation
from tests.fixtures.small_workspace import CONF, ROOT, SmallWorkspace, isolate

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

BOOK = ROOT / "data" / "01_raw"
FILES = ("customers.csv", "defaults.csv", "statements.csv", "transactions.csv")


def invoke(target: Path, *words: str, customers: int = 60, months: int = 9) -> Result:
    asked = ["--entities", str(customers), "--months", str(months), "--to", str(target), "--book", str(BOOK)]
    return CliRunner().invoke(cli, ["simulate", *asked, *words])


def content(target: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((target / "01_raw").iterdir())}


def test_the_same_seed_gives_the_same_bytes_whatever_the_chunks(tmp_path: Path) -> None:
    first = invoke(tmp_path / "one", "--daily")
    assert first.exit_code == 0, first.output
    assert "60 customers, 540 statements, 60 defaults" in first.output
    assert invoke(tmp_path / "two", "--daily", "--chunk-size", "7").exit_code == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert set(content(tmp_path / "one")) == {*FILES, "simulation.json"}
    assert invoke(tmp_path / "three", "--daily", "--seed", "1").exit_code == 0
    assert content(tmp_path / "one")["customers.csv"] != content(tmp_path / "three")["customers.csv"]


def test_the_option_may_have_its_name_before_which_no_help_shows(tmp_path: Path) -> None:
    invoke(tmp_path / "new")
    words = ["--customers", "60", "--months", "9", "--to", str(tmp_path / "old"), "--book", str(BOOK)]
    done = CliRunner().invoke(cli, ["simulate", *words])
    assert done.exit_code == 0, done.output
    assert content(tmp_path / "old") == content(tmp_path / "new")
    shown = CliRunner().invoke(cli, ["simulate", "--help"]).output
    assert "--entities" in shown
    assert "--customers" not in shown


def test_files_have_the_form_of_a_delivery(tmp_path: Path) -> None:
    invoke(tmp_path)
    found = content(tmp_path)
    for name in FILES[:3]:
        header = (BOOK / name).read_bytes().splitlines()[0]
        assert found[name].splitlines()[0] == header
        assert found[name].endswith(b"\n")
    assert found["statements.csv"].splitlines()[1].startswith(b"10000001,2005-01-01,")
    assert "transactions.csv" not in found
    manifest = json.loads(found["simulation.json"])
    assert (manifest["seed"], manifest["files"]["statements.csv"]["rows"]) == (0, 540)
    assert "not one of them is a customer of a bank" in manifest["note"]


def test_a_simulation_that_is_there_is_not_made_again_and_another_not_without_being_asked(tmp_path: Path) -> None:
    invoke(tmp_path)
    before = content(tmp_path)
    assert "holds this simulation already" in invoke(tmp_path).output
    refused = invoke(tmp_path, customers=5)
    assert refused.exit_code == 1
    assert "--overwrite" in refused.stderr
    assert content(tmp_path) == before
    assert invoke(tmp_path, "--overwrite", "--daily", customers=5).exit_code == 0
    assert content(tmp_path)["customers.csv"].count(b"\n") == 6
    # Cut short since: not this simulation any more.
    (tmp_path / "01_raw" / "customers.csv").write_bytes(b"customer_id\n")
    assert "holds other content" in invoke(tmp_path, "--daily", customers=5).stderr
    assert [each.name for each in tmp_path.iterdir()] == ["01_raw"]


def test_what_is_not_of_a_simulation_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "01_raw"
    folder.mkdir()
    (folder / "customers.csv").write_text("real", encoding="utf-8")
    for words in ((), ("--overwrite",)):
        refused = invoke(tmp_path, *words)
        assert refused.exit_code == 1
        assert "customers.csv" in refused.stderr
        assert "not of a simulation" in refused.stderr
    assert (folder / "customers.csv").read_text(encoding="utf-8") == "real"


def test_a_use_case_without_a_simulation_is_told_what_to_declare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boathouse.cli.simulate.USE_CASE", replace(USE_CASE, simulation=None))
    refused = invoke(tmp_path / "new")
    assert refused.exit_code == 1
    assert "declares no simulation of customers" in refused.stderr
    assert "Declare 'simulation' in USE_CASE" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_the_book_itself_is_never_written() -> None:
    refused = invoke(ROOT / "data", "--overwrite")
    assert refused.exit_code == 1
    assert "holds the book" in refused.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--entities", "0"), "'entities' is 0; allowed"),
        (("--months", "601"), "'months' is 601; allowed"),
        (("--first-id", "7"), "real ones up to 30000"),
        (("--last-month", "2005"), "YYYY-MM"),
        (("--book", "nowhere"), r"There is no nowhere/customers.csv"),
        (("--drift-months", "5"), "needed are at least one, and 7 months"),
    ],
)
def test_what_cannot_be_made_is_told_and_leaves_nothing(tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    refused = invoke(tmp_path / "new", *words)
    assert refused.exit_code == 1
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("customer_id,default_next_month", "1,maybe"),
        ("customer_id,flag", "1,0"),
        ("customer_id,default_next_month", "1,"),
    ],
)
def test_a_broken_book_is_told_without_a_value_of_it(tmp_path: Path, header: str, row: str) -> None:
    book = tmp_path / "book"
    book.mkdir()
    for name in FILES[:3]:
        (book / name).write_bytes((BOOK / name).read_bytes())
    (book / "defaults.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    refused = invoke(tmp_path / "new", "--book", str(book))
    assert refused.exit_code == 1
    assert "default_next_month (int64)" in refused.stderr
    assert "maybe" not in refused.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_breaks_off_leaves_nothing_that_looks_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    invoke(tmp_path, customers=5)
    before = content(tmp_path)
    whole = Simulation.make_chunk

    def make_two_chunks(self: Simulation, first: int, stop: int) -> dict[str, pa.Table]:
        if first >= 20:
            raise error
        return whole(self, first, stop)

    monkeypatch.setattr(Simulation, "make_chunk", make_two_chunks)
    for target in (tmp_path, tmp_path / "new"):
        broken = invoke(target, "--chunk-size", "10", "--overwrite")
        assert broken.exit_code != 0
        assert isinstance(error, KeyboardInterrupt) or "No space left on device" in broken.stderr
    assert content(tmp_path) == before
    assert list((tmp_path / "new").iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["01_raw", "new"]


def test_parquet_has_the_same_rows_typed(tmp_path: Path) -> None:
    invoke(tmp_path, "--format", "parquet", "--daily", "--chunk-size", "25")
    table = pq.read_table(tmp_path / "01_raw" / "statements.parquet")
    assert table.schema.field("statement_month").type == pa.date32()
    assert table.num_rows == 540
    assert pq.read_table(tmp_path / "01_raw" / "transactions.parquet").num_rows > 500


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> SmallWorkspace:
    """Return a synthetic bank with daily data that has run data preparation and features."""
    data = tmp_path_factory.mktemp("synthetic") / "data"
    assert invoke(data, "--daily", "--last-month", "2004-03", customers=80, months=8).exit_code == 0
    bank = SmallWorkspace(data)
    with pytest.MonkeyPatch.context() as patch:
        isolate(data, patch)
        bank.run("data_prep", "feature_engineering")
    return bank


@pytest.fixture
def stay(bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    """Return the bank, found by whatever runs now."""
    isolate(bank.data, monkeypatch)
    monkeypatch.delenv("BOATHOUSE_ONLINE_STORE", raising=False)
    return bank


def test_the_flow_runs_on_a_synthetic_bank_and_fills_the_windows_by_days(stay: SmallWorkspace) -> None:
    assert (len(stay.rows("clean.customers")), len(stay.rows("clean.statements"))) == (80, 640)
    assert not stay.rows("clean.transactions_quarantine")
    uses = stay.rows("clean.transactions")
    rows = stay.rows("features.card_activity")
    days = {(row["customer_id"], row["transaction_date"]) for row in uses}
    assert days <= {(row["customer_id"], row["observed_on"]) for row in rows}
    assert {row["days_since_use"] for row in rows} > {0.0, 1.0}


def features(command: str, *words: str) -> str:
    result = CliRunner().invoke(cli, ["features", command, "--env", "test", "--conf-source", str(CONF), *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_windows_by_days_are_refreshed_filled_published_and_looked_up_like_any_view(stay: SmallWorkspace) -> None:
    shown = features("refresh", "--view", "card_activity")
    assert "version 0 (the sources have not changed)" in shown, "the run has computed it"
    assert "not changed" in features("refresh", "--view", "card_activity")
    filled = features("backfill", "--view", "card_activity", "--from", "2004-02", "--to", "2004-02")
    # The month is what it was, so the table has no new version.
    assert re.fullmatch(r"2004-02 card_activity: month, \d+ rows, version 0\n", filled)
    rows = stay.rows("features.card_activity")
    customers = {row["customer_id"] for row in rows}
    assert f"card_activity: {len(customers)} keys" in features("publish", "--view", "card_activity")
    newest: dict[str, Any] = max(
        (row for row in rows if row["customer_id"] == 10_000_001), key=lambda row: row["observed_on"]
    )
    store = OnlineStore(f"sqlite:///{stay.data}/online_test.db")
    names = USE_CASE.views[-1].feature_names
    spec = FeatureSpec.describe(names, USE_CASE.views, [])
    day_after = datetime(2004, 4, 1, tzinfo=UTC)
    served = serve_features(store, spec, names, [(10_000_001,)], request={}, on_demand=[], now=day_after)
    store.close()
    assert served.matrix[0].tolist() == [newest[name] for name in names]
    # Today the row is older than its view allows.
    assert "10000001 stale: uses_7d=nan" in features("look-up", "10000001", "--view", "card_activity", "--reveal")
