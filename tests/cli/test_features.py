"""boathouse features: what there is, and what a publish leaves in the store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from pyspark.sql import functions as F

from boathouse.cli.main import cli
from boathouse.features.online.store import OnlineStore
from boathouse.use_case import USE_CASE
from tests.fixtures.small_workspace import CONF, SmallWorkspace, isolate

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame

    from boathouse.features.feature_view import FeatureView

VIEWS = [view.spec for view in USE_CASE.model_views]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, ["features", *words])


def publish(*words: str) -> Result:
    return invoke("publish", "--env", "test", "--conf-source", str(CONF), *words)


def test_every_view_is_listed_with_its_features() -> None:
    shown = invoke("list").output
    assert all(name in shown for view in USE_CASE.views for name in (view.name, *view.feature_names))


@pytest.mark.usefixtures("placed")
def test_a_feature_is_described_with_its_view_alone() -> None:
    shown = in_test("describe", "utilisation").output
    assert "utilisation [share] Newest bill over credit limit. (360 rows, null 0.0%, mean 0." in shown
    assert "made from clean.statements, clean.customers" in shown
    assert "payment_ratio" not in shown
    assert "in test: newest 2005-09-30, sources 2005-09-30, 0 days behind (allowed 0); version" in shown
    assert "no model registered in test uses it in this definition" in shown


@pytest.mark.usefixtures("placed")
def test_an_unknown_name_lists_the_views() -> None:
    for result in (in_test("describe", "shoe_size"), publish("--view", "shoe_size")):
        assert result.exit_code == 1
        assert "no view or feature 'shoe_size'. Views: customer_profile" in result.stderr


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, prepared_few: SmallWorkspace) -> SmallWorkspace:
    return prepared_few.copy(tmp_path_factory.mktemp("bank") / "data")


@pytest.fixture
def placed(bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands find the data of these tests."""
    isolate(bank.data, monkeypatch)
    monkeypatch.delenv("BOATHOUSE_ONLINE_STORE", raising=False)


@pytest.mark.usefixtures("placed")
def test_the_store_has_the_newest_row_of_every_key_bit_for_bit(bank: SmallWorkspace) -> None:
    result = publish()
    assert result.exit_code == 0, result.output
    assert "spending: 60 keys of version 0" in result.output
    store = OnlineStore(f"sqlite:///{bank.data}/online_test.db")
    found = store.look_up([(number,) for number in range(1, 61)], VIEWS)
    store.close()
    assert found.found.all()
    offline = {}
    for view in USE_CASE.model_views:
        for row in sorted(bank.rows(f"features.{view.name}"), key=lambda row: row["observed_on"]):
            offline[view.name, row["customer_id"]] = [row[name] for name in view.feature_names]
    expected = [[value for view in USE_CASE.model_views for value in offline[view.name, key]] for key in range(1, 61)]
    # Adding zero makes the one difference of SQLite, the sign of a zero, vanish.
    assert (np.array(expected, dtype=float) + 0.0).tobytes() == found.matrix.tobytes()


@pytest.mark.usefixtures("placed")
def test_one_view_may_be_published_and_what_is_live_is_left_alone() -> None:
    for words, told in (((), "version 0"), ((), "is live already"), (("--mode", "full"), "60 keys of version 0")):
        result = publish("--view", "spending", *words)
        assert (result.exit_code, result.output.count("spending:")) == (0, 1)
        assert told in result.output


@pytest.mark.usefixtures("placed")
def test_watching_publishes_each_new_version(bank: SmallWorkspace) -> None:
    result = publish("--view", "spending", "--watch", "0.1", "--rounds", "3")
    assert (result.exit_code, result.output.count("spending:")) == (0, 1)
    assert bank.data.joinpath("online_test.db").exists()


@pytest.mark.usefixtures("placed")
def test_one_database_for_two_environments_is_refused_and_a_placeholder_parts_them(
    bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = f"sqlite:///{tmp_path}/shared.db"
    prod = OnlineStore(shared, environment="prod")
    prod.publish_full(VIEWS[2], [], source_version=0)
    monkeypatch.setenv("BOATHOUSE_ONLINE_STORE", shared)
    for words in (["publish"], ["look-up", "1"], ["freshness"]):
        result = in_test(*words)
        assert result.exit_code == 1
        assert "is that of environment 'prod'; 'test' neither reads nor writes it" in result.stderr
    assert prod.source_versions() == {"spending": (VIEWS[2].digest, 0)}
    prod.close()
    monkeypatch.setenv("BOATHOUSE_ONLINE_STORE", f"sqlite:///{tmp_path}/of_{{env}}.db")
    assert publish("--view", "spending").exit_code == 0
    assert (tmp_path / "of_test.db").exists()


def declare(monkeypatch: pytest.MonkeyPatch, view: FeatureView) -> None:
    """Let ``view`` be declared in place of the third."""
    views = (*USE_CASE.views[:2], view)
    changed = replace(USE_CASE, views=views, model_views=views)
    monkeypatch.setattr("boathouse.cli.feature_arguments.USE_CASE", changed)


@pytest.mark.usefixtures("placed")
def test_rows_older_than_their_view_allows_are_purged_on_request(
    bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = publish("--view", "spending", "--purge")
    assert "spending: nothing to purge, rows have no maximum age" in kept.output
    short = replace(USE_CASE.views[2], max_age_days=30)
    declare(monkeypatch, short)
    purged = publish("--view", "spending", "--purge")
    assert "60 keys of version" in purged.output
    assert "another definition is live" in purged.output
    assert "spending: 60 keys purged, older than 30 days" in purged.output
    store = OnlineStore(f"sqlite:///{bank.data}/online_test.db")
    assert not store.look_up([(1,)], [short.spec]).found.any()
    store.close()
    monkeypatch.undo()


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below ``folder``."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.usefixtures("placed")
def test_trying_new_logic_leaves_the_tables_and_the_store_of_prod_alone(
    bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = bank.copy(tmp_path / "data")
    shutil.copytree(own.data / "lakehouse" / "test", own.data / "lakehouse" / "prod")
    prod = OnlineStore(f"sqlite:///{own.data}/online_prod.db", environment="prod")
    prod.publish_full(VIEWS[2], [(1, 0, *[0.5] * 9)], source_version=0)
    prod.close()
    before = contents(own.data / "lakehouse" / "prod"), contents(own.data / "lakehouse" / "test")
    stored = (own.data / "online_prod.db").read_bytes()
    monkeypatch.setenv("BOATHOUSE_DATA", str(own.data))
    changed = replace(USE_CASE.views[2], compute=compute_all_zero)
    declare(monkeypatch, changed)
    for words in (["refresh", "--view", "spending"], ["backfill", "--from", "2005-09", "--to", "2005-09"], ["publish"]):
        assert in_test(*words).exit_code == 0
    assert contents(own.data / "lakehouse" / "test") != before[1]
    assert contents(own.data / "lakehouse" / "prod") == before[0]
    assert (own.data / "online_prod.db").read_bytes() == stored


def compute_all_zero(statements: DataFrame, customers: DataFrame) -> DataFrame:
    """Return the view with bills of zero: new logic, to be tried."""
    rows = USE_CASE.views[2].compute(statements, customers)
    return rows.withColumn("bill_amt", F.lit(0.0))  # type: ignore[attr-defined, no-any-return]


def in_test(*words: str) -> Result:
    return invoke(*words, "--env", "test", "--conf-source", str(CONF))


@pytest.mark.usefixtures("placed")
def test_tables_are_refreshed_filled_and_previewed() -> None:
    assert "180 rows" not in in_test("refresh", "--view", "spending").output
    again = in_test("refresh", "--view", "spending")
    assert "incremental, 0 keys, 0 rows" in again.output
    filled = in_test("backfill", "--view", "spending", "--from", "2005-08", "--to", "2005-09")
    assert [line[:7] for line in filled.output.splitlines()] == ["2005-08", "2005-09"]
    shown = in_test("preview", "spending", "--rows", "1").output.splitlines()
    assert shown[0].startswith("#6b86b273 2005-04-30 bill_amt=")
    assert "360 rows" in shown[1]
    assert in_test("preview", "spending", "--rows", "1", "--reveal").output.startswith("1 2005-04-30 ")


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backfill", "--from", "2005-9", "--to", "2005-13"), "months written YYYY-MM"),
        (("backfill", "--from", "2005-09", "--to", "2005-08"), "a month from 2005-09 on"),
        (("look-up", "one"), "a whole number is expected, found text (customer_id_type)"),
        (("look-up", "1_7"), "(customer_id_type)"),
        (("look-up", "0"), "(customer_id_in_range)"),
        (("look-up", "1/2"), "2 part(s); expected are customer_id"),
        (("look-up", "1", "--request", "requested_amount=much"), "'requested_amount' is of type text"),
        (("preview", "shoe_size"), "no view or feature 'shoe_size'"),
        (("impact", "clean.defaults"), "No view reads clean.defaults"),
        (("lineage", "shoe_size"), "no view or feature 'shoe_size'"),
    ],
)
def test_what_cannot_be_done_is_told(words: tuple[str, ...], told: str) -> None:
    result = in_test(*words)
    assert result.exit_code == 1
    assert told in result.stderr


@pytest.mark.usefixtures("placed")
def test_answers_are_shown_logged_and_compared() -> None:
    publish()
    shown = in_test("look-up", "1", "999", "--log", "--request", "requested_amount=1000").output.splitlines()
    assert shown[0].startswith("#6b86b273 found: limit_bal=20000")
    assert "utilisation=0.19565" in shown[0]
    assert "utilisation_after_request=0.24565" in shown[0]
    assert "unknown" in shown[1]
    compared = in_test("consistency")
    assert (compared.exit_code, compared.output.count("2 of 2 look-ups equal (100.00%)")) == (0, 3)
    assert "card_activity: no look-ups logged" in compared.output


@pytest.mark.usefixtures("placed")
def test_freshness_names_what_lags_behind(
    bank: SmallWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fresh = in_test("freshness")
    assert (fresh.exit_code, "card_activity: newest no row, sources no row" in fresh.output) == (0, True)
    behind = bank.copy(tmp_path / "data")
    monkeypatch.setenv("BOATHOUSE_DATA", str(behind.data))
    statements = behind.dataset("clean.statements")
    rows = statements.load().toPandas()
    newest = rows[rows["statement_date"] == rows["statement_date"].max()].assign(
        statement_month=date(2005, 10, 1), statement_date=date(2005, 10, 31)
    )
    statements.save(pd.concat([rows, newest]))
    result = in_test("freshness")
    assert result.exit_code == 1
    assert "spending: newest 2005-09-30, sources 2005-10-31, 31 days behind (allowed 0)" in result.output
    assert "payment_behaviour, spending" in result.stderr
    assert "customer_profile" not in result.stderr


@pytest.mark.usefixtures("placed")
def test_users_and_duplicates_are_told() -> None:
    assert "from clean.statements: customer_id, statement_date, bill_amt" in in_test("lineage", "utilisation").output
    assert "no model registered in test" in in_test("impact", "clean.customers.limit_bal").output
    assert in_test("duplicates", "--share", "1").exit_code == 0


def test_features_are_found_by_words(tmp_path: Path) -> None:
    assert invoke("search", "LATENESS", "months").output.splitlines()[0].startswith("payment_behaviour.months_late")
    assert "on demand.utilisation_after_request" in invoke("search", "requested").output
    assert invoke("search", "shoe").exit_code == 1
    page = tmp_path / "features.md"
    assert "4 views" in invoke("dictionary", "--to", str(page)).output
    assert page.read_text(encoding="utf-8") == invoke("dictionary").output.removesuffix("\n")


@pytest.mark.usefixtures("placed")
def test_without_the_tables_the_command_that_makes_them_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    result = publish()
    assert result.exit_code == 1
    assert "kedro run --pipeline feature_engineering" in result.stderr


def test_a_watch_goes_on_until_sigterm(bank: SmallWorkspace, tmp_path: Path) -> None:
    words = ["publish", "--env", "test", "--conf-source", str(CONF), "--view", "spending", "--watch", "0.1"]
    stores = {"BOATHOUSE_DATA": str(bank.data), "BOATHOUSE_ONLINE_STORE": f"sqlite:///{tmp_path}/{{env}}.db"}
    process = subprocess.Popen(
        [sys.executable, "-m", "boathouse", "features", *words],
        env={**os.environ, **stores},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert "spending: 60 keys of version" in first, errors
    assert (process.returncode, rest.splitlines()[-1]) == (0, "stopped")
    assert (tmp_path / "test.db").exists()
