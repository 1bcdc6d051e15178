"""How the units of an experiment are looked up in the log: by what the log wrote of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.cli.experiment_outcomes import choose_naming
from boathouse.endpoints.options import LogOptions
from boathouse.errors import ExperimentError
from boathouse.serving.log_redaction import hash_value, read_salt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def name_units(journal: Path, unit: str, log: LogOptions) -> Callable[[object], str]:
    state: Any = SimpleNamespace(config=SimpleNamespace(log=log, split=SimpleNamespace(unit=unit)))
    environment: Any = SimpleNamespace(endpoint_log_folder=journal)
    return choose_naming(environment, state)


@pytest.mark.parametrize("policy", ["keep", "hash"])
def test_the_key_of_a_person_goes_by_its_hash(tmp_path: Path, policy: str) -> None:
    name = name_units(tmp_path, "customer_id", LogOptions(personal_policy=policy))
    assert name(17) == hash_value(17, read_salt(tmp_path))


def test_another_unit_goes_by_its_text_unless_conf_hides_it(tmp_path: Path) -> None:
    assert name_units(tmp_path, "branch", LogOptions())(17) == "17"
    hidden = name_units(tmp_path, "branch", LogOptions(personal_columns=("branch",)))
    assert hidden(17) == hash_value(17, read_salt(tmp_path))


def test_masked_units_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError):
        name_units(tmp_path, "customer_id", LogOptions(personal_policy="mask"))
