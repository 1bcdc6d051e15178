"""Reports as HTML and Markdown: templates, one style sheet, and values that stay text wherever they are shown."""

from boathouse.reports.page import Page, Section, Table
from boathouse.reports.rendering import escape_markdown, render_html, render_markdown

__all__ = ["Page", "Section", "Table", "escape_markdown", "render_html", "render_markdown"]
