"""Templates become text: one way for HTML and one for Markdown, both escape every value."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# Markdown reads these as markup wherever they stand; an underscore unless it joins letters or digits.
_MARKUP = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
# These are markup at the beginning of a line only: headings, lists, quotes, rules and underlined headings.
_LINE_START = re.compile(r"^(#|>|[-+](?=\s|$)|[-=]{2,}$|=$)")
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
# What would end a code span or a cell around it.
_NOT_CODE = re.compile(r"[`|\\\n\r]")


def render_html(template: str, **values: object) -> str:
    """Return one HTML file that needs nothing beside itself.

    Args:
        template: Name of a template, ``<report>.html.j2``.
        values: What it shows; views of numbers already rounded. Every value is escaped.

    Raises:
        jinja2.UndefinedError: If the template shows what ``values`` do not have.
        TypeError: If it shows None.
    """
    return _html().get_template(template).render(**values)


def render_markdown(template: str, **values: object) -> str:
    """Return Markdown (CommonMark with tables) without repeated empty lines; ends with one line break.

    Args:
        template: Name of a template, ``<report>.md.j2``.
        values: What it shows; views of numbers already rounded. Every value is escaped and set on one line.

    Raises:
        jinja2.UndefinedError: If the template shows what ``values`` do not have.
        TypeError: If it shows None.
    """
    text = _markdown().get_template(template).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(text: str) -> str:
    """Return Markdown that shows ``text`` on one line: nothing of it becomes a cell, a tag, a link or a heading."""
    one_line = " ".join(text.split())
    escaped = _MARKUP.sub(r"\\\g<0>", one_line).replace("<", "&lt;")
    return _NUMBERED.sub(r"\1\\\2", _LINE_START.sub(r"\\\1", escaped))


@cache
def _html() -> Environment:
    from markupsafe import Markup

    found = _environment(_require)
    style = files(__package__).joinpath("templates", "style.css").read_text(encoding="utf-8")
    # Part of this package, and no value: it is the one text that is not escaped.
    found.globals["style"] = Markup(style)  # noqa: S704
    found.filters["anchor"] = _anchor
    return found


@cache
def _markdown() -> Environment:
    found = _environment(_to_markdown)
    found.filters["code"] = _to_code
    return found


def _environment(finalize: Any) -> Environment:  # noqa: ANN401 - jinja2's own type of it
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("boathouse.reports"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _require(value: object) -> object:
    """Return the value that a template shows; what is shown for a missing one is decided before."""
    if value is None:
        message = "A template shows None. Give it the text for a missing value, such as '–'."
        raise TypeError(message)
    return value


def _to_markdown(value: object) -> Markup:
    """Return ``value`` marked as escaped, so that jinja2 does not escape it for HTML as well; macros are already."""
    from markupsafe import Markup

    shown = _require(value)
    if isinstance(shown, Markup):
        return shown
    return Markup(escape_markdown(str(shown)))  # noqa: S704 - escaped for Markdown just here


def _to_code(value: object) -> Markup:
    """Return ``value`` as code; as escaped text where it holds what a code span cannot."""
    from markupsafe import Markup

    text = str(_require(value))
    if not text.strip() or _NOT_CODE.search(text):
        return _to_markdown(text)
    return Markup(f"`{text}`")  # noqa: S704 - nothing in it ends the span


def _anchor(title: str) -> str:
    """Return the id of a heading."""
    return "".join(each if each.isalnum() else "-" for each in title.lower()).strip("-")
