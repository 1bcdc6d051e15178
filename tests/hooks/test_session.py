"""A run opens its environment and reads its configuration once, and ends the engine that it started."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kedro.config import OmegaConfigLoader

from boathouse.environment import Environment
from boathouse.hooks import session
from boathouse.hooks.session import EngineSessionHooks, ReadOnceConfigLoader, environment_of
from boathouse.settings import CONFIG_LOADER_ARGS

if TYPE_CHECKING:
    from tests.fixtures.sample_project import SampleProject


def test_all_hooks_of_a_run_share_one_environment_and_the_next_run_has_its_own(
    tracked: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    original = Environment.from_conf

    def count(conf: Any) -> Environment:
        opened.append(conf.env)
        return original(conf)

    monkeypatch.setattr(Environment, "from_conf", count)
    tracked.run("data_prep")
    assert opened == ["test"]
    tracked.write("other/globals.yml", "environment: other")
    tracked.run("data_prep", env="other")
    assert opened == ["test", "other"]


def test_a_run_reads_each_section_of_its_configuration_once(
    tracked: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    original = OmegaConfigLoader._read_raw_config

    def count(loader: OmegaConfigLoader, key: str) -> Any:
        read[key] += 1
        return original(loader, key)

    monkeypatch.setattr(OmegaConfigLoader, "_read_raw_config", count)
    tracked.run("data_prep")
    assert {"globals", "parameters", "catalog", "mlflow"} <= read.keys()
    assert {key: read[key] for key in ("globals", "parameters", "catalog", "mlflow")} == dict.fromkeys(
        ("globals", "parameters", "catalog", "mlflow"), 1
    )


def test_a_caller_that_changes_a_section_changes_it_for_itself_alone(sample: SampleProject) -> None:
    loader = ReadOnceConfigLoader(str(sample.conf), env="test", **CONFIG_LOADER_ARGS)
    loader["parameters"]["training"]["split"]["share"] = 7
    assert loader["parameters"] == {"training": {"split": {"share": 0.5, "label": "late"}}}
    environment = environment_of(SimpleNamespace(config_loader=loader))  # type: ignore[arg-type]
    assert environment.section("parameters")["training"]["split"]["share"] == 0.5


class FakeEngine:
    def __init__(self) -> None:
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_an_engine_started_in_the_run_is_stopped(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    older, newer = FakeEngine(), FakeEngine()
    hooks = EngineSessionHooks()
    monkeypatch.setattr(session, "running_engines", lambda: (older,))
    hooks.after_context_created()
    monkeypatch.setattr(session, "running_engines", lambda: (older, newer))
    getattr(hooks, end)()
    assert (older.is_stopped, newer.is_stopped) == (False, True)


@pytest.mark.parametrize("word", ["", " ", "''", '""'])
def test_a_parameter_without_a_value_is_not_given(sample: SampleProject, word: str) -> None:
    sample.write("test/parameters.yml", "as_of: null\nfolder: here\ngroup: {first: null, second: 3}")
    given = {"as_of": word, "folder": word, "group": {"first": word, "second": word}, "unknown": word}
    loader = ReadOnceConfigLoader(str(sample.conf), env="test", runtime_params=given, **CONFIG_LOADER_ARGS)
    found = loader["parameters"]
    assert (found["as_of"], found["folder"], found["group"]) == (None, "here", {"first": None, "second": 3})
    assert found["unknown"] is None  # in place, for the check of the parameters to refuse


@pytest.mark.parametrize("word", ["None", "none", "null", "NULL", "~", " None "])
def test_the_text_of_no_value_is_none_where_the_files_have_none(sample: SampleProject, word: str) -> None:
    sample.write("test/parameters.yml", "as_of: null\nfolder: here\ngroup: {first: null, second: 3}")
    given = {"as_of": word, "folder": word, "group": {"first": word}, "unknown": word}
    loader = ReadOnceConfigLoader(str(sample.conf), env="test", runtime_params=given, **CONFIG_LOADER_ARGS)
    found = loader["parameters"]
    assert (found["as_of"], found["group"]) == (None, {"first": None, "second": 3})
    assert (found["folder"], found["unknown"]) == (word, word)  # a text like any other
    assert loader["parameters"] == found
