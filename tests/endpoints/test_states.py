"""The state of endpoints: recorded, read cheaply, changed by one at a time, and taken back."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from boathouse.endpoints import rollouts
from boathouse.endpoints.canary_step import step_canary
from boathouse.endpoints.log_contract import LogEntry
from boathouse.endpoints.options import SplitOptions
from boathouse.endpoints.states import EndpointStates
from boathouse.errors import AuditError, EndpointError, RolloutError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import open_ledger
from boathouse.serving.log_table import LogTable
from boathouse.tables.location import TableLocation
from tests.fixtures.endpoint_config import make_config, make_document

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
    monkeypatch.setattr(states._ledger, "read_verified", lambda: pytest.fail("it was read again"))
    assert share(states) == 30


def give(states: EndpointStates, percent: float) -> Any:
    return change(states, rollouts.split_by_weight(states.read("late").config, {"old": 100 - percent, "new": percent}))


def test_a_rollback_typed_twice_is_one_step_and_a_record_is_named_to_go_on(states: EndpointStates) -> None:
    with pytest.raises(RolloutError, match="nothing to roll back to"):
        states.roll_back("late", actor="vera")
    for percent in (10, 20, 30):
        give(states, percent)
    said: list[str] = []
    for _ in range(3):
        state = states.roll_back("late", actor="vera", tell=said.append)
        assert (share(states), state.sequence) == (20, 4)
    assert len(said) == 2
    assert "was rolled back from record 3 to record 2 already, by vera" in said[0]
    # Further back, to conf, and forward again: what the rollback undid.
    for to, percent in ((1, 10), (0, 0), (3, 30)):
        states.roll_back("late", actor="vera", to=to)
        assert share(states) == percent
    states.roll_back("late", actor="vera", to=3)
    kinds = [record.kind for record in states.records()]
    assert kinds == ["updated"] * 3 + ["rolled_back"] * 4
    with pytest.raises(RolloutError, match=r"Record 99 holds no configuration .* Records: 0, 1, 2, 3, 4, 5, 6, 7"):
        states.roll_back("late", actor="vera", to=99)
    # A change after it is one of its own.
    give(states, 50)
    states.roll_back("late", actor="vera")
    assert share(states) == 30


def test_two_persons_who_roll_back_at_once_make_one_step(place: TableLocation) -> None:
    states = EndpointStates(place, {"late": DOCUMENT})
    for percent in (10, 20):
        give(states, percent)
    both = [EndpointStates(place, {"late": DOCUMENT}) for _ in range(2)]
    seen, said = [each.read("late") for each in both], list[str]()

    def roll_back(number: int) -> int:
        return both[number].roll_back("late", actor=f"p{number}", seen=seen[number], tell=said.append).sequence

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(roll_back, range(2))) == {3}
    assert share(states) == 10
    assert len(said) == 1
    # What somebody saw before another kind of change is refused.
    give(states, 40)
    with pytest.raises(RolloutError, match="changed meanwhile: record 4"):
        both[0].roll_back("late", actor="p0", seen=seen[0])


def make_conf(**limits: Any) -> dict[str, Any]:
    document = make_document({"old": 100, "new": 0}, step_seconds=0, min_requests=50)
    return {**document, "boathouse": {**document["boathouse"], "limits": limits}}


def test_a_record_holds_what_was_changed_and_conf_counts_for_the_rest(place: TableLocation) -> None:
    give(EndpointStates(place, {"late": make_conf(max_rows=10)}), 30)
    # Conf as it is released next.
    states = EndpointStates(place, {"late": make_conf(max_rows=77)})
    state = states.read("late")
    assert (state.config.limits.max_rows, state.config.traffic_of("new")) == (77, 30)
    assert state.changes == {"traffic": [["old", 70.0], ["new", 30.0]]}
    # A document that was read, changed and written back: its change alone counts.
    change(states, replace(state.config, limits=replace(state.config.limits, max_rows=5)))
    after = EndpointStates(place, {"late": make_conf(max_rows=99, burst=7)}).read("late")
    assert (after.config.limits.max_rows, after.config.limits.burst) == (5, 7)
    assert after.changes == {"traffic": [["old", 70.0], ["new", 30.0]], "limits": {"max_rows": 5}}
    # Back to record 1, then to conf.
    states.roll_back("late", actor="vera")
    assert states.read("late").config.limits.max_rows == 77
    said: list[str] = []
    for _ in range(2):
        state = states.reset("late", actor="vera", comment="as released", tell=said.append)
        assert (state.kind, state.changes, state.config) == ("reset", {}, state.base)
    assert said == ["Endpoint 'late' serves what conf says: nothing was recorded."]
    states.roll_back("late", actor="vera")
    assert share(states) == 30


def test_what_does_not_fit_conf_any_more_is_served_as_it_was_recorded(place: TableLocation) -> None:
    give(EndpointStates(place, {"late": DOCUMENT}), 30)
    other = make_document({"old": 100, "green": 0})
    state = EndpointStates(place, {"late": other}).read("late")
    assert state.config.traffic_of("new") == 30
    assert "refers to new; served entities: old, green" in state.problem
    reset = EndpointStates(place, {"late": other})
    assert reset.reset("late", actor="vera", tell=print).config.traffic_of("old") == 100


def record(place: TableLocation, **evidence: Any) -> None:
    """Record evidence of another form than is written now."""
    event = AuditEvent(
        event_id=uuid.uuid4().hex,
        kind="updated",
        subject="late",
        actor="vera",
        occurred_at=datetime.now(UTC),
        evidence=evidence,
    )
    open_ledger(place).append([event])


def test_a_record_from_before_holds_a_whole_document_that_counts(place: TableLocation) -> None:
    whole = make_config({"old": 40, "new": 60}, step_seconds=0, min_requests=50).to_document()
    record(place, config=whole, undo=0)
    states = EndpointStates(place, {"late": make_conf(max_rows=77)})
    state = states.read("late")
    assert (state.changes, share(states), state.config.limits.max_rows) == (None, 60, 10_000)
    give(states, 10)
    assert states.read("late").changes == {"traffic": [["old", 90.0], ["new", 10.0]], "limits": {"max_rows": 10_000}}
    states.roll_back("late", actor="vera", to=0)
    assert states.read("late").config.limits.max_rows == 77


def test_a_record_that_cannot_be_served_says_how_to_return(place: TableLocation) -> None:
    record(place, config={**DOCUMENT, "boathouse": {"split": {"colour": "red"}}}, undo=0)
    states = EndpointStates(place, {"late": DOCUMENT, "other": DOCUMENT})
    with pytest.raises(EndpointError, match=r"Record 1 of audit.deployments .* `boathouse endpoints reset late"):
        states.configurations()
    # The other endpoint is none the worse for it.
    assert list(states.configurations(["other"])) == ["other"]
    states.reset("late", actor="vera", tell=print)
    assert share(states) == 0
    record(place, config=states.read("late").config.to_document(), changes={"traffic": "all"}, undo=0)
    assert "another form" in states.read("late").problem


def test_a_table_that_was_tampered_with_decides_nothing(states: EndpointStates, place: TableLocation) -> None:
    give(states, 10)
    give(states, 20)
    log = next((Path(str(place.path)) / "_delta_log").glob("*1.json"))
    log.write_text("{")
    with pytest.raises((AuditError, RolloutError), match=r"audit.deployments.*boathouse audit verify"):
        EndpointStates(place, {"late": DOCUMENT}).configurations()


def test_a_rollback_leaves_a_rollout_altogether(states: EndpointStates) -> None:
    change(states, rollouts.split_by_weight(states.read("late").config, {"old": 90, "new": 10}))
    change(states, rollouts.start_canary(states.read("late").config, "new", steps=(20, 50, 100)), "started")
    for step in (50, 100):
        change(states, rollouts.move_canary(states.read("late").config, step), "step")
    change(states, states.read("late").config, "paused")
    states.roll_back("late", actor="vera", comment="back")
    assert (share(states), states.read("late").config.split.kind) == (10, "weight")
    assert states.read("late").config.split.steps == SplitOptions().steps


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
    # The promotion is the end of the rollout, which a rollback leaves altogether.
    canary.roll_back("late", actor="vera")
    assert (share(canary), canary.read("late").config.split.kind) == (0, "weight")


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


def shifted(entity: str, count: int, moment: datetime) -> list[LogEntry]:
    """Return answers whose scores are far from those of the others."""
    response = '{"predictions":[{"probability":0.99}]}'
    return [replace(entry, response=response) for entry in answers(entity, count, moment)]


def test_the_last_step_is_compared_with_the_step_before(
    canary: EndpointStates, log: TableLocation, tmp_path: Path
) -> None:
    write_log(log, tmp_path, "a", answers("new", 60, datetime.now(UTC)) + answers("old", 400, datetime.now(UTC)))
    assert step_canary(canary, "late", log, actor="watch").outcome == "advance"
    # A pause begins the step again; what it is compared with stays.
    change(canary, canary.read("late").config, "paused")
    change(canary, canary.read("late").config, "step")
    write_log(log, tmp_path, "b", shifted("new", 100, datetime.now(UTC)))
    decision = step_canary(canary, "late", log, actor="watch")
    assert (decision.outcome, share(canary)) == ("roll_back", 0)
    assert "apart (limit 0.2)" in decision.reason


def test_a_rolling_replacement_is_judged_by_errors_alone(
    states: EndpointStates, log: TableLocation, tmp_path: Path
) -> None:
    change(states, rollouts.start_rolling(states.read("late").config, "new", batches=2), "started")
    write_log(log, tmp_path, "a", shifted("new", 60, datetime.now(UTC)) + answers("old", 60, datetime.now(UTC)))
    assert step_canary(states, "late", log, actor="watch").outcome == "advance"
    write_log(log, tmp_path, "b", answers("new", 60, datetime.now(UTC), status=500))
    assert step_canary(states, "late", log, actor="watch").outcome == "roll_back"
    assert states.read("late").config == make_config({"old": 100, "new": 0}, step_seconds=0, min_requests=50)


def test_answers_by_another_version_are_not_the_candidates(
    canary: EndpointStates, log: TableLocation, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    before = [replace(entry, model_version="1") for entry in answers("new", 60, now, status=500)]
    write_log(log, tmp_path, "a", before + answers("old", 400, now))
    assert step_canary(canary, "late", log, actor="watch").reason == "0 of 50 requests so far"


def test_a_canary_that_stands_in_conf_is_rolled_back_too(
    place: TableLocation, log: TableLocation, tmp_path: Path
) -> None:
    document = make_document({"old": 90, "new": 10}, kind="canary", candidate="new", step_seconds=0, min_requests=50)
    states, now = EndpointStates(place, {"late": document}), datetime.now(UTC)
    write_log(log, tmp_path, "a", answers("new", 20, now, status=500) + answers("old", 400, now))
    assert step_canary(states, "late", log, actor="watch").outcome == "roll_back"
    assert (share(states), states.read("late").config.split.kind) == (0, "weight")


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
