"""Results sealed in ``audit.evidence``: the newest counts; what was registered outweighs tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import AuditError, UntrustedModelError
from boathouse.lifecycle.chain import AuditEvent, seal_events
from boathouse.lifecycle.evidence import TableQuality
from boathouse.lifecycle.ledger import EVIDENCE, open_ledger
from boathouse.lifecycle.sealed_results import (
    SealedResult,
    digest_text,
    find_evaluation,
    find_quality,
    record_result,
    seal_quality,
    seal_report,
    use_registered,
)
from boathouse.modelling.result import LoadedModel
from boathouse.scoring.files import digest_of
from boathouse.tables.location import TableLocation
from boathouse.tables.quality import QualityCounts
from tests.fixtures.gate_cases import GOOD_REPORT, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger

NAME, VERSION = GOOD_REPORT.subject.name, GOOD_REPORT.subject.version
FILES = {"manifest.json": b'{"spec.json": "1"}', "spec.json": b"{}"}
TAGS = {"training_window": "2005-04-30/2005-06-30", "released_code": "false"}


@pytest.fixture
def ledger(tmp_path: Path) -> AuditLedger:
    return open_ledger(TableLocation.from_lakehouse(f"dev.{EVIDENCE}", {"engine": "sail", "root": str(tmp_path / "l")}))


def record(ledger: AuditLedger, result: SealedResult) -> AuditRecord:
    return record_result(ledger, result, actor="tom", now=NOW)


def registered(**evidence: object) -> list[AuditRecord]:
    event = AuditEvent(
        event_id="r",
        kind="registered",
        subject=NAME,
        version=VERSION,
        digest=digest_of(FILES),
        actor="tom",
        occurred_at=NOW,
        evidence={"trained_by": "tom", **evidence},
    )
    return seal_events([event])


def model(**tags: str) -> LoadedModel:
    return LoadedModel(name=NAME, version=VERSION, files=FILES, tags=tags, description="Edited.")


def test_an_evaluation_is_read_back_as_it_was_sealed(ledger: AuditLedger) -> None:
    sealed = record(ledger, seal_report(GOOD_REPORT, "# Card\n"))
    found = find_evaluation(ledger.read(), NAME, VERSION)
    assert found.report.to_dict() == GOOD_REPORT.to_dict()
    assert found.record == sealed.hash
    assert sealed.digest == GOOD_REPORT.subject.digest
    assert found.card_digest == digest_text("# Card") != digest_text("# card")


def test_the_same_result_is_recorded_once_and_the_newest_counts(ledger: AuditLedger) -> None:
    first = seal_report(GOOD_REPORT, "card")
    other = seal_report(replace(GOOD_REPORT, rows=7), "card")
    for result in (first, first, other, other, first, first):
        record(ledger, result)
    assert [each.sequence for each in ledger.read()] == [1, 2, 3]
    assert find_evaluation(ledger.read(), NAME, VERSION).report.rows == GOOD_REPORT.rows
    assert find_evaluation(ledger.read()[:2], NAME, VERSION).report.rows == 7


def test_a_version_without_a_sealed_evaluation_is_not_decided_on(ledger: AuditLedger) -> None:
    record(ledger, seal_report(GOOD_REPORT, "card"))
    with pytest.raises(AuditError, match=r"version 9 is on record in dev\.audit\.evidence.*evaluation,promotion --env"):
        find_evaluation(ledger.read(), NAME, "9")


def test_quality_is_that_of_the_newest_record_of_each_table(ledger: AuditLedger) -> None:
    assert find_quality(ledger.read()) == []
    for broken in (1, 2):
        counts = QualityCounts("clean.a", rows=8, quarantined=broken, broken={"r": broken}, empty_columns=())
        record(ledger, seal_quality({"clean.a": counts}))
    assert find_quality(ledger.read()) == [TableQuality(table="clean.a", rows=8, broken_share=0.25)]


@pytest.mark.parametrize(
    "edited",
    [
        {"training_window": "1999-01-31/1999-02-28", "released_code": "false"},
        {"training_window": "2005-04-30/2005-06-30", "released_code": "true"},
        {**TAGS, "held_out": "a third of the entities"},
        {},
    ],
)
def test_tags_of_the_registration_outweigh_those_that_the_registry_shows(edited: dict[str, str]) -> None:
    found = use_registered(model(**edited, risk_class="low"), registered(tags=TAGS, description="As made."))
    assert found.tags == {**TAGS, "risk_class": "low"}, "a tag that people add is theirs; one of training is not"
    assert found.description == "As made."


def test_a_version_from_before_registrations_were_kept_goes_by_its_tags() -> None:
    assert use_registered(model(owner="me"), registered()).tags == {"owner": "me"}
    assert use_registered(model(owner="me"), []).tags == {"owner": "me"}


def test_files_that_were_not_registered_are_refused_whatever_digest_the_registry_shows() -> None:
    other = {**FILES, "manifest.json": b'{"spec.json": "2"}'}
    changed = replace(model(model_digest=digest_of(other)), files=other)
    with pytest.raises(UntrustedModelError, match=digest_of(FILES)[:16]):
        use_registered(changed, registered(tags=TAGS))
