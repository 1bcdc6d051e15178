"""README and docs are executed as they stand: each page from a fresh ``make run``, its commands in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.documents.pages import ROOT, find_faults, find_indented_commands, list_pages, read_blocks
from tests.fixtures.documents.reader import Reader

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


def test_the_first_command_ends_well(reader: Reader) -> None:
    assert reader.first.exit_code == 0, reader.first.printed[-3000:]


@pytest.mark.programs("curl", "git")
@pytest.mark.parametrize("page", [page for page in PAGES if any(block.is_run for block in read_blocks(page, read(page)))])
def test_the_commands_of_a_page_run_as_they_stand(reader: Reader, page: str) -> None:
    faults = list(reader.read(page))
    assert not faults, "\n\n".join(faults)
