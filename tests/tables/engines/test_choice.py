"""Which engine a run uses."""

from __future__ import annotations

import pytest

from boathouse.errors import OptionError
from boathouse.tables.engines.registry import choose_engine


@pytest.mark.parametrize(
    ("runtime", "variable", "expected"),
    [(None, None, "sail"), (None, "spark", "spark"), (None, "", "sail"), ("17.3", "spark", "databricks")],
)
def test_runtime_before_variable_before_default(
    monkeypatch: pytest.MonkeyPatch, runtime: str | None, variable: str | None, expected: str
) -> None:
    """An empty variable counts as unset."""
    for name, value in (("DATABRICKS_RUNTIME_VERSION", runtime), ("BOATHOUSE_ENGINE", variable)):
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    assert choose_engine("sail") == expected


def test_an_unknown_engine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No silent fallback."""
    monkeypatch.setenv("BOATHOUSE_ENGINE", "flink")
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    with pytest.raises(OptionError, match="flink"):
        choose_engine("sail")
