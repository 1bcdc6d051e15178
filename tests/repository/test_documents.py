"""README and docs are executed as they stand: each page from a fresh ``make run``, its commands in their order."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
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
from tests.fixtures.documents.reader import Outcome, Reader, Shell, fill, judge
from tests.fixtures.documents.samples import find_missing
from tests.fixtures.documents.usage import find_usage_faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = list_pages()


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def document_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
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
        ("boathouse models approve 1", "Missing option '--comment' / '--reason'"),
        ("boathouse models approve 1 --raison WHY", "No such option '--raison'"),
        ("boathouse models bless 1", "no command 'bless'"),
        ("boathouse models …", None),
        ("boathouse models", None),
        ("boathouse infer --help", None),
        ("boathouse endpoints update", "Missing argument"),
        ("kedro run --pipeline training --env prod", None),
        ("kedro run --pipe training", "No such option"),
        ("kedro run --pipeline learning", "no pipeline 'learning'"),
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
    assert find_usage_faults(Command("a.md:1", "boathouse endpoints update --salt spring")) != []


@pytest.mark.parametrize(
    ("language", "note", "fault"),
    [
        ("bash", "", None),
        ("bash", "no-run: platform", None),
        ("bash", "no-run: too hard", "expected 'no-run: ' and one of"),
        ("bash", "skip", "expected 'no-run: ' and one of"),
        ("", "", "language '', expected one of"),
        ("sh", "", "language 'sh', expected one of"),
    ],
)
def test_a_block_says_what_it_is(language: str, note: str, fault: str | None) -> None:
    block = Block("a.md", 3, language, note, "boathouse --help")
    found = find_faults(block)
    assert found == [] if fault is None else fault in found[0]
    assert block.is_run is ((language, note) == ("bash", ""))


def test_a_command_in_an_indented_block_is_found() -> None:
    text = "    boathouse models list\n\n```text\n    boathouse in a sample\n```\n\n    not a command\n"
    assert find_indented_commands("a.md", text) == ["a.md:1: a command in an indented block; write ```bash"]


def test_commands_go_over_lines_and_say_how_they_end() -> None:
    text = "# a comment\none --a \\\n  --b\ntwo '{\n}'\nthree   # exit code 3: it is late\n\nfour # no code"
    found = split_commands(Block("a.md", 1, "bash", "", text))
    assert [(each.text.split("#")[0].strip(), each.exit_code) for each in found] == [
        ("one --a \\\n  --b", 0),
        ("two '{\n}'", 0),
        ("three", 3),
        ("four", 0),
    ]
    with pytest.raises(ValueError, match="left open"):
        split_commands(Block("a.md", 1, "bash", "", "one 'two"))


def test_a_block_that_is_not_closed_is_found() -> None:
    with pytest.raises(ValueError, match="a.md:2: the block is not closed"):
        read_blocks("a.md", "text\n```bash\none\n")


@pytest.mark.parametrize(
    ("sample", "printed", "is_there"),
    [
        ("ROC AUC 0.790 [0.783, 0.797]", "ROC AUC 0.788 [0.781, 0.795]", True),
        ("ROC AUC 0.790", "ROC AUC 0.690", False),
        ("version 1 promoted", "version 2 promoted", False),
        ("30,000 rows", "30,000  rows", True),
        ("30,000 rows", "90,000 rows", False),
        ("Done: 67 nodes in 40.1 s", "Done: 67 nodes in 392.7 s", True),
        ("Done: 67 nodes in 40.1 s", "Done: 66 nodes in 40.1 s", False),
        ("since 2026-01-01 10:00 UTC", "since 2027-11-30 04:55 UTC", True),
        ("known on 2005-10-31", "known on 2005-09-30", False),
        ("digest bdbf95866971fc5a", "digest 0a1b2c3d4e5f6071", True),
        ("report data/reports/a.html", "report /elsewhere/data/reports/a.html", True),
        ("passed … needed", "passed a gate, needed", True),
        ("passed …", "warned a gate", False),
        ("one\n…\nthree", "one\ntwo\nthree", True),
        ("three\none", "one\ntwo\nthree", False),
    ],
)
def test_a_sample_is_held_against_what_is_printed(sample: str, printed: str, is_there: bool) -> None:
    assert (find_missing(sample, printed) == []) is is_there


@pytest.mark.parametrize(
    ("text", "exit_code", "printed", "fault"),
    [
        ("boathouse x", 0, "fine", None),
        ("boathouse x", 1, "Error", "exit code 1, expected 0"),
        ("boathouse x", 0, "Traceback (most recent call last):", "a traceback"),
        ("curl -s x", 0, '{"error_code": "BAD_REQUEST"}', "refused"),
    ],
)
def test_what_goes_wrong_is_told(text: str, exit_code: int, printed: str, fault: str | None) -> None:
    found = list(judge(Command("a.md:1", text), Outcome(exit_code, printed)))
    assert found == [] if fault is None else fault in found[0]


def test_a_placeholder_is_what_was_printed_after_its_name() -> None:
    printed = '{"prediction_id": "ab-1"}\nversion  7\n{"prediction_id": "cd-2"}'
    assert fill("trace <prediction_id> <version> <other>", printed) == "trace cd-2 7 <other>"


@pytest.mark.programs("curl")
def test_a_shell_keeps_its_state_and_says_how_commands_end(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PATH": os.environ["PATH"]}, tmp_path / "log")
    try:
        assert shell.type("export A=1; false").exit_code == 1
        assert shell.type("echo $A; sh -c 'exit 3'") == Outcome(3, "1\n")
        assert shell.type("no-such-program").exit_code == 127
        assert shell.type("cat").printed == "", "nothing waits for what a reader would type"
    finally:
        shell.close()


def test_the_first_command_ends_well(document_reader: Reader) -> None:
    assert document_reader.first.exit_code == 0, document_reader.first.printed[-3000:]


def test_the_experiment_says_what_its_runs_are(document_reader: Reader) -> None:
    with closing(sqlite3.connect(document_reader.kept / "mlflow.db")) as store:
        notes = store.execute("SELECT value FROM experiment_tags WHERE key = 'mlflow.note.content'").fetchall()
    assert len(notes) == 1
    assert "One run for each `kedro run` in environment dev" in notes[0][0]


@pytest.mark.programs("curl", "git")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(block.is_run for block in read_blocks(page, read(page)))]
)
def test_the_commands_of_a_page_run_as_they_stand(document_reader: Reader, page: str) -> None:
    faults = list(document_reader.read(page))
    assert not faults, "\n\n".join(faults)


# What shows a capability and takes longer, or serves until it is stopped; pages and other tests run it.
LONG = (
    "boathouse serve",
    "boathouse models reproduce",
    "boathouse models build-context",
    "boathouse endpoints load-test",
    "boathouse replay",
    "boathouse retrain",
)


def find_shown() -> list[str]:
    """Return the commands in the column "shown by" that take seconds and need no value, each once."""
    page = "docs/capabilities.md"
    texts = dict.fromkeys(command.text for command in find_named_commands(page, read(page)))
    kept = [text for text in texts if text.startswith(("boathouse ", "kedro registry ")) and not text.startswith(LONG)]
    return [text for text in kept if not re.search(r"[A-Z]{3,}|…", text)]


@pytest.mark.programs("git")
def test_what_shows_a_capability_runs(document_reader: Reader) -> None:
    shown = find_shown()
    assert len(shown) > 15
    block = Block("docs/capabilities.md", 1, "bash", "", "\n".join(["boathouse features publish", *shown]))
    faults = list(document_reader.type("shown", [block]))
    assert not faults, "\n\n".join(faults)
