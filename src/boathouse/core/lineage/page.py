"""A page of sections and tables, written as Markdown or as one HTML file from the same content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from string import Template


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under headers.

    Attributes:
        caption: What the table shows, for somebody who jumps to it.
        headers: Names of the columns; one that ends in ``#`` holds numbers and is set to the right.
        rows: Cells as plain text, one row each; the first cell names its row.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a page.

    Attributes:
        title: Its heading.
        text: One paragraph an entry.
        tables: Tables below the text; one without rows is left out.
        level: Depth of the heading, 2 or 3.
        mark: ``error``, ``warning``, ``good`` or empty: how the text is set off.
    """

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    level: int = 2
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole page.

    Attributes:
        title: Its title.
        lead: One paragraph that says what it is about.
        sections: In order.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]


def to_markdown(page: Page) -> str:
    """Return the page as Markdown with tables."""
    lines = [f"# {_plain(page.title)}", "", _plain(page.lead), ""]
    for section in page.sections:
        lines += [f"{'#' * section.level} {_plain(section.title)}", ""]
        lines += [line for text in section.text for line in (_plain(text), "")]
        lines += [line for table in section.tables if table.rows for line in _markdown_table(table)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(_plain(each.removesuffix("#")) for each in table.headers) + " |"
    yield "|" + "|".join("---:" if each.endswith("#") else "---" for each in table.headers) + "|"
    for row in table.rows:
        yield "| " + " | ".join(map(_plain, row)) + " |"
    yield ""


def _plain(text: str) -> str:
    """Return text that stays text: nothing of it becomes a column, a tag or a line of its own."""
    one_line = " ".join(text.split())
    return one_line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def to_html(page: Page) -> str:
    """Return the page as one HTML file that needs nothing beside itself, light or dark as the reader has it."""
    return _HTML.substitute(
        title=escape(page.title),
        lead=escape(page.lead),
        contents="".join(_entry(each) for each in page.sections if each.level == _TOP),
        body="".join(map(_html_section, page.sections)),
    )


_TOP = 2


def _entry(section: Section) -> str:
    return f'<li><a href="#{_anchor(section.title)}">{escape(section.title)}</a></li>'


def _anchor(title: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in title.lower()).strip("-")


def _html_section(section: Section) -> str:
    heading = f'<h{section.level} id="{_anchor(section.title)}">{escape(section.title)}</h{section.level}>'
    mark = f' class="mark {section.mark}"' if section.mark else ""
    text = "".join(f"<p{mark}>{escape(each)}</p>" for each in section.text)
    tables = "".join(_html_table(table) for table in section.tables if table.rows)
    return f"<section>{heading}{text}{tables}</section>\n"


def _html_table(table: Table) -> str:
    numeric = [each.endswith("#") for each in table.headers]
    head = "".join(
        f'<th scope="col"{_align(number)}>{escape(each.removesuffix("#"))}</th>'
        for each, number in zip(table.headers, numeric, strict=True)
    )
    body = "".join(f"<tr>{_html_row(row, numeric)}</tr>" for row in table.rows)
    # A wide table scrolls by itself, also from the keyboard, and not the page with it.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}"><table>'
        f"<caption>{escape(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _html_row(row: Sequence[str], numeric: Sequence[bool]) -> str:
    first, *rest = row
    cells = "".join(f"<td{_align(number)}>{_cell(each)}</td>" for each, number in zip(rest, numeric[1:], strict=True))
    return f'<th scope="row"{_align(numeric[0])}>{_cell(first)}</th>{cells}'


def _align(number: bool) -> str:  # noqa: FBT001 - one column's property
    return ' class="n"' if number else ""


# Words that a reader looks for: they get a badge beside being words.
_BADGES = {
    "error": "error",
    "refused": "error",
    "rejected": "error",
    "rolled_back": "error",
    "warning": "warning",
    "warned": "warning",
    "kept": "warning",
    "passed": "good",
    "promoted": "good",
    "approved": "good",
    "champion": "good",
}


def _cell(text: str) -> str:
    badge = _BADGES.get(text)
    return f'<span class="badge {badge}">{escape(text)}</span>' if badge else escape(text)


_HTML = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>$title</title>
<style>
:root { --ground: #fff; --ink: #1b1f24; --faint: #57606a; --line: #d0d7de; --shade: #f3f5f8; --link: #0550ae;
  --error: #b3261e; --warning: #8a5a00; --good: #17653a; --error-ground: #fdecea; --warning-ground: #fff4dc;
  --good-ground: #e6f5ec; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --ink: #e4e8ee; --faint: #a2acb8; --line: #343c46;
  --shade: #1e242c; --link: #79b8ff; --error: #ff9c94; --warning: #f0c060; --good: #7fd6a3; --error-ground: #3a1d1c;
  --warning-ground: #352a12; --good-ground: #15301f; } }
* { box-sizing: border-box; }
body { font: 15px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 72rem;
  margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; max-width: 60rem; } .lead { color: var(--faint); }
a { color: var(--link); } nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; padding: 0; list-style: none; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; } .scroll:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
caption { text-align: left; color: var(--faint); padding: 0 0 .3rem; font-size: .87rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; }
thead th { background: var(--shade); white-space: nowrap; } tbody th { font-weight: 600; white-space: nowrap; }
td { min-width: 5rem; } .n { text-align: right; white-space: nowrap; }
.badge { padding: .05rem .45rem; border-radius: .7rem; font-weight: 600; white-space: nowrap; }
.mark { padding: .5rem .9rem; border-left: 4px solid; border-radius: 0 .3rem .3rem 0; }
.error { color: var(--error); background: var(--error-ground); }
.warning { color: var(--warning); background: var(--warning-ground); }
.good { color: var(--good); background: var(--good-ground); }
@media print { .scroll { overflow: visible; } nav { display: none; } section { break-inside: avoid-page; } }
</style></head><body>
<header><h1>$title</h1><p class="lead">$lead</p></header>
<nav aria-label="Contents"><ul>$contents</ul></nav>
<main>
$body</main>
</body></html>
""")
