"""Findings are shown in two forms, neither of which shows a secret."""

from __future__ import annotations

import json

import pytest

from boathouse.cli.doctor import Check, render_json, render_table

CHECKS = (
    Check(name="store", status="ok", detail="https://anna:pass-phrase@host"),
    Check(name="engine sail", status="fail", detail="dapi-0815-0815 is no token\npip install it"),
)


@pytest.mark.parametrize("render", [render_table, render_json])
def test_no_form_shows_a_secret(render: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-0815-0815")
    shown = render(CHECKS)  # type: ignore[operator]
    assert "pass-phrase" not in shown
    assert "dapi-0815-0815" not in shown
    assert "https://***@host" in shown


def test_the_table_aligns_and_sums_up() -> None:
    lines = render_table(CHECKS).splitlines()
    assert lines[:3] == [
        "ok    store        https://***@host",
        "fail  engine sail  dapi-0815-0815 is no token",
        "                   pip install it",
    ]
    assert lines[-1] == "This set-up does not work: engine sail."
    assert render_table(CHECKS[:1]).endswith("This set-up works.")


def test_json_is_a_list_of_findings() -> None:
    assert [check["status"] for check in json.loads(render_json(CHECKS))] == ["ok", "fail"]
