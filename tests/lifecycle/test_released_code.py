"""What counts as released code, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boathouse.environment import Environment
from boathouse.lifecycle.deployment import copy_version
from boathouse.lifecycle.evidence import SourceState, is_released
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import RELEASES
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.sync import registration_event
from boathouse.lifecycle.version_gates import describe_code, judge_code
from tests.fixtures.life_cycle import NAME, START, LifeCycleSetup, MemoryRegistry

ORIGINS = {
    "clean": SourceState(commit="abc", dirty="false", tag="unknown", is_wheel=False),
    "clean and tagged": SourceState(commit="abc", dirty="false", tag="v1", is_wheel=False),
    "changed": SourceState(commit="abc", dirty="true", tag="v1", is_wheel=False),
    "wheel": SourceState(commit="abc", dirty="unknown", tag="unknown", is_wheel=True),
    "wheel of a tag": SourceState(commit="abc", dirty="unknown", tag="v1", is_wheel=True),
    "wheel of nobody knows what": SourceState(commit="unknown", dirty="unknown", tag="unknown", is_wheel=True),
    "nobody knows": SourceState(commit="unknown", dirty="unknown", tag="unknown", is_wheel=False),
}
RELEASED = {
    "any": set(ORIGINS),
    "clean_commit": {"clean", "clean and tagged", "wheel", "wheel of a tag"},
    "tag": {"clean and tagged", "wheel of a tag"},
    "wheel": {"wheel", "wheel of a tag"},
}


@pytest.mark.parametrize("rule", RELEASES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_what_counts_as_released(origin: str, rule: str) -> None:
    assert is_released(ORIGINS[origin], rule) is (origin in RELEASED[rule])
    assert judge_code(describe_code(ORIGINS[origin], conf_released=True), rule).released is (origin in RELEASED[rule])
    # Where any code counts so does any configuration; else both have to be released.
    assert judge_code(describe_code(ORIGINS[origin], conf_released=False), rule).released is (rule == "any")


@pytest.mark.parametrize("rule", RELEASES)
def test_a_version_whose_code_is_not_on_record_was_made_by_no_released_code(rule: str) -> None:
    assert judge_code(None, rule).released is (rule == "any")


def test_a_copy_is_judged_by_the_rule_of_its_target_from_what_made_it(
    empty: LifeCycleSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that a changed checkout trained in dev, where any code counts, keeps that on its way to prod."""
    empty.registry.register()
    code = describe_code(ORIGINS["changed"], conf_released=True)
    registered = registration_event(NAME, empty.registry.read().versions["1"], now=START)
    ledger = open_ledger(empty.environment.table(PROMOTIONS))
    ledger.append([replace(registered, evidence={**registered.evidence, "code": code})])
    prod = LifeCycleSetup(Environment("prod", empty.environment.lakehouse), MemoryRegistry(name="prod.models.late"))
    monkeypatch.setattr("boathouse.lifecycle.deployment.ModelRegistry", lambda name: empty.registry)
    monkeypatch.setattr(
        prod.registry, "copy_from", lambda name, version: prod.registry.register(digest="digest1"), raising=False
    )
    copy_version(empty.environment, NAME, "1", prod.cycle(), comment="to prod")
    record = prod.records("copied")[0]
    assert record.read_evidence()["code"] == code
    version = project_events(prod.records(), name="prod.models.late").versions["1"]
    assert judge_code(version.code, "any").released
    judged = judge_code(version.code, "clean_commit")
    assert (judged.released, "dirty true" in judged.reason) == (False, True)
