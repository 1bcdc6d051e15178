"""What GitHub protects is compared with the file, rule by rule."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.forge import Forge
from scripts.protection import WANTED, find_faults
from tests.fixtures.http_service import Answer, serve

AS_WANTED: dict[str, Any] = {
    "branch": {
        "required_pull_request_reviews": {
            "required_approving_review_count": 1,
            "require_code_owner_reviews": True,
            "dismiss_stale_reviews": True,
            "require_last_push_approval": True,
        },
        "required_status_checks": {"strict": True, "checks": [{"context": "checks / checks"}]},
        "required_conversation_resolution": {"enabled": True},
        "required_linear_history": {"enabled": True},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
    },
    "ruleset": {
        "rules": [{"type": "creation"}, {"type": "update"}, {"type": "deletion"}],
        "conditions": {"ref_name": {"include": ["refs/tags/v*"]}},
    },
    "listed": [
        {"id": 3, "target": "tag", "enforcement": "active"},
        {"id": 4, "target": "branch", "enforcement": "active"},
    ],
    "staging": {"protection_rules": [], "deployment_branch_policy": {"custom_branch_policies": True}},
    "staging policies": {"branch_policies": [{"name": "main", "type": "branch"}]},
    "prod": {
        "protection_rules": [{"type": "required_reviewers", "reviewers": [{}, {}], "prevent_self_review": True}],
        "deployment_branch_policy": {"custom_branch_policies": True},
    },
    "prod policies": {"branch_policies": [{"name": "v*", "type": "tag"}]},
}


def compare(found: dict[str, Any]) -> list[str]:
    rules: dict[str, Answer] = {
        "GET /branches/main/protection": lambda _: found["branch"],
        "GET /rulesets": lambda _: found["listed"],
        "GET /rulesets/3": lambda _: found["ruleset"],
        "GET /environments/(staging|prod)": lambda asked: found[asked.path.rpartition("/")[2]],
        "GET /environments/(staging|prod)/.*": lambda asked: found[f"{asked.path.split('/')[2]} policies"],
    }
    wanted = yaml.safe_load(Path(WANTED).read_text(encoding="utf-8"))
    with serve(rules) as service:
        return list(find_faults(Forge("github", service.url, "t", ""), wanted))


def test_what_is_protected_as_the_file_says_has_no_faults() -> None:
    assert compare(copy.deepcopy(AS_WANTED)) == []


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("branch",), None, "branch main: pull_request is not set, expected True"),
        (("branch", "required_pull_request_reviews"), None, "branch main: pull_request is False"),
        (
            ("branch", "required_pull_request_reviews", "required_approving_review_count"),
            0,
            "approvals is 0, expected 1",
        ),
        (
            ("branch", "required_pull_request_reviews", "require_code_owner_reviews"),
            False,
            "code_owner_review is False",
        ),
        (("branch", "required_status_checks", "checks"), [], "required_checks is []"),
        (("branch", "required_status_checks", "strict"), False, "up_to_date is False"),
        (("branch", "allow_force_pushes", "enabled"), True, "force_push is True, expected False"),
        (("ruleset", "rules"), [{"type": "creation"}], "tag v*: update is not set, expected False"),
        (("listed",), [], "tag v*: creation is not set"),
        (("prod",), None, "environment prod: reviewers is not set"),
        (("prod", "protection_rules"), [], "environment prod: reviewers is 0, expected 1"),
        (("prod", "deployment_branch_policy"), None, "environment prod: from is not set"),
        (("prod policies", "branch_policies"), [{"name": "main"}], "from is ['branch main']"),
    ],
)
def test_each_rule_that_is_missing_is_named(path: tuple[str, ...], value: object, fault: str) -> None:
    found = copy.deepcopy(AS_WANTED)
    place = found
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    faults = compare(found)
    assert any(fault in each for each in faults), faults


def test_who_deploys_may_not_approve_it() -> None:
    found = copy.deepcopy(AS_WANTED)
    found["prod"]["protection_rules"][0]["prevent_self_review"] = False
    assert compare(found) == ["environment prod: self_review is True, expected False"]
