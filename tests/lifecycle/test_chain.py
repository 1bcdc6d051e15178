"""A chain of records shows every change; an untouched one shows none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from boathouse.lifecycle.chain import AUDIT_COLUMNS, AuditEvent, AuditRecord, find_breaks, hash_content, seal_events

START = datetime(2005, 9, 30, 12, tzinfo=UTC)


def make_event(number: int, **changes: object) -> AuditEvent:
    event = AuditEvent(
        event_id=f"e{number}",
        kind="approved",
        subject="prod.models.late",
        actor="vera",
        occurred_at=START + timedelta(seconds=number),
        version=str(number),
        digest="ab" * 32,
        comment="Looks right.",
        evidence={"auc": 0.7, "limits": [1, 2]},
    )
    return replace(event, **changes)  # type: ignore[arg-type]


@pytest.fixture
def chain() -> list[AuditRecord]:
    return seal_events(make_event(number) for number in range(1, 6))


def places(records: list[AuditRecord], expected: int | None = None) -> list[int]:
    return [found.sequence for found in find_breaks(records, expected=expected)]


def test_a_chain_holds_and_goes_on_from_its_last_record(chain: list[AuditRecord]) -> None:
    longer = chain + seal_events([make_event(6)], chain[-1])
    assert [record.sequence for record in longer] == [1, 2, 3, 4, 5, 6]
    assert find_breaks(longer, expected=6) == []


def test_an_empty_chain_holds() -> None:
    assert find_breaks([], expected=0) == []


CHANGED = {
    "sequence": 7,
    "event_id": "other",
    "kind": "rejected",
    "subject": "prod.models.early",
    "version": "9",
    "digest": None,
    "actor": "someone",
    "occurred_at": START,
    "comment": "Looks wrong.",
    "evidence": "{}",
    "previous_hash": "f" * 64,
    "assurance": "platform",
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_in_any_field_shows(chain: list[AuditRecord], name: str) -> None:
    tampered = [*chain[:2], replace(chain[2], **{name: CHANGED[name]}), *chain[3:]]  # type: ignore[arg-type]
    assert places(tampered)


# SHA-256 over the eleven fields of CHANGED, each with its length before it, as the first release computed it.
OF_TODAY = ("hash", "assurance")
FIRST_HASH = "1dfd4aa24eb720a5f01a72d2d30af62af622aa6f07a0ece59d132eb3115b0ad0"


def test_every_field_is_tried() -> None:
    assert {*CHANGED, "hash"} == {column.name for column in AUDIT_COLUMNS}


def test_what_vouches_for_a_name_cannot_be_taken_out_of_a_record(chain: list[AuditRecord]) -> None:
    assert places([*chain[:2], replace(chain[2], assurance=None), *chain[3:]]) == [3]


def test_a_record_from_before_the_assurance_was_kept_has_the_hash_of_then() -> None:
    """The fixed hash is that of the first release for this very record."""
    content = {column.name: CHANGED.get(column.name) for column in AUDIT_COLUMNS if column.name not in OF_TODAY}
    assert hash_content(content) == FIRST_HASH
    assert hash_content({**content, "assurance": "system"}) != FIRST_HASH


def test_a_changed_record_sealed_anew_no_longer_fits_the_next(chain: list[AuditRecord]) -> None:
    forged = AuditRecord.seal(make_event(3, actor="mallory"), sequence=3, previous_hash=chain[1].hash)
    assert places([*chain[:2], forged, *chain[3:]]) == [4]


def test_a_removed_record_shows_in_the_middle_at_the_start_and_at_the_end(chain: list[AuditRecord]) -> None:
    assert places([*chain[:2], *chain[3:]]) == [3]
    assert places(chain[1:]) == [1]
    assert places(chain[:-1], expected=5) == [5]
    assert places([], expected=5) == [1]


def test_reordered_records_show(chain: list[AuditRecord]) -> None:
    swapped = [chain[0], replace(chain[2], sequence=2), replace(chain[1], sequence=3), *chain[3:]]
    assert places(swapped)
    assert places([chain[1], chain[0], *chain[2:]])


def test_an_inserted_record_shows(chain: list[AuditRecord]) -> None:
    assert places([*chain[:2], chain[1], *chain[2:]]) == [2]


def test_text_cannot_move_from_one_field_to_the_next() -> None:
    one, other = (
        seal_events([make_event(1, kind="ab", subject="c")]),
        seal_events([make_event(1, kind="a", subject="bc")]),
    )
    assert one[0].hash != other[0].hash


def test_none_and_empty_text_differ() -> None:
    hashes = {seal_events([make_event(1, version=version)])[0].hash for version in (None, "", "None")}
    assert len(hashes) == 3


def test_the_hash_does_not_depend_on_the_zone_a_time_is_given_in() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5)))
    records = [seal_events([make_event(1, occurred_at=moment)])[0] for moment in (START, elsewhere)]
    assert records[0] == records[1]
