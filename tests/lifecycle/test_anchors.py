"""Anchors: a table that was cut, rebuilt or deleted shows; an anchor that is behind does not, and catches up."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import AuditError, ModelError, OptionError
from boathouse.lifecycle import anchors
from boathouse.lifecycle.anchors import (
    FileAnchor,
    Head,
    RegistryAnchor,
    choose_anchors,
    find_disagreements,
)
from boathouse.lifecycle.audit_options import AuditOptions
from boathouse.lifecycle.chain import NO_HASH, AuditEvent
from boathouse.lifecycle.ledger import open_ledger
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODEL = "test.models.late"


def make_event(name: str, **evidence: object) -> AuditEvent:
    return AuditEvent(
        event_id=name,
        kind="requested",
        subject=MODEL,
        actor="vera",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        evidence=evidence,
    )


@pytest.fixture(params=["audit.promotions", "audit.evidence", "audit.webhook_deliveries", "audit.deployments"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> TableLocation:
    return TableLocation.from_lakehouse(f"test.{request.param}", {"engine": "sail", "root": str(tmp_path / "lake")})


@pytest.fixture
def promotions(tmp_path: Path) -> TableLocation:
    return TableLocation.from_lakehouse("test.audit.promotions", {"engine": "sail", "root": str(tmp_path / "lake")})


def fill(place: TableLocation, count: int, prefix: str = "e") -> None:
    ledger = open_ledger(place)
    for number in range(count):
        ledger.append([make_event(f"{prefix}{number}")])


def cut_newest_commit(place: TableLocation) -> None:
    log = Path(str(place.path)) / "_delta_log"
    max(log.glob("*.json")).unlink()


def rebuild_without_tail(place: TableLocation) -> None:
    kept = open_ledger(place).read()[:-1]
    delete_all(place)
    fresh = open_ledger(place, anchors=())
    fresh.append([make_event(record.event_id) for record in kept])
    assert fresh.verify() == []


def rewrite(place: TableLocation) -> None:
    delete_all(place)
    open_ledger(place, anchors=()).append([make_event(f"other{number}") for number in range(5)])


def delete_all(place: TableLocation) -> None:
    shutil.rmtree(str(place.path))


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (cut_newest_commit, "1 record(s) are missing at the end: 4 were kept, 3 are there"),
        (rebuild_without_tail, "1 record(s) are missing at the end: 4 were kept, 3 are there"),
        (rewrite, "record 1 is another than the one kept: rewritten"),
        (delete_all, "4 record(s) are missing at the end: 4 were kept, 0 are there"),
    ],
)
def test_a_table_that_lost_records_disagrees_with_its_anchor_and_takes_no_more(
    place: TableLocation, tamper: object, told: str
) -> None:
    fill(place, 4)
    tamper(place)  # type: ignore[operator]
    ledger = open_ledger(place)
    assert ledger.compare_anchors()[0] == [f"anchor 'file': {told}"]
    with pytest.raises(AuditError, match=r"Nothing was added.*accept audit\.\w+ --comment WHY --env test"):
        ledger.append([make_event("after")])
    with pytest.raises(AuditError):
        ledger.read_verified()
    assert "after" not in {record.event_id for record in ledger.read()}


def test_a_chain_that_grew_past_a_cut_is_found_by_any_head_that_was_kept(promotions: TableLocation) -> None:
    fill(promotions, 3)
    rewrite(promotions)
    problems, behind = open_ledger(promotions).compare_anchors()
    assert problems == ["anchor 'file': record 1 is another than the one kept: rewritten"]
    assert behind == {"file": 2}


def test_reading_a_cut_table_warns(promotions: TableLocation, caplog: pytest.LogCaptureFixture) -> None:
    fill(promotions, 2)
    open_ledger(promotions).read()
    assert caplog.messages == []
    cut_newest_commit(promotions)
    open_ledger(promotions).read()
    assert "1 record(s) are missing at the end" in caplog.text


def test_killed_between_record_and_anchor_leaves_the_anchor_behind_and_it_catches_up(
    promotions: TableLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(promotions, 1)

    class KilledError(BaseException):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(FileAnchor, "advance", kill)
        for name in ("x", "y"):
            with pytest.raises(KilledError):
                open_ledger(promotions).append([make_event(name)])
    ledger = open_ledger(promotions)
    assert ledger.compare_anchors() == ([], {"file": 2})
    ledger.catch_up()
    assert ledger.compare_anchors() == ([], {})
    cut_newest_commit(promotions)
    assert ledger.compare_anchors()[0] != []


def test_an_anchor_that_cannot_be_written_does_not_stop_the_record(
    promotions: TableLocation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(FileAnchor, "advance", fail)
    open_ledger(promotions).append([make_event("a")])
    assert len(open_ledger(promotions).read()) == 1
    assert "boathouse audit verify" in caplog.text


def test_a_line_cut_off_by_a_killed_process_is_passed_over(promotions: TableLocation) -> None:
    fill(promotions, 2)
    anchor = FileAnchor.of(promotions)
    (file,) = Path(promotions.root).parent.glob("lake_anchors/*")
    file.write_bytes(file.read_bytes() + b'{"sequence": 3, "ha')
    assert anchor.newest() == anchor.heads()[-1]
    fill(promotions, 1, prefix="more")
    assert [head.sequence for head in anchor.heads()] == [1, 2, 3]


def test_many_writers_at_once_leave_an_anchor_at_the_end_of_one_chain(promotions: TableLocation) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: open_ledger(promotions).append([make_event(f"t{number}")]), range(24)))
    assert open_ledger(promotions).compare_anchors() == ([], {})
    assert len(open_ledger(promotions).read()) == 24


def test_accepting_a_cut_table_goes_on_from_it_and_keeps_who_and_why(promotions: TableLocation) -> None:
    fill(promotions, 3)
    delete_all(promotions)
    ledger = open_ledger(promotions)
    assert ledger.accept(by="vera", comment="Restored from the backup.") == Head(0, NO_HASH)
    ledger.append([make_event("new")])
    assert ledger.compare_anchors() == ([], {})
    (line,) = FileAnchor.of(promotions).accepted()
    assert (line["accepted_by"], line["comment"], line["sequence"]) == ("vera", "Restored from the backup.", 0)
    cut_newest_commit(promotions)
    assert ledger.compare_anchors()[0] != []


def test_an_append_is_anchored_within_milliseconds(promotions: TableLocation) -> None:
    """Of processor time, which other load does not change; the limit is one for a slow machine."""
    chain = [f"{number:064d}" for number in range(2000)]
    anchor = FileAnchor.of(promotions)
    before = time.process_time()
    for length in range(1001, 1101):
        anchor.newest()
        anchor.advance(chain[:length], ())
    assert (time.process_time() - before) / 100 < 0.005


class FakeRegistry:
    """Tags of registered models, by name."""

    def __init__(self, *models: str) -> None:
        self.tags: dict[str, dict[str, str]] = {model: {} for model in models}
        self.down = False

    def read(self, name: str, *, uri: str = "") -> Mapping[str, str] | None:
        assert uri == "sqlite:///x"
        if self.down:
            raise ModelError.store_unreachable("OperationalError")
        return self.tags.get(name)

    def set(self, name: str, key: str, value: str) -> None:
        self.tags[name][key] = value


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    made = FakeRegistry(MODEL)
    monkeypatch.setattr(anchors, "read_model_tags", made.read)
    monkeypatch.setattr(anchors, "set_model_tag", made.set)
    monkeypatch.setitem(anchors.sys.modules, "mlflow", object())
    return made


def with_registry(place: TableLocation, names: Sequence[str] = ("registry",)) -> object:
    return open_ledger(place, choose_anchors(place, names, models=(MODEL,), uri="sqlite:///x"))


def test_the_registry_keeps_the_head_as_a_tag_of_the_model(place: TableLocation, registry: FakeRegistry) -> None:
    ledger = with_registry(place)
    ledger.append([make_event("a")])  # type: ignore[attr-defined]
    (record,) = ledger.append([make_event("b")])  # type: ignore[attr-defined]
    name = place.table.rpartition(".")[2]
    assert registry.tags == {MODEL: {f"audit_head_{name}": f"2 {record.hash}"}}
    assert ledger.compare_anchors() == ([], {})  # type: ignore[attr-defined]


@pytest.mark.parametrize("tamper", [cut_newest_commit, rebuild_without_tail, rewrite, delete_all])
def test_the_tag_shows_what_was_cut_and_stays_as_evidence(
    promotions: TableLocation, registry: FakeRegistry, tamper: object
) -> None:
    """Also where the file was deleted with the table: whoever cuts both cannot cut the registry."""
    ledger = with_registry(promotions)
    for name in "abcd":
        ledger.append([make_event(name)])  # type: ignore[attr-defined]
    kept = dict(registry.tags[MODEL])
    tamper(promotions)  # type: ignore[operator]
    assert ledger.compare_anchors()[0] != []  # type: ignore[attr-defined]
    ledger.append([make_event("later")])  # type: ignore[attr-defined]
    assert registry.tags[MODEL] == kept, "a tag that the chain contradicts is not overwritten"


def test_a_registry_that_does_not_answer_leaves_its_tag_behind(
    promotions: TableLocation, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = with_registry(promotions)
    ledger.append([make_event("a")])  # type: ignore[attr-defined]
    registry.down = True
    ledger.append([make_event("b")])  # type: ignore[attr-defined]
    assert "anchor 'registry'" in caplog.text
    registry.down = False
    assert ledger.compare_anchors() == ([], {"registry": 1})  # type: ignore[attr-defined]


def test_a_process_without_the_registry_does_not_open_it_for_an_anchor(
    promotions: TableLocation, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(anchors.sys.modules, "mlflow")
    with_registry(promotions).append([make_event("a")])  # type: ignore[attr-defined]
    assert registry.tags == {MODEL: {}}


def test_an_endpoint_s_record_tags_the_models_that_it_serves(promotions: TableLocation, registry: FakeRegistry) -> None:
    registry.tags = {"test.models.served": {}, MODEL: {}}
    document = {"config": {"served_entities": [{"name": "a", "entity_name": "test.models.served"}]}}
    event = AuditEvent(
        event_id="d",
        kind="updated",
        subject="answers",
        actor="vera",
        occurred_at=datetime.now(UTC),
        evidence={"config": document},
    )
    with_registry(promotions).append([event])  # type: ignore[attr-defined]
    assert list(registry.tags["test.models.served"]) == ["audit_head_promotions"]
    assert registry.tags[MODEL] == {}


@pytest.mark.parametrize(
    ("heads", "hashes", "problems"),
    [
        ([], [], []),
        ([Head(0, NO_HASH)], [], []),
        ([Head(1, "a"), Head(2, "b")], ["a", "b", "c"], []),
        ([Head(2, "x"), Head(1, "y")], ["a", "b"], ["record 1 is another than the one kept: rewritten"]),
        ([Head(3, "c")], ["a", "b"], ["1 record(s) are missing at the end: 3 were kept, 2 are there"]),
    ],
)
def test_what_was_kept_is_held_against_the_chain(heads: list[Head], hashes: list[str], problems: list[str]) -> None:
    assert find_disagreements(heads, hashes) == problems


def test_a_tag_that_is_no_head_is_an_alarm(registry: FakeRegistry, promotions: TableLocation) -> None:
    registry.tags[MODEL]["audit_head_promotions"] = "nonsense"
    fill(promotions, 1)
    anchor = RegistryAnchor(promotions.table, (MODEL,), "sqlite:///x")
    assert open_ledger(promotions, [anchor]).compare_anchors()[0] != []


def test_anchors_are_named_in_conf() -> None:
    assert AuditOptions(anchors=["file"]).anchors == ["file"]
    for wrong in ("file", [], ["disk"]):
        with pytest.raises(OptionError, match=r"audit\.anchors"):
            AuditOptions(anchors=wrong)


def test_lines_are_json_with_the_time(promotions: TableLocation) -> None:
    fill(promotions, 1)
    (file,) = Path(promotions.root).parent.glob("lake_anchors/*")
    assert file.name == "test.audit.promotions.jsonl"
    line = json.loads(file.read_text(encoding="utf-8"))
    assert set(line) == {"sequence", "hash", "at"}
    assert file.stat().st_size < 200
