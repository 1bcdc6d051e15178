"""What templates may do, and what they refuse to show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jinja2 import DictLoader, UndefinedError

import boathouse.reports
from boathouse.reports import rendering
from boathouse.reports.rendering import escape_markdown, render_html, render_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = Path(boathouse.reports.__file__).parent / "templates"


@pytest.fixture(params=["html", "markdown"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Return templates that stand in place of the package's."""
    texts: dict[str, str] = {}
    for environment in (rendering._html(), rendering._markdown()):
        monkeypatch.setattr(environment, "loader", DictLoader(texts))
        monkeypatch.setattr(environment, "cache", {})
    return texts


def render(form: str, template: str, **values: object) -> str:
    return (render_html if form == "html" else render_markdown)(template, **values)


def test_a_missing_value_is_an_error_in_both_forms(planted: dict[str, str], form: str) -> None:
    planted["t"] = "{{ given }} {{ forgotten }}"
    with pytest.raises(UndefinedError, match="forgotten"):
        render(form, "t", given=1)


def test_none_is_an_error_in_both_forms(planted: dict[str, str], form: str) -> None:
    planted["t"] = "{{ value }}"
    with pytest.raises(TypeError, match="shows None"):
        render(form, "t", value=None)


def test_macros_and_blocks_are_escaped_once(planted: dict[str, str]) -> None:
    planted["t"] = "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{% set y %}{{ twice(a) }}{% endset %}{{ y }}"
    assert render_markdown("t", a="*<") == "\\*&lt;\\*&lt;\n"
    assert render_html("t", a="&<") == "&amp;&lt;&amp;&lt;"


def test_markdown_has_no_repeated_empty_lines(planted: dict[str, str]) -> None:
    planted["t"] = "\n# a\n\n\n\nb\n\n\n"
    assert render_markdown("t") == "# a\n\nb\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("late", "`late`"),
        ("model a", "`model a`"),
        ("<b>", "`<b>`"),
        ("a`b", "a\\`b"),
        ("a|b", "a\\|b"),
        ("a\nb", "a b"),
        (" ", ""),
    ],
)
def test_code_is_a_span_where_it_can_be_one(planted: dict[str, str], value: str, shown: str) -> None:
    planted["t"] = "x{{ value|code }}x"
    assert render_markdown("t", value=value) == f"x{shown}x\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("minimum_roc_auc is -0.5, 3 < 4 & 5 > 4", "minimum_roc_auc is -0.5, 3 &lt; 4 & 5 > 4"),
        ("-0.012", "-0.012"),
        ("- 0.012", "\\- 0.012"),
        ("2005-08-31", "2005-08-31"),
        ("12", "12"),
        ("12. of May", "12\\. of May"),
        ("1) one", "1\\) one"),
        ("#1", "\\#1"),
        ("no #1", "no #1"),
        ("a_b _c_ __d__", "a_b \\_c\\_ \\_\\_d\\_\\_"),
        ("C:\\temp", "C:\\\\temp"),
        ("&lt;", "\\&lt;"),
        ("a  b\n\tc", "a b c"),
        ("", ""),
    ],
)
def test_only_what_would_be_markup_is_escaped(value: str, shown: str) -> None:
    assert escape_markdown(value) == shown


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.j2")), ids=lambda path: path.name)
def test_no_template_switches_escaping_off(path: Path) -> None:
    assert not re.search(r"\|\s*safe\b|\bautoescape\b|\bMarkup\b", path.read_text(encoding="utf-8"))


def test_html_files_share_one_style_sheet() -> None:
    pages = [path for path in TEMPLATES.glob("*.html.j2") if not path.name.startswith(("base", "macros"))]
    assert all('{% extends "base.html.j2" %}' in path.read_text(encoding="utf-8") for path in pages)
    assert not any("style=" in path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.j2"))
    assert [path.name for path in TEMPLATES.glob("*.css")] == ["style.css"]
