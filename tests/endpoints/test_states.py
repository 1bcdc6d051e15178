"""The state of endpoints: recorded, read cheaply, changed by one at a time, and taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.endpoints import rollouts
from boathouse.endpoints.canary_step import step_canary
from boathouse.endpoints.log_contract import LogEntry
from boathouse.endpoints.states import EndpointStates
from boathouse.errors import RolloutError
from boathouse.serving.log_table import LogTable
from boathouse.tables.location import TableLocation
from tests.fixtures.endpoint_config import make_document

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = make_document({"old": 100, "new": 0}, step_seconds=0, min_requests=50)


@pytest.fixture
def root(tmp_path: Path) -> dict[str, str]:
    return {"engine": "sail", "root": (tmp_path / "lakehouse").as_posix()}


@pytest.fixture
def place(root: dict[str, str]) -> TableLocation:
    return TableLocation.from_lakehouse("test.audit.deployments", root)


@pytest.fixture
def log(root: dict[str, str]) -> TableLocation:
    return TableLocation.from_lakehouse("test.inference.endpoint_log", root)


@pytest.fixture
def states(place: TableLocation) -> EndpointStates:
    return EndpointStates(place, {"late": DOCUMENT})


def change(states: EndpointStates, config: Any, kind: str = "updated") -> Any:
    return states.change(states.read("late"), config, kind=kind, actor="vera")


def share(states: EndpointStates, entity: str = "new") -> float:
    return states.read("late").config.traffic_of(entity)


def test_without_a_record_conf_counts(states: EndpointStates, place: TableLocation) -> None:
    state = states.read("late")
    assert (state.sequence, state.kind, state.undo) == (0, "conf", None)
    assert EndpointStates(place, {"late": DOCUMENT}).configurations() == {"late": state.config}
    with pytest.raises(RolloutError, match="no endpoint 'early'"):
        states.read("early")


def test_the_newest_record_counts_for_everybody(states: EndpointStates, place: TableLocation) -> None:
    other = EndpointStates(place, {"late": DOCUMENT})
    assert share(other) == 0
    change(states, rollouts.split_by_weight(states.read("late").config, {"old": 70, "new": 30}))
    # The other process sees it at its next read.
    assert share(other) == 30
    assert EndpointStates(place, {"late": DOCUMENT}).configurations()["late"].traffic_of("new") == 30
    # Also where conf no longer knows the endpoint.
    assert EndpointStates(place, {}).configurations()["late"].traffic_of("new") == 30


def test_the_table_is_read_only_when_it_has_moved(states: EndpointStates, monkeypatch: pytest.MonkeyPatch) -> None:
    change(states, rollouts.split_by_weight(states.read("late").config, {"old": 70, "new": 30}))
    states.read("late")
    monkeypatch.setattr(states._ledger, "read", lambda: pytest.fail("it was read again"))
    assert share(states) == 30


def test_rollbacks_go_back_one_change_after_the_other(states: EndpointStates) -> None:
    for percent in (10, 20, 30):
        config = rollouts.split_by_weight(states.read("late").config, {"old": 100 - percent, "new": percent})
        change(states, config)
    seen = []
    for _ in range(3):
        states.roll_back("late", actor="vera")
        seen.append(share(states))
    assert seen == [20, 10, 0]
    with pytest.raises(RolloutError, match="nothing to roll back to"):
        states.roll_back("late", actor="vera")
    assert [record.kind for record in states.records()] == ["updated"] * 3 + ["rolled_back"] * 3


def test_a_rollback_leaves_a_rollout_altogether(states: EndpointStates) -> None:
    change(states, rollouts.split_by_weight(states.read("late").config, {"old": 90, "new": 10}))
    change(states, rollouts.start_canary(states.read("late").config, "new", steps=(20, 50, 100)), "started")
    for step in (50, 100):
        change(states, rollouts.move_canary(states.read("late").config, step), "step")
    change(states, states.read("late").config, "paused")
    states.roll_back("late", actor="vera", comment="back")
    assert (share(states), states.read("late").config.split.kind) == (10, "weight")
    states.roll_back("late", actor="vera")
    assert share(states) == 0


def test_of_two_updates_at_once_one_wins(place: TableLocation) -> None:
    writers = [EndpointStates(place, {"late": DOCUMENT}) for _ in range(4)]
    seen = [writer.read("late") for writer in writers]

    def attempt(number: int) -> str:
        config = rollouts.split_by_weight(seen[number].config, {"old": 90 - number, "new": 10 + number})
        try:
            writers[number].change(seen[number], config, kind="updated", actor=f"writer {number}")
        except RolloutError as error:
            return str(error)
        return "won"

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(attempt, range(4)))
    winner = said.index("won")
    assert said.count("won") == 1
    for text in said[:winner] + said[winner + 1 :]:
        assert f"record 1 (updated) by writer {winner}" in text
        assert "Nothing of yours was applied" in text
    assert len(writers[0].records()) == 1


def test_what_changes_nothing_is_not_recorded(states: EndpointStates) -> None:
    with pytest.raises(RolloutError, match="has this configuration already"):
        change(states, states.read("late").config)
    assert states.records() == []


def test_an_experiment_is_found_after_it_ended(states: EndpointStates) -> None:
    with pytest.raises(RolloutError, match="never had an A/B test"):
        states.find_experiment("late")
    start = rollouts.start_experiment(states.read("late").config, {"old": 50, "new": 50}, salt="s", unit="key")
    change(states, start, "started")
    state, ended = states.find_experiment("late")
    assert (state.config.split.salt, ended) == ("s", None)
    after = change(states, rollouts.give_everything(start, "new"), "promoted")
    change(states, rollouts.give_everything(start, "old"))
    state, ended = states.find_experiment("late")
    assert (state.sequence, ended) == (1, after.changed_at)


def write_log(log: TableLocation, tmp_path: Path, name: str, rows: list[LogEntry]) -> None:
    import orjson

    from boathouse.serving.log_journal import acquire_slot

    slot = acquire_slot(tmp_path / f"journal-{name}")
    slot.append(b"".join(orjson.dumps(row.to_row(), option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    slot.rotate()
    for segment in slot.finished():
        LogTable(str(log.path)).commit(segment)
    slot.release()


def answers(entity: str, count: int, moment: datetime, *, status: int = 200) -> list[LogEntry]:
    return [
        LogEntry(
            databricks_request_id=f"{entity}-{number}",
            client_request_id=None,
            request_time=moment,
            status_code=status,
            execution_duration_ms=10,
            request='{"dataframe_records":[{"a":1}]}',
            response=f'{{"predictions":[{{"probability":{number / count}}}]}}'
            if status == 200
            else '{"error_code":"X"}',
            served_entity_id=entity,
            endpoint="late",
        )
        for number in range(count)
    ]


@pytest.fixture
def canary(states: EndpointStates) -> EndpointStates:
    change(states, rollouts.start_canary(states.read("late").config, "new", steps=(5, 100)), "started")
    return states


def test_a_good_canary_goes_on_and_is_promoted(canary: EndpointStates, log: TableLocation, tmp_path: Path) -> None:
    # What was logged before the step began is another version's doing.
    write_log(log, tmp_path, "a", answers("new", 200, datetime.now(UTC) - timedelta(hours=1), status=500))
    assert step_canary(canary, "late", log, actor="watch").outcome == "wait"
    write_log(log, tmp_path, "b", answers("new", 60, datetime.now(UTC)) + answers("old", 400, datetime.now(UTC)))
    assert step_canary(canary, "late", log, actor="watch").outcome == "advance"
    assert share(canary) == 100
    assert step_canary(canary, "late", log, actor="watch").reason == "0 of 50 requests so far"
    write_log(log, tmp_path, "c", answers("new", 60, datetime.now(UTC)))
    assert step_canary(canary, "late", log, actor="watch").outcome == "done"
    assert [record.kind for record in canary.records()] == ["started", "step", "promoted"]
    assert (share(canary), canary.read("late").config.split.kind) == (100, "weight")
    # Another rollback leaves the promotion, and the next one the canary.
    canary.roll_back("late", actor="vera")
    assert canary.read("late").config.split.kind == "canary"


def test_a_bad_canary_is_rolled_back_by_itself(canary: EndpointStates, log: TableLocation, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    write_log(log, tmp_path, "a", answers("new", 20, now, status=500) + answers("old", 400, now))
    decision = step_canary(canary, "late", log, actor="watch")
    assert decision.outcome == "roll_back"
    state = canary.read("late")
    assert (state.kind, state.config.traffic_of("old"), state.actor) == ("rolled_back", 100, "watch")
    assert "20 of 20 requests failed" in state.comment
    assert state.evidence is not None
    assert state.evidence["checks"][0]["verdict"] == "bad"
    with pytest.raises(RolloutError, match="no canary under way"):
        step_canary(canary, "late", log, actor="watch")


def test_a_paused_canary_stays(canary: EndpointStates, log: TableLocation, tmp_path: Path) -> None:
    change(canary, canary.read("late").config, "paused")
    write_log(log, tmp_path, "a", answers("new", 60, datetime.now(UTC)) + answers("old", 60, datetime.now(UTC)))
    assert step_canary(canary, "late", log, actor="watch").reason == "paused"
    change(canary, canary.read("late").config, "step")
    write_log(log, tmp_path, "b", answers("new", 60, datetime.now(UTC)) + answers("old", 60, datetime.now(UTC)))
    assert step_canary(canary, "late", log, actor="watch").outcome == "advance"


def test_two_watchers_move_a_canary_once(
    canary: EndpointStates, log: TableLocation, place: TableLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(log, tmp_path, "a", answers("new", 60, datetime.now(UTC)) + answers("old", 60, datetime.now(UTC)))
    late = EndpointStates(place, {"late": DOCUMENT})
    before = late.read("late")
    step_canary(canary, "late", log, actor="first")
    monkeypatch.setattr(late, "read", lambda _: before)
    with pytest.raises(RolloutError, match=r"record 2 \(step\) by first"):
        step_canary(late, "late", log, actor="second")
    assert len(canary.records()) == 2


def test_switched_off_experiments_give_every_unit_the_control(place: TableLocation, states: EndpointStates) -> None:
    start = rollouts.start_experiment(states.read("late").config, {"old": 50, "new": 50}, salt="s", unit="key")
    change(states, start, "started")
    off = EndpointStates(place, {"late": DOCUMENT}).configurations(experiments=False)["late"]
    assert (off.split.kind, off.traffic_of("old")) == ("weight", 100)
    assert EndpointStates(place, {"late": DOCUMENT}).configurations()["late"].split.kind == "ab"


def test_reading_states_needs_no_engine(states: EndpointStates) -> None:
    import subprocess
    import sys

    code = (
        "import sys; import boathouse.endpoints.states;"
        "print(sorted({'pandas', 'pyspark', 'mlflow', 'kedro'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
