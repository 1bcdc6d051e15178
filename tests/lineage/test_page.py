"""The page holds everything, in both forms, and nothing on it can pretend to be markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from boathouse.lineage.findings import find_findings
from boathouse.lineage.governance_report import build_page
from boathouse.lineage.model_history import Metric, read_serving
from boathouse.lineage.model_versions import MODEL_VERSIONS, version_rows
from boathouse.modelling.task import BINARY
from boathouse.reports.page import Page, Section, Table
from tests.fixtures.lineage_facts import NAME, make_facts
from tests.fixtures.model_history import DEPLOYED, STORY, event, make_history

EVIL = "<script>alert(1)</script> | a\nb `c`"


class Outline(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture
def page() -> Page:
    model = make_history(facts=make_facts(), aliases={})
    return build_page(model, find_findings(model))


@pytest.mark.parametrize("write", [Page.to_markdown, Page.to_html])
def test_the_life_of_a_version_is_on_the_page(page: Page, write: object) -> None:
    text = write(page)  # type: ignore[operator]
    for words in (
        f"Governance of {NAME}",
        "Production needs 1 approval(s), each valid for 14 days",
        "alias differs",
        "Alias champion is not set in the registry and version 3 in the ledger",
        "vera on 2005-10-04: approved it",
        "carried out by vera",
        "to champion, replacing no champion. promoted it",
        "minimum_roc_auc",
        "undefined",
        "0.69 to 0.73",
        "prod.model_input.training_set",
        "cannot be read any more",
        "answers",
        "c" * 40,
        "habits 1 (abcd)",
    ):
        assert words in text


def test_html_is_whole_readable_and_needs_nothing(page: Page) -> None:
    text = page.to_html()
    found = Outline(text)
    assert not re.search(r"""(src|href)=["'](?!#)|@import|url\(|<script""", text)
    assert found.count("table") == found.count("caption") > 5
    scopes = [attrs.get("scope") for tag, attrs in found.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}
    rows = found.count("tr") - found.count("thead")
    assert scopes.count("row") == rows
    ids = [str(attrs["id"]) for _, attrs in found.tags if "id" in attrs]
    links = [str(attrs["href"])[1:] for tag, attrs in found.tags if tag == "a"]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert ("html", {"lang": "en"}) in found.tags
    assert "prefers-color-scheme: dark" in text


def test_text_of_others_stays_text() -> None:
    story = (*STORY[:2], event(2, "requested", "otto", {"to": "production"}, comment=EVIL))
    model = make_history(story, facts=make_facts(stage="registered"))
    page = build_page(model, [])
    assert "<script>" not in page.to_html()
    markdown = page.to_markdown()
    assert "<script>" not in markdown
    (line,) = [line for line in markdown.splitlines() if line.startswith("| 3 | production")]
    assert line.count("|") - line.count("\\|") == 8


def test_versions_are_listed_with_the_decisive_metric_of_the_task() -> None:
    model = make_history(facts=make_facts(), aliases={})
    assert "| approved by | ROC AUC | commit |" in build_page(model, []).to_markdown()
    assert "| 0.710 |" in build_page(model, []).to_markdown()
    words = replace(BINARY.words, metrics={"miss": "Mean distance"})
    other = build_page(
        replace(
            model, versions=tuple(replace(each, metrics=(Metric(name="miss", value=2.5),)) for each in model.versions)
        ),
        [],
        replace(BINARY, decisive="miss", words=words),
    ).to_markdown()
    assert "| approved by | Mean distance | commit |" in other
    assert "| 2.500 |" in other
    assert "ROC AUC" not in other


def test_a_table_without_rows_is_left_out() -> None:
    empty = Table(caption="Nothing", headers=("a", "b#"), rows=())
    full = Table(caption="One", headers=("a", "b#"), rows=(("x", "1"),))
    page = Page(title="T", lead="L", sections=(Section(title="S", text=("t",), tables=(empty, full)),))
    assert page.to_markdown() == "# T\n\nL\n\n## S\n\nt\n\n| a | b |\n|---|---:|\n| x | 1 |\n"
    assert page.to_html().count("<table>") == 1
    assert '<th scope="col" class="n">b</th>' in page.to_html()


def test_rows_for_sql_have_the_columns_of_the_contract() -> None:
    model = make_history(aliases={})
    (row,) = version_rows(model, find_findings(model))
    found = dict(zip(MODEL_VERSIONS.column_names, row, strict=True))
    assert (found["model_name"], found["model_version"], found["stage"]) == (NAME, "3", "champion")
    assert (found["aliases"], found["trained_by"], found["approved_by"]) == ([], "otto", "vera")
    assert found["tables"] == ["prod.clean.rows@4", "rows.csv"]
    assert found["feature_views"] == ["habits@1=abcd"]
    assert (found["gate_outcome"], found["gates_not_passed"]) == ("promoted", ["calibration"])
    assert found["endpoints"] == []  # it follows the alias, which nobody has now
    assert found["findings"][0].startswith("error: alias_differs: Alias champion")
    (row,) = version_rows(make_history(), [])
    assert dict(zip(MODEL_VERSIONS.column_names, row, strict=True))["endpoints"] == ["answers"]


def test_a_version_that_only_the_ledger_knows_has_a_row() -> None:
    (row,) = version_rows(make_history(facts=None), [])
    found = dict(zip(MODEL_VERSIONS.column_names, row, strict=True))
    assert (found["trained_by"], found["git_commit"], found["tables"]) == ("otto", None, [])


def test_what_an_endpoint_serves_is_known_by_conf_where_nothing_was_changed_yet() -> None:
    served = {"name": "main", "entity_name": NAME, "entity_version": None}
    conf = {"scoring": {"config": {"served_entities": [served]}, "boathouse": {"follow": {"main": "champion"}}}}
    serving = read_serving(NAME, conf, [])
    text = build_page(make_history(deployments=(), serving=serving), []).to_markdown()
    assert "Endpoint scoring (main, 0 % of the requests) serves the version at alias champion now." in text
    assert "That is by conf; no change of an endpoint is on record." in text
    assert "No endpoint serves it." not in text
    assert "No endpoint serves it." in build_page(make_history(deployments=()), []).to_markdown()


def test_a_record_of_an_endpoint_counts_more_than_its_conf() -> None:
    conf = {DEPLOYED[-1].subject: {"config": {"served_entities": []}}}
    (use,) = read_serving(NAME, conf, DEPLOYED)
    assert use.endpoint == DEPLOYED[-1].subject
    assert read_serving("another.models.name", conf, DEPLOYED) == ()
