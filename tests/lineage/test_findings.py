"""Each check finds what it is for; a record in order has nothing open."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from boathouse.lineage.evaluation_metrics import Metric, find_edited
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


APPROVAL_GATE = {"name": "approval", "mode": "enforce", "passed": False, "value": 0, "limit": 1, "message": "Not yet."}


def checked(day: int, outcome: str, *gates: dict[str, Any]) -> Any:
    return event(day, "checked", "otto", {"outcome": outcome, "gates": list(gates)})


@pytest.mark.parametrize(
    "story",
    [
        # The gates wait for the approval, which comes after them.
        (STORY[0], checked(1, "kept", GATES[0], APPROVAL_GATE), *STORY[2:]),
        # A gate at warn, which did not pass, accuses nobody.
        (STORY[0], checked(1, "promoted", *GATES), *STORY[2:]),
        # What was judged after the promotion, by whatever rules, did not decide.
        (*STORY, checked(6, "rejected", *REFUSED)),
        # Champion again by a rollback, when the approval would have expired: it was needed for the first time alone.
        (*STORY, event(30, "rolled_back", "vera", {"from": "4", "to": "3"})),
        # The comparison adds its gates to those of the check.
        (STORY[0], checked(1, "passed", GATES[0]), event(1.5, "kept", "otto", {"gates": [GATES[1]]}), *STORY[2:]),
    ],
    ids=["approved later", "warned", "judged later", "rolled back", "compared"],
)
def test_what_did_not_decide_accuses_nobody(story: tuple[Any, ...]) -> None:
    assert kinds_of(make_history(story)) == []


def test_only_gates_that_were_enforced_are_named() -> None:
    story = (STORY[0], checked(1, "rejected", *REFUSED, GATES[1], APPROVAL_GATE), *STORY[2:])
    (found,) = find_findings(make_history(story))
    assert found.message.startswith("It is champion though these gates refused it: minimum_roc_auc.")


def test_a_later_check_that_passed_does_not_excuse_the_one_that_decided() -> None:
    story = (STORY[0], checked(1, "rejected", *REFUSED), *STORY[2:], checked(6, "promoted", GATES[0]))
    assert kinds_of(make_history(story)) == [("error", "champion_not_passed")]


@pytest.mark.parametrize(("four_eyes", "severity"), [(True, "error"), (False, "note")])
@pytest.mark.parametrize(
    ("trained_by", "asked_by", "told"),
    [
        ("vera", "otto", "vera, who trained it, approved it"),
        ("otto", "vera", "vera, who asked for it, approved it"),
        ("vera", "vera", "vera, who trained and asked for it, approved it"),
    ],
)
def test_the_approver_is_held_against_trainer_and_asker(
    trained_by: str, asked_by: str, told: str, *, four_eyes: bool, severity: str
) -> None:
    registered = event(0, "registered", trained_by, {"trained_by": trained_by})
    story = (registered, STORY[1], dataclasses.replace(STORY[2], actor=asked_by), *STORY[3:])
    model = make_history(story)
    (found,) = find_findings(dataclasses.replace(model, rules=dataclasses.replace(model.rules, four_eyes=four_eyes)))
    assert (found.severity, found.kind) == (severity, "approved_by_own")
    assert found.message.startswith(told)


def test_tags_that_differ_from_the_registration_are_found() -> None:
    tags = {"training_window": "2005-04-30/2005-07-31", "owner": "credit-risk"}
    registered = event(0, "registered", "otto", {"trained_by": "otto", "tags": tags})
    facts = make_facts(tables=make_facts().tables[:1], tags={"training_window": "1999-01-31/1999-02-28", "owner": "me"})
    (found,) = find_findings(make_history((registered, *STORY[1:]), facts=facts))
    assert (found.severity, found.kind) == ("warning", "edited_tags")
    assert "training_window is '1999-01-31/1999-02-28', registered was '2005-04-30/2005-07-31'" in found.message
    same = make_facts(tables=make_facts().tables[:1], tags=tags)
    assert find_findings(make_history((registered, *STORY[1:]), facts=same)) == []


def test_metrics_that_differ_from_the_record_are_found() -> None:
    model = make_history()
    version = dataclasses.replace(model.versions[0], edited_metrics=("roc_auc",))
    assert kinds_of(dataclasses.replace(model, versions=(version,))) == [("error", "edited_metrics")]
    one, other = Metric(name="roc_auc", value=0.7), Metric(name="roc_auc", value=0.9)
    assert find_edited((one,), (other,)) == ("roc_auc",)
    assert find_edited((one,), (one,)) == find_edited((), (other,)) == find_edited((one,), ()) == ()


def test_a_trail_that_was_accepted_as_it_is_stays_a_finding() -> None:
    model = make_history(accepted=("vera accepted prod.audit.promotions with 3 record(s): Restored.",))
    (found,) = find_findings(model)
    assert (found.severity, found.kind) == ("warning", "accepted_trail")
    assert "vera accepted" in found.message


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
