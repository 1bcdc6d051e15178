"""The ledger: one chain whatever happens at once, on a folder and on a catalog."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from boathouse.errors import PromotionError
from boathouse.lifecycle.chain import ADDED_COLUMNS, AUDIT_COLUMNS, NO_HASH, AuditEvent, AuditRecord
from boathouse.lifecycle.ledger import AuditLedger, open_ledger
from boathouse.lifecycle.ledger_columns import add_columns_statement, find_missing
from boathouse.lifecycle.ledger_tables import CatalogTable
from boathouse.tables.commits import append_once
from boathouse.tables.contract import arrow_schema_of
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make_event(name: str, subject: str = "test.models.late") -> AuditEvent:
    return AuditEvent(event_id=name, kind="requested", subject=subject, actor="vera", occurred_at=datetime.now(UTC))


@pytest.fixture
def place(lakehouse: Callable[[], dict[str, str]]) -> TableLocation:
    return TableLocation.from_lakehouse("test.audit.promotions", lakehouse())


def on_catalog(place: TableLocation) -> AuditLedger:
    """Return the ledger as written through SQL statements, as on a catalog."""
    return AuditLedger(CatalogTable(place), name=place.table)


BOTH = pytest.mark.parametrize("open_it", [open_ledger, on_catalog])


@BOTH
def test_records_are_kept_in_order_and_found_by_subject(
    place: TableLocation, open_it: Callable[[TableLocation], AuditLedger]
) -> None:
    ledger = open_it(place)
    assert ledger.read() == []
    first = ledger.append([make_event("a"), make_event("b", "test.models.other")])
    second = ledger.append([make_event("c")])
    assert open_it(place).read() == [*first, *second]
    assert [record.event_id for record in ledger.read("test.models.late")] == ["a", "c"]
    assert ledger.verify() == []


@BOTH
def test_the_same_event_is_recorded_once(place: TableLocation, open_it: Callable[[TableLocation], AuditLedger]) -> None:
    ledger = open_it(place)
    first = ledger.append([make_event("a")])
    assert ledger.append([make_event("a")]) == first
    assert len(ledger.read()) == 1


@BOTH
def test_a_table_from_before_a_column_was_added_is_read_verified_and_gone_on_with(
    place: TableLocation, open_it: Callable[[TableLocation], AuditLedger]
) -> None:
    """Its records keep their hashes; what vouches for their actor is what their evidence says, or unknown."""
    old = first_table(place, evidence=['{"identity":"platform"}', "{}"])
    ledger = open_it(place)
    assert [(each.assurance, each.vouched_by) for each in ledger.read()] == [(None, "platform"), (None, "unknown")]
    assert ledger.verify() == []
    (added,) = ledger.append([replace(make_event("new"), assurance="declared")])
    assert open_it(place).read()[:2] == old
    assert (added.sequence, open_it(place).read()[2]) == (3, added)
    assert added.who == "vera (declared)"
    assert open_it(place).verify() == []


def test_on_a_catalog_columns_are_added_by_statement() -> None:
    missing = find_missing([column.name for column in AUDIT_COLUMNS if column.name != "assurance"])
    statement = add_columns_statement("`prod`.`audit`.`promotions`", missing)
    assert statement == "ALTER TABLE `prod`.`audit`.`promotions` ADD COLUMNS (`assurance` string)"


def first_table(place: TableLocation, evidence: list[str]) -> list[AuditRecord]:
    """Write a table with the columns of the first release; return its records."""
    records: list[AuditRecord] = []
    for number, text in enumerate(evidence, start=1):
        unsealed = replace(
            AuditRecord.seal(
                make_event(str(number)), sequence=number, previous_hash=records[-1].hash if records else NO_HASH
            ),
            evidence=text,
            assurance=None,
        )
        records.append(replace(unsealed, hash=unsealed.compute_hash()))
    columns = [column for column in AUDIT_COLUMNS if column not in ADDED_COLUMNS]
    rows = [{column.name: getattr(each, column.name) for column in columns} for each in records]
    table = pa.Table.from_pylist(rows, schema=arrow_schema_of(columns))
    append_once(
        DeltaTable.create(str(place.path), table.schema, configuration={"delta.appendOnly": "true"}),
        table,
        name=place.table,
        application="boathouse-audit",
        number=len(rows),
    )
    return records


def test_what_may_not_follow_is_not_recorded(place: TableLocation) -> None:
    ledger = open_ledger(place)
    ledger.append([make_event("a")])

    def refuse(records: list[AuditRecord]) -> None:
        assert [record.event_id for record in records] == ["a"]
        message = "no"
        raise PromotionError(message)

    with pytest.raises(PromotionError):
        ledger.append([make_event("b")], check=refuse)
    assert len(ledger.read()) == 1


def test_of_many_writers_at_once_each_is_recorded_once(place: TableLocation) -> None:
    def write(number: int) -> None:
        open_ledger(place).append([make_event(f"e{number % 50}")])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(100)))
    ledger = open_ledger(place)
    assert sorted(record.event_id for record in ledger.read()) == sorted(f"e{number}" for number in range(50))
    assert ledger.verify() == []


def test_a_check_sees_what_was_recorded_in_between(place: TableLocation) -> None:
    """Of many that may only follow an empty chain, one gets in."""

    def only_first(records: list[AuditRecord]) -> None:
        if records:
            message = "too late"
            raise PromotionError(message)

    def write(number: int) -> bool:
        try:
            open_ledger(place).append([make_event(f"e{number}")], check=only_first)
        except PromotionError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    assert len(open_ledger(place).read()) == 1


def _write_until_killed(root: str) -> None:
    place = TableLocation("test.audit.promotions", "sail", root)
    for number in range(10_000):
        open_ledger(place).append([make_event(f"{os.getpid()}-{number}")])


def test_a_killed_writer_leaves_a_chain_that_others_go_on_with(place: TableLocation) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_until_killed, args=(place.root,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    while len(open_ledger(place).read()) < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    for writer in writers:
        os.kill(int(writer.pid or 0), signal.SIGKILL)
        writer.join()
    ledger = open_ledger(place)
    before = ledger.read()
    ledger.append([make_event("after")])
    assert ledger.verify() == []
    assert ledger.read()[:-1] == before
    assert len(before) >= 6


def rewrite(place: TableLocation, condition: Callable[[DeltaTable], object]) -> None:
    """Replace the table's rows past its own writers, as somebody with access to the files would."""
    table = DeltaTable(str(place.path))
    kept = table.to_pyarrow_table().filter(condition(table))
    table.alter.set_table_properties({"delta.appendOnly": "false"})
    write_deltalake(str(place.path), kept, mode="overwrite")


def test_rows_cut_off_at_the_end_show(place: TableLocation) -> None:
    ledger = open_ledger(place)
    ledger.append([make_event(name) for name in "abcd"])
    rewrite(place, lambda _: pc.less(pc.field("sequence"), 4))
    assert [found.sequence for found in ledger.verify()] == [4]


def test_a_row_removed_in_the_middle_shows(place: TableLocation) -> None:
    ledger = open_ledger(place)
    ledger.append([make_event(name) for name in "abcd"])
    rewrite(place, lambda _: pc.not_equal(pc.field("sequence"), 2))
    assert [found.sequence for found in ledger.verify()] == [2]


def test_delta_itself_refuses_to_delete(place: TableLocation) -> None:
    open_ledger(place).append([make_event("a")])
    with pytest.raises(Exception, match="append"):
        DeltaTable(str(place.path)).delete("sequence = 1")


def test_a_folder_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    place = TableLocation("test.audit.promotions", "sail", (tmp_path / "file").as_posix())
    with pytest.raises(Exception, match="cannot be written"):
        open_ledger(place).append([make_event("a")])


def test_many_small_files_are_put_together_and_the_chain_still_holds(place: TableLocation) -> None:
    ledger = open_ledger(place)
    for number in range(40):
        ledger.append([make_event(f"e{number}")])
    assert len(DeltaTable(str(place.path)).file_uris()) < 20
    assert [record.event_id for record in ledger.read()] == [f"e{number}" for number in range(40)]
    assert ledger.verify() == []
    rewrite(place, lambda _: pc.less(pc.field("sequence"), 40))
    assert [found.sequence for found in ledger.verify()] == [40]


def test_a_chain_written_anew_shows_by_a_hash_that_was_kept(place: TableLocation) -> None:
    ledger = open_ledger(place)
    ledger.append([make_event(name) for name in "ab"])
    kept = ledger.inspect()
    assert (kept.breaks, kept.records) == ([], 2)
    assert ledger.inspect(head=kept.last_hash).breaks == []
    (fault,) = ledger.inspect(head="f" * 64).breaks
    assert "rewritten" in fault.problem
