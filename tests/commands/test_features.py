"""boathouse features: what there is, and what a publish leaves in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result

from boathouse.cli import cli
from boathouse.online_store import OnlineStore, OnlineView
from boathouse.use_case.features import FEATURE_VIEWS
from tests.pipelines.conftest import isolate
from tests.small_bank import CONF, SmallBank

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

VIEWS = [OnlineView.from_feature_view(view) for view in FEATURE_VIEWS]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, ["features", *words])


def publish(*words: str) -> Result:
    return invoke("publish", "--env", "test", "--conf-source", str(CONF), *words)


def test_every_view_is_listed_with_its_features() -> None:
    shown = invoke("list").output
    assert all(name in shown for view in FEATURE_VIEWS for name in (view.name, *view.feature_names))


def test_a_feature_is_described_with_its_view_alone() -> None:
    shown = invoke("describe", "utilisation").output
    assert "utilisation [share] Newest bill over credit limit." in shown
    assert "made from clean.statements, clean.customers" in shown
    assert "payment_ratio" not in shown


def test_an_unknown_name_lists_the_views() -> None:
    for result in (invoke("describe", "shoe_size"), publish("--view", "shoe_size")):
        assert result.exit_code == 1
        assert "no view or feature 'shoe_size'. Views: customer_profile" in result.stderr


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> SmallBank:
    built = SmallBank.build(tmp_path_factory.mktemp("bank") / "data", customers=60)
    with pytest.MonkeyPatch.context() as patch:
        isolate(built.data, patch)
        built.run("data_prep", "feature_engineering")
    return built


@pytest.fixture
def engines_stay(bank: SmallBank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the session of these tests outlive the command."""
    isolate(bank.data, monkeypatch)
    monkeypatch.delenv("BOATHOUSE_ONLINE_STORE", raising=False)
    monkeypatch.setattr("boathouse.engines.stop_engines", lambda: None)


@pytest.mark.usefixtures("engines_stay")
def test_the_store_has_the_newest_row_of_every_key_bit_for_bit(bank: SmallBank) -> None:
    result = publish()
    assert result.exit_code == 0, result.output
    assert "spending: 60 keys of version 0" in result.output
    store = OnlineStore(f"sqlite:///{bank.data}/online_test.db")
    found = store.look_up([(number,) for number in range(1, 61)], VIEWS)
    store.close()
    assert found.found.all()
    offline = {}
    for view in FEATURE_VIEWS:
        for row in sorted(bank.rows(f"features.{view.name}"), key=lambda row: row["observed_on"]):
            offline[view.name, row["customer_id"]] = [row[name] for name in view.feature_names]
    expected = [[value for view in FEATURE_VIEWS for value in offline[view.name, key]] for key in range(1, 61)]
    # Adding zero makes the one difference of SQLite, the sign of a zero, vanish.
    assert (np.array(expected, dtype=float) + 0.0).tobytes() == found.matrix.tobytes()


@pytest.mark.usefixtures("engines_stay")
def test_one_view_may_be_published_and_publishing_again_is_the_same() -> None:
    for _ in range(2):
        result = publish("--view", "spending")
        assert (result.exit_code, result.output.count("keys of version")) == (0, 1)


@pytest.mark.usefixtures("engines_stay")
def test_without_the_tables_the_command_that_makes_them_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    result = publish()
    assert result.exit_code == 1
    assert "kedro run --pipeline feature_engineering" in result.stderr
