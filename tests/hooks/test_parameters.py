"""Faulty parameters stop a run before any node: name, file, value and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import ConfigError

if TYPE_CHECKING:
    from tests.fixtures.sample_project import SampleProject

FILE = "conf/base/training/parameters_training.yml"
GOOD = "training:\n  split:\n    share: 0.5\n    label: late\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.replace("0.5", "1.5"), [f"'training.split.share' is 1.5; allowed: 0 to 1. ({FILE})"]),
        (GOOD.replace("    share: 0.5\n", ""), ["'training.split.share' is missing", f"Add it to {FILE}"]),
        ("other: {}\n", ["'training.split' is missing (node training.split_rows needs it)", "parameters_training.yml"]),
        (
            GOOD.replace("share", "shar"),
            [f"'training.split.shar' (value 0.5) in {FILE} is unknown", "did you mean 'share'?"],
        ),
        (GOOD + "  splits:\n    a: 1\n", [f"'training.splits' in {FILE} is unknown", "did you mean 'split'?"]),
        (GOOD + "trainin:\n  a: 1\n", [f"'trainin' in {FILE} is unknown", "did you mean 'training'?"]),
        ("training:\n  split: 3\n", [f"'training.split' in {FILE} is 3; expected a group of keys"]),
    ],
)
def test_a_fault_in_a_file_is_named(
    tracked: SampleProject, capsys: pytest.CaptureFixture[str], text: str, expected: list[str]
) -> None:
    tracked.write("base/training/parameters_training.yml", text)
    with pytest.raises(ConfigError) as caught:
        tracked.run()
    for words in expected:
        assert words in str(caught.value)
    assert "[1/" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"training": {"split": {"share": -1}}}, "'training.split.share' is -1; allowed: 0 to 1. (--params)"),
        ({"training": {"split": {"sharee": 1}}}, "'training.split.sharee' (value 1) in --params is unknown"),
        ({"nonsense": 1}, "'nonsense' (value 1) in --params is unknown"),
    ],
)
def test_a_fault_on_the_command_line_is_named(tracked: SampleProject, params: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tracked.run("training", params=params)
    assert expected in str(caught.value)


def test_the_environment_whose_value_wins_is_the_file_named(tracked: SampleProject) -> None:
    tracked.write("test/training/parameters_training.yml", "training:\n  split:\n    share: 7\n")
    with pytest.raises(
        ConfigError, match=r"'training.split.share' is 7; .*\(conf/test/training/parameters_training.yml\)"
    ):
        tracked.run()


def test_all_faults_are_told_at_once(tracked: SampleProject) -> None:
    tracked.write("base/training/parameters_training.yml", "training:\n  split:\n    sare: 0.5\n")
    with pytest.raises(ConfigError) as caught:
        tracked.run()
    assert str(caught.value).count("\n- ") == 3


def test_the_groups_of_a_pipeline_that_is_not_run_are_not_asked_for(tracked: SampleProject) -> None:
    tracked.write("base/training/parameters_training.yml", "training:\n  other: {}\n")
    tracked.run("data_prep")
