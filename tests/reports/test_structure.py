"""What each report has: headings in order, and the columns of its tables."""

from __future__ import annotations

import pytest

from tests.reports.reading import Html, headings_of, parse_markdown, table_rows
from tests.reports.sample_reports import HTML, MARKDOWN

BEHAVIOUR = "what the model has to do | does it? | cases that fail | worst | allowed"
NUMBERS = "series | window | status | value | interval"
WINDOWS = "2005-06 | 2005-07 | 2005-08 | 2005-09"
VERSION = "version | stage | registered | trained by | gates | approved by | ROC AUC | commit | copy of"
GOVERNANCE = (
    [
        "h1 Governance of word",
        "h2 Findings",
        "h2 Versions",
        "h2 History",
        "h2 Requests and approvals",
        "h2 Deployments",
        "h2 Version 3",
        "h3 Gates of version 3",
        "h3 Metrics of version 3",
        "h3 Data of version 3",
    ],
    [
        "severity | version | what | message",
        VERSION,
        "when | version | what | who | why",
        "version | to | asked by | when | approvals | state | why",
        "when | endpoint | what | who | serves | why",
        "what | value",
        "gate | mode | result | value | limit | in words",
        "metric | value | interval",
        "table or file | version | rows | now",
    ],
)
EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "model_card.md.j2": (
        [
            "h1 word, version word",
            "h2 What its decisions cost",
            "h2 Metrics",
            "h2 Compared with baseline and champion, by part of the word",
            "h2 Behaviour",
            "h2 Parts of the word",
            "h2 Fairness",
            "h2 Calibration",
            "h2 What drives the score",
        ],
        [
            "compared with | its cost | candidate less it | the candidate",
            "metric | candidate | baseline | candidate less baseline | champion | candidate less champion",
            "compared with | part | rows | ROC AUC | Brier score | Cost per word (word)",
            BEHAVIOUR,
            "part | rows | observed | predicted | ROC AUC | Brier score",
            "by | demographic parity difference | equalized odds difference",
            "group | rows | decided 1 | TPR | FPR | PPV",
            "rows | predicted | observed",
            "feature | mean contribution, log-odds of label 1",
        ],
    ),
    "decision_card.md.j2": (
        ["h1 word, version word: is refused", "h2 Gates", "h2 Behaviour"],
        ["question | answer | gate | found and needed", BEHAVIOUR],
    ),
    "feature_dictionary.md.j2": (
        ["h1 Feature dictionary", "h2 word", "h2 On demand"],
        [
            "feature | unit | meaning | as a reason | computed from, beside keys and dates",
            "feature | unit | meaning | from stored | from the request",
        ],
    ),
    "edge_readme.md.j2": (["h1 word version word"], []),
    "page.md.j2": GOVERNANCE,
    "governance": GOVERNANCE,
    "monitoring": (
        [
            "h1 Monitoring of word",
            "h2 At a glance",
            "h2 What to do first",
            "h2 Performance",
            "h2 Drift",
            "h2 Slices",
            "h2 Fairness over time",
            "h2 What relates features and label",
            "h2 Latency, cost and value",
            "h2 Alerts",
            "h2 Versions and promotions",
        ],
        [
            "what | count | of",
            *[NUMBERS] * 3,
            "cohort | version | state | rows | labelled | ROC AUC | mean probability | observed rate",
            f"column | {WINDOWS}",
            *["bin | rows trained on | from 2005-09-01"] * 4,
            "column | severity | PSI | JS distance | test | nulls | values that came and went",
            "columns | why",
            "part | about | figure | window | state | rows | value",
            *[NUMBERS] * 5,
            "severity | state | since | about | what happened | what to do | owner",
            "day | version | what | why",
            "version | from | to",
        ],
    ),
}


@pytest.mark.parametrize("template", MARKDOWN)
def test_a_markdown_report_has_its_sections_and_tables(template: str) -> None:
    text = MARKDOWN[template]("word")
    heads = [" | ".join(cell.strip() for cell in rows[0]) for rows in table_rows(text)]
    assert (headings_of(parse_markdown(text)), heads) == EXPECTED[template]


@pytest.mark.parametrize("template", HTML)
def test_an_html_report_has_its_sections_and_tables(template: str) -> None:
    page = Html(HTML[template]("word"))
    assert (page.headings, [" | ".join(rows[0]) for rows in page.tables]) == EXPECTED[template]
    assert page.tags.count(("caption",)) == len(page.tables)


@pytest.mark.parametrize("template", HTML)
def test_an_html_report_needs_nothing_beside_itself(template: str) -> None:
    text = HTML[template]("word")
    assert "http" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "<script" not in text
    assert "@media screen and (prefers-color-scheme: dark)" in text
    assert "@media print" in text


def test_rows_show_the_numbers_they_are_given() -> None:
    card = MARKDOWN["model_card.md.j2"]("word")
    assert "| ROC AUC | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] |" in card
    assert "| baseline | all | 1,000 | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] |" in card
    assert "| champion | not compared: one of the models was trained on these rows | 0 | – | – | – |" in card
    assert "| word = word | 1,000 | 0.200 | 0.210 | – | 0.100 |" in card
    assert "| word | **no** | 2 of 10 | scored 0.400 | 0.100 in all but 10% |" in card
    assert "| word = word (small) | 10 | 0.500 | 0.500 | 0.500 | 0.500 |" in card
    decision = MARKDOWN["decision_card.md.j2"]("word")
    answers = [row[1].strip() for row in next(table_rows(decision))[2:]]
    assert answers == ["**no: refuses**", "no: warning", "yes"]
    counts, main, _, _, cohorts, _, bins, *_ = Html(HTML["monitoring"]("word")).tables
    assert counts[1] == ["alarms", "3", "5"]
    assert counts[4] == ["scored windows that wait for labels", "1", "4"]
    assert main[1] == ["version 2, estimated", "2005-09-01", "estimated", "0.751", "[0.731, 0.771]"]
    assert cohorts[1] == ["2005-06-30", "1", "measured", "1,000", "1,000", "0.790 [0.780, 0.800]", "0.200", "0.210"]
    assert cohorts[4][2:] == ["pending until 2005-10-31", "1,000", "0", "–", "0.200", "–"]
    assert bins[1] == ["up to 0", "10.0%", "7.6%"]
