"""Every kind of rollout, by its commands, against a running server with two versions."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import mlflow
import pytest
import yaml
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.endpoints.canary_step import read_entries
from boathouse.endpoints.routing import locate_units
from boathouse.lifecycle.stop import stop_champion
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.tables.location import TableLocation
from tests.fixtures.decided import decide, open_cycle
from tests.fixtures.model_store import empty_store, make_model
from tests.fixtures.running_server import ENDPOINT, KEY, MODEL, ROW, Server
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from boathouse.lifecycle.steps import LifeCycle

__all__ = ["empty_store"]


class Bank:
    """A data folder, its conf, its registry, a server, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.conf, self.server = folder, folder / "conf", None
        shutil.copytree(CONF, self.conf, ignore=shutil.ignore_patterns("local"))
        # Each version has one score: any two are far apart.
        self.set_conf(split={"min_requests": 10, "step_seconds": 0, "max_score_shift": 1.0}, log={"flush_seconds": 0.2})

    def set_conf(self, **blocks: dict[str, Any]) -> None:
        """Change the endpoint's document in conf, as a release would."""
        path = self.conf / "base/serving/endpoints.yml"
        document = yaml.safe_load(path.read_text())
        for name, values in blocks.items():
            document[ENDPOINT]["boathouse"][name] |= values
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def register(self, risk: float, stage: str) -> str:
        dataset = ModelVersionDataset(name=MODEL)
        dataset.save(make_model(risk))
        version = str(dataset.last_saved_version)
        decide(self.folder / "lakehouse", MODEL, version, stage=stage)
        return version

    def cycle(self) -> LifeCycle:
        return open_cycle(self.folder / "lakehouse", MODEL)

    def start(self) -> None:
        self.server = Server(self.folder, conf=self.conf)
        self.server.wait(self.server.is_ready)

    def run(self, *words: str, code: int = 0, about: str = ENDPOINT) -> str:
        command = ["endpoints", words[0], about, *words[1:], "--conf-source", str(self.conf), "--env", "test"]
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == code, result.output
        return result.output

    def ask(self, *units: int) -> list[str]:
        """Return version and status of an answer for each unit."""
        found = []
        with httpx.Client(base_url=self.server.url) as client:
            for unit in units:
                row = {**ROW, KEY: unit}
                answer = client.post("/invocations", json={"dataframe_records": [row]})
                served = answer.headers.get("served-model-version")
                found.append(served if answer.status_code == 200 else str(answer.status_code))
        return found

    def serves(self, *versions: str) -> Counter[str]:
        """Wait until exactly these versions answer; return how many of the next hundred requests each."""
        self.server.wait(lambda: set(self.ask(*range(1, 101))) == set(versions))
        # The requests before may have come in part before the change.
        found = Counter(self.ask(*range(1, 101)))
        assert found.keys() == set(versions)
        return found

    def count_logged(self, version: str, mode: str) -> int:
        """Return how many rows of the log are by a version, as ``answer`` or as ``shadow``."""
        lakehouse = {"engine": "sail", "root": (self.folder / "lakehouse").as_posix()}
        place = TableLocation.from_lakehouse("test.inference.endpoint_log", lakehouse)
        rows = read_entries(place, ENDPOINT, since=self.begun)
        return sum(1 for each in rows if (each["model_version"], each["mode"]) == (version, mode))

    @property
    def begun(self) -> Any:
        from boathouse.endpoints.states import EndpointStates
        from boathouse.environment import open_environment

        return EndpointStates.of(open_environment("test", self.conf)).read(ENDPOINT).changed_at

    def wait_for_log(self, version: str, mode: str = "answer", count: int = 20) -> None:
        self.server.wait(lambda: self.count_logged(version, mode) >= count)


@pytest.fixture(scope="module")
def opened(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Return a bank whose server serves champion 1 and, asked by its own address, challenger 2."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOATHOUSE_DATA", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("late", artifact_location=f"file://{folder}/runs"))
        bank = Bank(folder)
        bank.register(0.7, "champion")
        routes = ("--route", "champion=50", "--route", "challenger=50")
        for words in (
            routes,
            ("--split", "ab", "--salt", "s", *routes),
            ("--split", "shadow", "--mirror", "challenger"),
        ):
            said = bank.run("update", *words, code=1)
            assert "'challenger' has no version that can be loaded: None of the versions" in said
        assert "nothing recorded" in bank.run("show")
        bank.register(0.71, "challenger")
        bank.start()
        yield bank
        bank.server.stop()
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


@pytest.fixture
def bank(opened: Bank) -> Iterator[Bank]:
    """Return the bank as conf has it, with champion 1 and challenger 2."""
    yield opened
    decided = opened.cycle().read()
    if (decided.champion, decided.challenger) != ("1", "2"):
        decide(opened.folder / "lakehouse", MODEL, "2", stage="challenger")
        decide(opened.folder / "lakehouse", MODEL, "1")
    opened.run("reset")
    opened.serves("1")


def test_shadow_answers_no_caller_and_is_promoted_as_it_was_seen(bank: Bank) -> None:
    bank.run("update", "--split", "shadow", "--mirror", "challenger")
    bank.server.wait(lambda: bank.ask(*range(1, 11)) and bank.count_logged("2", "shadow") >= 10)
    assert bank.serves("1")
    # Another challenger comes: neither the copies nor the promotion are its.
    third = bank.register(0.72, "challenger")
    assert f"challenger   {MODEL}, version 2, pinned (alias challenger is version {third} now)" in bank.run("show")
    assert "challenger stays with version 2" in bank.run("promote")
    assert bank.serves("2") == {"2": 100}
    assert bank.count_logged(third, "shadow") == 0
    # One step back is before the rollout, twice as well as once.
    assert "champion 100 %" in bank.run("rollback")
    assert "was rolled back from record" in bank.run("rollback", "--comment", "once more")
    assert bank.serves("1")


def test_canary_grows_by_the_log_and_its_end_is_undone_in_one_step(bank: Bank) -> None:
    bank.run("update", "--split", "canary", "--candidate", "challenger", "--steps", "50,100")
    assert "a rollout (canary), since record" in bank.run(
        "update", "--split", "canary", "--candidate", "challenger", code=1
    )
    for outcome in ("advance", "done"):
        bank.serves(*(("1", "2") if outcome == "advance" else ("2",)))
        bank.wait_for_log("2")
        said = bank.run("canary-step")
        assert said.startswith(outcome), said
        assert "nothing to compare with" not in said
    assert bank.serves("2")
    bank.run("rollback")
    assert bank.serves("1")


def test_rolling_replaces_in_batches_and_leaves_the_limits_of_a_canary_alone(bank: Bank) -> None:
    before = json.loads(bank.run("show", "--json"))["boathouse"]["split"]
    bank.run("update", "--split", "rolling", "--candidate", "challenger", "--batches", "2")
    assert 20 < bank.serves("1", "2")["2"] < 80
    bank.wait_for_log("2")
    said = bank.run("canary-step")
    assert said.startswith("advance")
    assert "latency" not in said
    bank.serves("2")
    bank.run("promote")
    assert json.loads(bank.run("show", "--json"))["boathouse"]["split"] == before


def test_a_traffic_split_stays_with_its_versions_whatever_aliases_do_also_after_a_restart(bank: Bank) -> None:
    bank.run("update", "--route", "champion=50", "--route", "challenger=50")
    shares = bank.serves("1", "2")
    assert 20 < shares["2"] < 80
    # Both aliases move: the champion's by a promotion, the challenger's by a new version.
    third, fourth = bank.register(0.73, "champion"), bank.register(0.74, "challenger")
    shown = bank.run("show")
    assert f"version 1, pinned (alias champion is version {third} now)" in shown
    assert f"version 2, pinned (alias challenger is version {fourth} now)" in shown
    assert bank.serves("1", "2")
    # Killed, changed while no server runs, and released with another conf: a restart serves all of that.
    bank.server.process.send_signal(signal.SIGKILL)
    bank.server.process.wait(30)
    bank.run("update", "--route", "champion=10", "--route", "challenger=90")
    bank.set_conf(limits={"max_rows": 7})
    bank.start()
    assert bank.serves("1", "2")["2"] > 70
    assert json.loads(bank.run("show", "--json"))["boathouse"]["limits"]["max_rows"] == 7
    too_many = {"dataframe_records": [ROW] * 8}
    assert httpx.post(f"{bank.server.url}/invocations", json=too_many).status_code == 413
    # Back to conf, which follows the aliases.
    assert "champion 100 %" in bank.run("reset")
    assert bank.serves(third)


def test_an_ab_test_keeps_each_unit_with_its_version(bank: Bank) -> None:
    bank.run("update", "--split", "ab", "--salt", "spring", "--route", "champion=50", "--route", "challenger=50")
    bank.serves("1", "2")
    places = locate_units("spring", map(str, range(1, 101)))
    expected = ["1" if place < 16**15 / 2 else "2" for place in places]
    assert bank.ask(*range(1, 101)) == bank.ask(*range(1, 101)) == expected
    assert "a rollout (ab)" in bank.run(
        "update", "--split", "ab", "--salt", "other", "--route", "champion=50", "--route", "challenger=50", code=1
    )
    bank.run("promote", "--entity", "champion")
    assert bank.serves("1")


def test_blue_green_is_one_switch_and_one_back(bank: Bank) -> None:
    bank.run("update", "--split", "weight", "--route", "challenger=100")
    assert bank.serves("2") == {"2": 100}
    said = bank.run("rollback")
    assert bank.serves("1") == {"1": 100}
    # The printed undo does what it says.
    undo = said.partition("undo with: boathouse endpoints ")[2].split()
    assert undo[-2:] == ["--env", "test"]
    bank.run(undo[0], *undo[2:])
    assert bank.serves("2")


def test_a_candidate_that_is_taken_out_of_service_answers_nobody_more(bank: Bank) -> None:
    bank.run("update", "--split", "canary", "--candidate", "challenger", "--steps", "50,100")
    bank.serves("1", "2")
    bank.cycle().archive("2", comment="Trained on faulty data")
    # The others answer in its place: no request fails.
    assert bank.serves("1") == {"1": 100}
    assert "OUT OF SERVICE: version 2" in bank.run("show")
    assert "Trained on faulty data" in bank.server.entity("challenger")["problem"]
    said = bank.run("canary-step", code=3)
    assert f"roll_back: version 2 of {MODEL} was archived by tom" in said
    # It is not brought in again, neither by its number nor by an earlier record.
    document = json.loads(bank.run("show", "--json"))
    document["config"]["served_entities"][1]["entity_version"] = "2"
    document["config"]["traffic_config"]["routes"][0]["traffic_percentage"] = 50
    document["config"]["traffic_config"]["routes"][1]["traffic_percentage"] = 50
    (bank.folder / "document.json").write_text(json.dumps(document))
    assert "may not answer: version 2" in bank.run("update", "--file", str(bank.folder / "document.json"), code=1)


def test_a_rollback_in_the_registry_reaches_an_endpoint_in_a_rollout(bank: Bank) -> None:
    newer = bank.register(0.75, "champion")
    bank.serves(newer)
    bank.run("update", "--split", "shadow", "--mirror", "challenger")
    assert f"champion     {MODEL}, version {newer}, pinned" in bank.run("show")
    bank.cycle().rollback(comment="Rejects too many")
    assert bank.serves("1")
    # A stop leaves nothing in its place.
    bank.run("rollback")
    bank.run("update", "--route", "champion=50", "--route", "challenger=50")
    bank.serves("1", "2")
    stop_champion(bank.cycle(), comment="Rejects everybody")
    bank.serves("503", "2")
    assert "Rejects everybody" in bank.run("reset", code=1)
    assert "Rejects everybody" in bank.server.champion()["problem"]
