"""The table of actions: code, conf and documents say the same, and every command is one."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from boathouse.monitoring.actions import ACTIONS, render_actions
from boathouse.monitoring.alert_rules import AlertOptions
from tests.fixtures.documents.pages import Command
from tests.fixtures.documents.usage import find_usage_faults

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf" / "base" / "monitoring" / "parameters_alerts.yml"


def shipped() -> AlertOptions:
    return AlertOptions(**yaml.safe_load(CONF.read_text(encoding="utf-8"))["monitoring"]["alerts"])


def test_the_page_has_the_table_of_the_code() -> None:
    assert render_actions() in (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_the_command_of_an_action_is_one(name: str) -> None:
    text = ACTIONS[name].command.replace("{env}", "prod")
    assert find_usage_faults(Command("actions", text)) == []
    assert shlex.split(text)[0] in {"boathouse", "kedro"}


def test_a_command_that_there_is_not_shows() -> None:
    assert find_usage_faults(Command("actions", "boathouse alerts pray --env prod"))


def test_every_shipped_rule_has_a_runbook_that_names_it() -> None:
    rules = shipped().built_rules
    assert len(rules) > 5
    for rule in rules:
        assert f"`{rule.name}`" in (ROOT / rule.runbook).read_text(encoding="utf-8")


def test_what_data_scientists_and_engineers_watch_stands_in_one_file() -> None:
    assert {rule.owner for rule in shipped().built_rules} == {"data_scientists", "engineers"}
