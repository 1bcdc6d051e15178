"""boathouse replay: months in order with what was known then, each once; the loop closes; bad input is refused."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli
from boathouse.cli.replay import parse_params, verify
from boathouse.cli.replay_folder import Request, open_player, own_folder, read_book
from boathouse.cli.replay_months import MonthPlayer
from boathouse.errors import ReplayError
from boathouse.replay.deliveries import list_months
from boathouse.replay.records import RECORD, Asked, MonthRecord, Progress, Raised, open_progress
from tests.fixtures.small_workspace import CONF, ROOT, SmallWorkspace
from tests.fixtures.trained_workspace import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import SparkSession

ENTITIES = 900
MAY, JUNE, JULY = date(2005, 5, 31), date(2005, 6, 30), date(2005, 7, 31)
ASKED = Asked(kind="months", policy="on-alert", first="2005-05", last="2005-07", environment="test", book="b")
# The first cohort has no history: what trailing windows hold is new in every later one.
TRAILING = [
    *("payment_ratio", "payment_ratio_mean_3m", "spending", "utilisation_change_1m", "utilisation_mean_3m"),
    *("months_observed", "months_since_late", "months_late_mean_6m", "times_late_6m", "paid_in_full_share_6m"),
    *("utilisation_max_6m", "months_late_max_3m"),
]
PARAMS: dict[str, Any] = {
    **QUICK,
    "monitoring": {
        "drift": {"ignored": TRAILING},
        "alerts": {"rules": {name: {"above": 0.2} for name in ("calibration", "label_shift", "relation")}},
    },
    "promotion": {
        "gates": {
            "modes": dict.fromkeys(
                ("beats_baseline", "minimum_roc_auc", "demographic_parity", "equalized_odds"), "warn"
            )
        }
    },
    "evaluation": {"bootstrap": {"samples": 20}, "comparison": {"samples": 50}, "explanation": {"max_rows": 50}},
}


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, ["replay", "--env", "test", "--conf-source", str(CONF), *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--from", "2005-06", "--to", "2005-05"],
            "'--from' is '2005-06'; allowed: a month up to --to, which is 2005-05",
        ),
        (["--from", "june"], "allowed: a month as YYYY-MM"),
        (["--from", "2005-02"], "Nothing became known in 2005-02, 2005-03. The book has rows from 2005-04 to 2005-10"),
        (["--policy", "recalibrate"], "boathouse replay --compare"),
        (["--env", "nowhere"], "Unknown environment 'nowhere'"),
        (["--book", "nothing/there"], "the extracts that are played are missing"),
        (["--params", "seed"], "allowed: name=value"),
    ],
)
def test_what_cannot_be_played_is_an_error(tmp_path: Path, words: list[str], said: str) -> None:
    given = ["--folder", str(tmp_path / "new"), "--book", str(ROOT / "data" / "01_raw"), *words]
    done = invoke(*given)
    assert done.exit_code == 1
    assert said in done.output
    assert not (tmp_path / "new").exists()


def test_a_lakehouse_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lakehouse").mkdir()
    done = invoke("--folder", str(tmp_path), "--book", str(ROOT / "data" / "01_raw"))
    assert done.exit_code == 1
    assert "is not of a replay: it holds lakehouse" in done.output
    assert [each.name for each in tmp_path.iterdir()] == ["lakehouse"]


def test_stores_of_others_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    monkeypatch.setenv("BOATHOUSE_DATA", "elsewhere")
    with own_folder(tmp_path, Request(None, None, "never", "test", CONF)):
        assert "MLFLOW_TRACKING_URI" not in os.environ
        assert os.environ["BOATHOUSE_DATA"] == tmp_path.as_posix()
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://server:5000"
    assert os.environ["BOATHOUSE_DATA"] == "elsewhere"
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    with (
        pytest.raises(ReplayError, match="Unity Catalog"),
        own_folder(tmp_path, Request(None, None, "never", "test", CONF)),
    ):
        pass


def test_parameters_are_a_tree() -> None:
    assert parse_params(["a.b=1", "a.c=[x, y]", "d=no way"]) == {"a": {"b": 1, "c": ["x", "y"]}, "d": "no way"}


@dataclass
class TracedPlayer(MonthPlayer):
    """Notes which step of which month was done, and does nothing."""

    trace: list[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.trace = []

    def prepare(self, record: MonthRecord, month: date, before: date | None) -> MonthRecord:
        self.trace.append(f"prepare {month:%m}, after {before and before.month}")
        return record.after("prepared", champion="1")

    def watch(self, record: MonthRecord, month: date, progress: Progress) -> MonthRecord:
        self.trace.append(f"watch {month:%m}, knowing {[each.month for each in progress.months]}")
        return record.after("watched", alerts=(Raised("performance", "alarm", f"{month:%m}"),))

    def act(self, record: MonthRecord, month: date, progress: Progress, policy: str) -> Any:
        del progress, policy
        yield (begun := replace(record, action="retrain", before=4 if record.before is None else record.before))
        self.trace.append(f"act {month:%m}, before {begun.before}")
        yield begun.after("acted")


def test_a_replay_goes_on_wherever_it_broke_off(tmp_path: Path) -> None:
    months = list_months(MAY, JULY)
    player = TracedPlayer(None, None, tmp_path, {})  # type: ignore[arg-type]
    *_, whole = player.play(Progress(ASKED), months, "on-alert")
    assert len(player.trace) == 9
    for broken_after in range(12):
        folder = tmp_path / str(broken_after)
        folder.mkdir()
        trace: list[str] = []
        for _ in range(2):
            again = TracedPlayer(None, None, folder, {})  # type: ignore[arg-type]
            for place, done in enumerate(again.play(open_progress(folder, ASKED), months, "on-alert")):
                done.write(folder)
                if not trace and place == broken_after:
                    break
            trace += again.trace
        assert trace == player.trace
        assert open_progress(folder, ASKED).digest() == whole.digest()


@dataclass
class Played:
    """A replay that was played, and where."""

    folder: Path
    progress: Progress
    holds: bool
    months: list[date]

    def rows(self, table: str) -> list[dict[str, Any]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BOATHOUSE_DATA", str(self.folder))
            return SmallWorkspace(self.folder).rows(table)

    def alarms(self, month: date) -> set[tuple[str, str]]:
        rows = self.rows("monitoring.alerts")
        return {(row["kind"], row["subject"]) for row in rows if row["as_of"] == month and row["severity"] == "alarm"}


def play(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame] | None, *, breaks: bool = False) -> Played:
    """Play three months on the book of some entities; with ``breaks`` a new player does each step."""
    book_folder = SmallWorkspace.build(folder / "book", customers=ENTITIES)
    if change:
        book_folder.edit("statements", change)
    asked = Request("2005-05", "2005-07", "on-alert", "test", CONF)
    target = folder / "played"
    with own_folder(target, asked):
        book = read_book(book_folder.data / "01_raw")
        # The first delivery has all that was known by the end of its month.
        progress, more = Progress(ASKED), True
        while more:
            more = False
            with open_player(target, asked, book, PARAMS) as player:
                for done in player.play(progress, [MAY, JUNE, JULY], "on-alert"):
                    done.write(target)
                    if breaks:
                        more = not done.months[-1].is_done or len(done.months) < 3
                        break
            progress = open_progress(target, ASKED)
        with open_player(target, asked, book, PARAMS) as player:
            holds = verify(player.environment)
    return Played(target, progress, holds, [MAY, JUNE, JULY])


def add_drift(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with another status in July: half are late by one month, the others have one another's."""
    july = rows["statement_month"] == "2005-07-01"
    even = rows["customer_id"].astype(int) % 2 == 0
    status = rows["pay_status"].where(~(july & even), "1")
    others = july & ~even
    status.loc[others] = status.loc[others].to_numpy()[::-1]
    return rows.assign(pay_status=status)


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Played:
    return play(tmp_path_factory.mktemp("drifted"), add_drift)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Played:
    return play(tmp_path_factory.mktemp("quiet"), None)


@pytest.mark.slow
def test_an_injected_drift_is_detected_alerted_acted_on_and_decided(drifted: Played) -> None:
    """The full loop, asserted from the tables."""
    drift = {row["column_name"]: row for row in drifted.rows("monitoring.drift_metrics") if row["as_of"] == JULY}
    assert drift["months_late"]["effect_low"] > 0.05
    alerts = [row for row in drifted.rows("monitoring.alerts") if row["as_of"] == JULY]
    assert "months_late" in {row["subject"] for row in alerts}
    # The status of July says what became of the rows of June: it hurts in that month, and not before.
    assert not drifted.alarms(JUNE)
    # Of both findings about the model the more urgent one is told: worse answers, or other labels of like rows.
    (kind,) = {kind for kind, _ in drifted.alarms(JULY)}
    assert kind in {"performance", "concept"}
    first, second, third = drifted.progress.months
    assert (first.action, second.action, third.action) == ("start", "nothing", "retrain")
    # The second version was trained for the alarm, compared with the champion, and promoted or refused, on record.
    ledger = [(row["kind"], row["version"]) for row in drifted.rows("audit.promotions")]
    assert ("registered", "2") in ledger
    assert {("compared", "2"), ("rejected", "2")} & set(ledger)
    assert third.candidate == "2"
    assert third.champion == ("2" if ("promoted", "2") in ledger and third.outcome.startswith("champion") else "1")
    assert drifted.holds


@pytest.mark.slow
def test_without_it_nothing_is_alerted_and_nothing_retrained(quiet: Played) -> None:
    assert not quiet.alarms(JUNE)
    assert not quiet.alarms(JULY)
    assert [each.action for each in quiet.progress.months] == ["start", "nothing", "nothing"]
    assert {row["version"] for row in quiet.rows("audit.promotions")} - {None} == {"1"}
    assert quiet.holds


@pytest.mark.slow
def test_nothing_is_seen_before_it_was_known(quiet: Played) -> None:
    """Each month's rows came with that month; each cohort was scored in its own, by a model of before."""
    scored = {row["observed_on"] for row in quiet.rows("inference.predictions")}
    assert scored == {MAY, JUNE, JULY}
    known = [row["label_known_on"] for row in quiet.rows("model_input.labels")]
    assert max(known) == JULY
    for record in quiet.progress.months:
        assert all(each.cohort < f"{record.month}-01" for each in record.earned)
    assert [len(each.earned) for each in quiet.progress.months] == [0, 1, 1]


@pytest.mark.slow
def test_broken_off_after_every_step_it_has_the_same_results(quiet: Played, tmp_path: Path) -> None:
    again = play(tmp_path, None, breaks=True)
    assert again.progress.digest() == quiet.progress.digest()
    assert again.holds
    shutil.rmtree(again.folder)
    assert (quiet.folder / RECORD).is_file()
