"""Each check finds what it is for; a record in order has nothing open."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from boathouse.lineage.facts import CodeFacts
from boathouse.lineage.findings import MODEL_CHECKS, VERSION_CHECKS, find_findings
from boathouse.lineage.governance_report import build_page
from boathouse.lineage.model_history import ModelHistory
from tests.fixtures.lineage_facts import make_facts
from tests.fixtures.model_history import DAY, GATES, STORY, event, make_history

REFUSED = [{**GATES[0], "passed": False}]
OPEN = STORY[:4]


def kinds_of(model: ModelHistory) -> list[tuple[str, str]]:
    return [(each.severity, each.kind) for each in find_findings(model)]


def test_a_record_in_order_has_nothing_open() -> None:
    assert find_findings(make_history()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"breaks": ("audit.promotions, place 2: changed",)}, ("error", "broken_chain")),
        ({"missing": ("prod.audit.promotions",)}, ("warning", "missing_trail")),
        ({"aliases": {"champion": "2"}}, ("error", "alias_differs")),
        ({"aliases": {}}, ("error", "alias_differs")),
    ],
)
def test_what_is_wrong_with_the_model_is_found(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert kinds_of(make_history(**changes)) == [expected]


def test_no_endpoint_yet_is_no_finding() -> None:
    assert find_findings(make_history(missing=("prod.audit.deployments",))) == []


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ((*STORY[:3], STORY[4]), ("error", "champion_without_approval")),
        # Approved for other files, or longer ago than approvals are valid when it took charge.
        ((*STORY[:3], dataclasses.replace(STORY[3], digest="x"), STORY[4]), ("error", "champion_without_approval")),
        (
            (*STORY[:4], dataclasses.replace(STORY[4], occurred_at=DAY + timedelta(days=18))),
            ("error", "champion_without_approval"),
        ),
        ((STORY[0], *STORY[2:]), ("warning", "champion_not_passed")),
        (
            (STORY[0], event(1, "checked", "otto", {"outcome": "rejected", "gates": REFUSED}), *STORY[2:]),
            ("error", "champion_not_passed"),
        ),
    ],
)
def test_what_is_wrong_with_the_champion_is_found(story: tuple[Any, ...], expected: tuple[str, str]) -> None:
    assert kinds_of(make_history(story)) == [expected]


def test_an_approval_under_a_declared_name_is_shown_with_the_account_that_declared_it() -> None:
    evidence = {"request": "requested2", "to": "production", "account": "otto"}
    approved = event(3, "approved", "maria", evidence, assurance="declared")
    model = make_history((*STORY[:3], approved, STORY[4]))
    (found,) = find_findings(model)
    assert (found.severity, found.kind) == ("note", "declared_approval")
    assert "maria approved it, a name that account otto declared" in found.message
    page = build_page(model, [found]).to_markdown()
    assert page.count("maria (declared)") == 3  # the overview, the history, the request
    # Where a declared name does not count, the champion has no approval.
    strict = {"on_platform": ("platform",), "elsewhere": ("system",)}
    rules = dataclasses.replace(model.rules, accepted_assurance=strict)
    assert kinds_of(dataclasses.replace(model, rules=rules)) == [("error", "champion_without_approval")]


def test_no_approval_is_missed_where_none_is_asked_for() -> None:
    model = make_history((*STORY[:3], STORY[4]))
    assert find_findings(dataclasses.replace(model, rules=dataclasses.replace(model.rules, needed=0))) == []


def test_an_open_request_waits_and_its_old_approval_expires() -> None:
    facts = make_facts(tables=make_facts().tables[:1], stage="registered")
    model = make_history(OPEN, facts=facts)
    (waiting,) = find_findings(model)
    assert (waiting.severity, waiting.kind) == ("note", "waiting_request")
    assert "otto asked for production on 2005-10-03, 8 day(s) ago" in waiting.message
    later = dataclasses.replace(model, at=DAY + timedelta(days=18))
    assert kinds_of(later) == [("warning", "expired_approval"), ("note", "waiting_request")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stage": "challenger"}, [("error", "stage_differs")]),
        ({"model_digest": "e" * 64}, [("error", "other_files")]),
        ({"code": CodeFacts(commit="c", branch="b", dirty="true", difference="f", package_version="1")},
         [("warning", "unreleased_champion")]),
        ({"metrics": {}}, [("warning", "missing_records")]),
        ({"tables": make_facts().tables}, [("warning", "lost_data")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_version_is_found(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    tables = {"tables": make_facts().tables[:1]}
    assert kinds_of(make_history(facts=make_facts(**(tables | changes)))) == expected


def test_a_version_that_only_one_side_knows_is_found() -> None:
    assert ("error", "lost_version") in kinds_of(make_history(facts=None))
    facts = make_facts(tables=make_facts().tables[:1], stage="registered", aliases=())
    assert kinds_of(make_history((), facts=facts, aliases={})) == [("warning", "unrecorded_version")]


def test_every_check_says_what_to_look_at() -> None:
    """A finding tells its reader something: no message is empty, each check is documented."""
    assert [check.__name__ for check in (*MODEL_CHECKS, *VERSION_CHECKS) if not check.__doc__] == []


def test_errors_come_first() -> None:
    model = make_history(aliases={}, facts=make_facts())
    assert [severity for severity, _ in kinds_of(model)] == ["error", "warning"]
