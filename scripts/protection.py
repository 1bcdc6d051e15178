"""Compare how GitHub protects branches, tags and environments with .github/protection.yml.

Usage: ``GITHUB_REPOSITORY=owner/name GITHUB_TOKEN=… python scripts/protection.py``. The token needs to read the
repository's administration. Exit code 1 if something is less protected than the file says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.forge import Forge, ForgeError, find_forge

WANTED = Path(__file__).resolve().parents[1] / ".github" / "protection.yml"
RULES = {"creation": "creation", "update": "update", "deletion": "deletion"}


def main() -> None:
    """Print what differs."""
    try:
        forge = find_forge(os.environ)
        if forge is None or forge.kind != "github":
            sys.exit("No repository. Set GITHUB_REPOSITORY=owner/name and GITHUB_TOKEN.")
        faults = list(find_faults(forge, yaml.safe_load(WANTED.read_text(encoding="utf-8"))))
    except ForgeError as error:
        sys.exit(str(error))
    print("\n".join(faults) or "Branches, tags and environments are protected as .github/protection.yml says.")
    sys.exit(1 if faults else 0)


def find_faults(forge: Forge, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Give what is less protected on the forge than ``wanted``."""
    for name, rules in wanted["branches"].items():
        yield from (f"branch {name}: {fault}" for fault in _differences(rules, read_branch(forge, name)))
    tags = read_tags(forge)
    for pattern, rules in wanted["tags"].items():
        yield from (f"tag {pattern}: {fault}" for fault in _differences(rules, tags.get(pattern, {})))
    for name, rules in wanted["environments"].items():
        yield from (f"environment {name}: {fault}" for fault in _differences(rules, read_environment(forge, name)))


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name, 'not set')}, expected {value}"


def read_branch(forge: Forge, name: str) -> dict[str, Any]:
    """Return the protection of a branch in the words of the file; nothing if it has none."""
    try:
        found = forge.ask("GET", f"/branches/{name}/protection")
    except ForgeError:
        return {}
    reviews = found.get("required_pull_request_reviews") or {}
    checks = found.get("required_status_checks") or {}

    def is_on(rule: str) -> bool:
        return bool((found.get(rule) or {}).get("enabled"))

    return {
        "pull_request": bool(reviews),
        "approvals": reviews.get("required_approving_review_count", 0),
        "code_owner_review": reviews.get("require_code_owner_reviews", False),
        "dismiss_stale_reviews": reviews.get("dismiss_stale_reviews", False),
        "approval_of_last_push": reviews.get("require_last_push_approval", False),
        "resolved_conversations": is_on("required_conversation_resolution"),
        "required_checks": sorted(each["context"] for each in checks.get("checks", ())),
        "up_to_date": checks.get("strict", False),
        "linear_history": is_on("required_linear_history"),
        "force_push": is_on("allow_force_pushes"),
        "deletion": is_on("allow_deletions"),
    }


def read_tags(forge: Forge) -> dict[str, dict[str, Any]]:
    """Return by pattern what the active rulesets of tags allow; a rule that is there restricts."""
    found: dict[str, dict[str, Any]] = {}
    for listed in forge.ask_all("/rulesets"):
        if listed["target"] != "tag" or listed["enforcement"] != "active":
            continue
        ruleset = forge.ask("GET", f"/rulesets/{listed['id']}")
        kinds = {rule["type"] for rule in ruleset["rules"]}
        for reference in ruleset["conditions"]["ref_name"]["include"]:
            rules = found.setdefault(reference.removeprefix("refs/tags/"), {})
            rules |= {name: "restricted" if name == "creation" else False for name in RULES if name in kinds}
    return found


def read_environment(forge: Forge, name: str) -> dict[str, Any]:
    """Return the protection of an environment in the words of the file; nothing if there is no such environment."""
    try:
        found = forge.ask("GET", f"/environments/{name}")
    except ForgeError:
        return {}
    rules = {rule["type"]: rule for rule in found.get("protection_rules", ())}
    reviewers = rules.get("required_reviewers", {})
    protected: dict[str, Any] = {"reviewers": min(len(reviewers.get("reviewers", ())), 1)}
    if reviewers:
        protected["self_review"] = not reviewers.get("prevent_self_review", False)
    if (found.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
        policies = forge.ask("GET", f"/environments/{name}/deployment-branch-policies")["branch_policies"]
        protected["from"] = sorted(f"{each.get('type', 'branch')} {each['name']}" for each in policies)
    return protected


if __name__ == "__main__":
    main()
