"""``boathouse sql``: rows of tables by name, as a table, CSV or JSON, and nothing that writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from boathouse.cli.main import cli
from tests.fixtures.small_workspace import CONF

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(autouse=True)
def boats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a table ``test.clean.boats`` in a data folder of its own."""
    rows = {"boat": ["Ada", "Bea", None], "note": ["x" * 70, 'a "big", one', "east"], "tons": [1.5, 2.0, 3.0]}
    write_deltalake(str(tmp_path / "lakehouse" / "test" / "clean" / "boats"), pa.table(rows))
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))


def ask(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["sql", *words, "--env", "test", "--conf-source", str(CONF)])
    assert result.exit_code == code, result.output
    return result


QUERY = "SELECT boat, note, tons FROM clean.boats ORDER BY tons"


def test_rows_are_shown_as_a_table_with_long_cells_cut() -> None:
    lines = ask(QUERY).stdout.splitlines()
    assert lines[0].split() == ["boat", "note", "tons"]
    assert set(lines[1]) == {"-", " "}
    assert lines[2] == f"Ada   {'x' * 59}…  1.5"
    assert lines[4].split() == ["east", "3.0"]
    assert len(lines) == 5


def test_csv_and_json_have_cells_whole() -> None:
    assert (
        ask(QUERY, "--format", "csv").stdout
        == f'boat,note,tons\nAda,{"x" * 70},1.5\nBea,"a ""big"", one",2.0\n,east,3.0\n'
    )
    rows = json.loads(ask(QUERY, "--format", "json").stdout)
    assert rows[0] == {"boat": "Ada", "note": "x" * 70, "tons": 1.5}
    assert rows[2]["boat"] is None


def test_more_rows_than_the_limit_are_said_on_standard_error() -> None:
    cut = ask(QUERY, "--limit", "2", "--format", "csv")
    assert len(cut.stdout.splitlines()) == 3
    assert "Only the first 2 rows are shown; more with --limit." in cut.stderr
    assert ask(QUERY, "--limit", "3").stderr == ""


def test_without_a_query_the_tables_are_listed() -> None:
    assert ask().stdout.splitlines()[2:] == ["test.clean.boats  0"]


def test_what_cannot_be_asked_is_said() -> None:
    assert "found 'drop'" in ask("DROP TABLE clean.boats", code=1).output
    assert "found 'test.clean.boat'" in ask("SELECT * FROM test.clean.boat", code=1).output
    missing = ask("SELECT missing FROM clean.boats", code=1).output
    assert "Expected a query that engine 'sail' can run" in missing
    assert "missing" in missing.split("found:")[1].split("Nothing was changed")[0]
    assert "Rendezvous" not in missing
    assert ask("SELECT count(*) AS n FROM clean.boats").stdout.splitlines()[2] == "3"
