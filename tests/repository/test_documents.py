"""README and docs are executed as they stand: each page from a fresh ``make run``, its commands in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.documents.pages import (
    ROOT,
    Block,
    Command,
    find_faults,
    find_indented_commands,
    find_named_commands,
    list_pages,
    read_blocks,
    split_commands,
)
from tests.fixtures.documents.reader import Outcome, Reader, fill, judge
from tests.fixtures.documents.samples import find_missing
from tests.fixtures.documents.usage import find_usage_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = list_pages()


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Return a checkout after ``make run``."""
    found = Reader.arrive(tmp_path_factory.mktemp("reader"))
    yield found
    found.leave()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_in_a_block_that_says_whether_it_runs(page: str) -> None:
    text = read(page)
    assert [fault for block in read_blocks(page, text) for fault in find_faults(block)] == []
    assert find_indented_commands(page, text) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_named_in_a_sentence_is_accepted(page: str) -> None:
    # What shows a capability has to be typed as it stands.
    whole = page == "docs/capabilities.md"
    named = find_named_commands(page, read(page))
    assert [fault for command in named for fault in find_usage_faults(command, whole=whole)] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("boathouse models approve VERSION --reason WHY", None),
        ("boathouse models approve 1", "Missing option '--reason'"),
        ("boathouse models approve 1 --raison WHY", "No such option: --raison"),
        ("boathouse models bless 1", "no command 'bless'"),
        ("boathouse models …", None),
        ("boathouse models", None),
        ("boathouse infer --help", None),
        ("boathouse features search", "Missing argument"),
        ("kedro run --pipeline training --env prod", None),
        ("kedro run --pipe training", "No such option"),
        ("kedro run --pipeline trainng", "no pipeline 'trainng'"),
        ("kedro run --env prd", "no environment 'prd'"),
        ("kedro catalog list", "no command 'list'"),
        ("kedro registry list", None),
        ("make run ENV=prod", None),
        ("make ru", "no target 'ru'"),
    ],
)
def test_what_a_command_lacks_is_found(text: str, fault: str | None) -> None:
    found = find_usage_faults(Command("a.md:1", text), whole=True)
    assert found == [] if fault is None else len(found) == 1 and fault in found[0], found


def test_a_sentence_may_name_a_command_without_what_it_takes() -> None:
    assert find_usage_faults(Command("a.md:1", "boathouse models approve")) == []
    assert find_usage_faults(Command("a.md:1", "boathouse models approve --reason WHY")) != []


def test_the_first_command_ends_well(reader: Reader) -> None:
    assert reader.first.exit_code == 0, reader.first.printed[-3000:]


@pytest.mark.programs("curl", "git")
@pytest.mark.parametrize("page", [page for page in PAGES if any(block.is_run for block in read_blocks(page, read(page)))])
def test_the_commands_of_a_page_run_as_they_stand(reader: Reader, page: str) -> None:
    faults = list(reader.read(page))
    assert not faults, "\n\n".join(faults)
