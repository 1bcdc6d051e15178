"""How the units of an experiment are looked up in the log: by what the log wrote of them."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from boathouse.cli.experiment_outcomes import Wanted, choose_naming, read_metrics
from boathouse.endpoints.experiments.exposures import find_exposures
from boathouse.endpoints.keyed_hash import hash_value, read_salt
from boathouse.endpoints.options import LogOptions
from boathouse.endpoints.routing import name_unit
from boathouse.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def name_units(journal: Path, unit: str, log: LogOptions) -> Callable[[object], str]:
    state: Any = SimpleNamespace(config=SimpleNamespace(log=log, split=SimpleNamespace(unit=unit)))
    environment: Any = SimpleNamespace(endpoint_log_folder=journal, provide_log_salt=lambda: None)
    return choose_naming(environment, state)


@pytest.mark.parametrize("policy", ["keep", "hash"])
def test_the_key_of_a_person_goes_by_its_hash(tmp_path: Path, policy: str) -> None:
    name = name_units(tmp_path, "customer_id", LogOptions(personal_policy=policy))
    assert {name(each) for each in (17, 17.0, "17", "0017", " +17")} == {hash_value(17, read_salt(tmp_path))}


def read_units(path: Path) -> list[str]:
    """Return the names of the units of a file of outcomes, as an endpoint that logs them in clear has them."""
    wanted = Wanted(path=path, unit="customer_id", label=None, columns=["paid"], effects={})
    naming = partial(name_unit, dtype="bigint")
    exposures = find_exposures([], "customer_id", naming)
    [_, paid] = read_metrics(wanted, exposures, lambda value: naming(value) or "")
    return list(paid.outcomes)


def test_a_file_of_outcomes_may_spell_keys_as_it_likes(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("customer_id,paid\n0017,1\n 18,1\n+19,1\n", encoding="utf-8")
    assert read_units(tmp_path / "in.csv") == ["17", "18", "19"]
    table = pa.table({"customer_id": [17.0, 18.0], "paid": [1, 0]})
    parquet.write_table(table, tmp_path / "in.parquet")
    assert read_units(tmp_path / "in.parquet") == ["17", "18"]
    (tmp_path / "in.csv").write_text("customer_id,paid\n17,1\n1_8,1\n", encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"in.csv: Column 'customer_id', row 1: .* \(customer_id_type\)"):
        read_units(tmp_path / "in.csv")


def test_another_unit_goes_by_its_text_unless_conf_hides_it(tmp_path: Path) -> None:
    assert name_units(tmp_path, "branch", LogOptions())(17) == "17"
    hidden = name_units(tmp_path, "branch", LogOptions(personal_columns=("branch",)))
    assert hidden(17) == hash_value(17, read_salt(tmp_path))


def test_masked_units_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError):
        name_units(tmp_path, "customer_id", LogOptions(personal_policy="mask"))
