"""No value becomes markup in any report: not in Markdown, not in HTML."""

from __future__ import annotations

from pathlib import Path

import pytest

import boathouse.reports
from tests.reports.reading import Html, parse_markdown, structure_of, table_rows, visible_text
from tests.reports.sample_reports import HTML, MARKDOWN

HARMLESS = "word"
HOSTILE = [
    "a|b",
    r"a\|b",
    "a\\",
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    "one\ntwo",
    "one\n\n# two\n\n| a | b |\n|---|---|",
    "a`b",
    "`code`",
    "# heading",
    "[x](javascript:alert(1))",
    "![x](y)",
    "[x]: y",
    "*bold* __bold__ ~~gone~~",
    "- item",
    "1. item",
    "> quote",
    "---",
    "===",
    "&lt;b&gt; &amp;",
    "{{ 7 * 7 }}{% raw %}",
    "quo\"te's",
]


def templates() -> set[str]:
    folder = Path(boathouse.reports.__file__).parent / "templates"
    return {path.name for path in folder.glob("*.j2")}


def test_every_template_is_among_the_reports() -> None:
    parts = {"base.html.j2", "macros.html.j2", "macros_chart.html.j2", "macros.md.j2", "behaviour.md.j2"}
    assert templates() - parts == {*MARKDOWN, "page.html.j2"}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("template", MARKDOWN)
def test_a_value_stays_text_in_markdown(template: str, value: str) -> None:
    write = MARKDOWN[template]
    found = parse_markdown(write(value))
    assert structure_of(found) == structure_of(parse_markdown(write(HARMLESS)))
    assert not {"html_inline", "html_block", "link_open", "image"} & set(structure_of(found))
    assert " ".join(value.split()) in visible_text(found)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("template", MARKDOWN)
def test_every_row_of_a_markdown_table_has_the_columns_of_its_head(template: str, value: str) -> None:
    for table in table_rows(MARKDOWN[template](value)):
        head, dashes, *rows = table
        assert len(dashes) == len(head)
        assert rows
        assert all(set(each) <= {"-", ":"} for each in dashes)
        assert {len(row) for row in rows} == {len(head)}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("template", HTML)
def test_a_value_stays_text_in_html(template: str, value: str) -> None:
    write = HTML[template]
    page, harmless = Html(write(value)), Html(write(HARMLESS))
    assert page.unbalanced == []
    assert page.tags == harmless.tags
    assert "script" not in {tag for tag, *_ in page.tags}
    assert " ".join(value.split()) in page.text
    for table in page.tables:
        assert len({len(row) for row in table}) == 1


def test_what_reads_reports_back_sees_markup() -> None:
    page = Html("<p><b>a</p><script>x</script>")
    assert page.unbalanced == ["p", "b"] or page.unbalanced
    assert ("script",) in page.tags
    found = structure_of(parse_markdown("a <b>c</b> [x](y)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"))
    assert {"html_inline", "link_open", "table_open"} <= set(found)
    (table,) = table_rows("| a | b |\n|---|---|\n| a|b | 2 |\n")
    assert [len(row) for row in table] == [2, 2, 3]
