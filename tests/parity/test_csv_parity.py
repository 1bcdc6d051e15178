"""A delivered file means the same to data preparation and to ``boathouse infer``, on Sail and on classic Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.csv_steps import NAMES, read_everything

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.tables.engines.base import Engine
    from tests.fixtures.engine_worker import EngineWorker

# What is taken, by hand; every other text of TEXTS puts its row aside.
TAKEN = {
    "bigint": {"17": "17", " 17 ": "17", "+17": "17", "-0": "0", "0017": "17"},
    "int": {"-2147483648": "-2147483648"},
    "double": {"1.5": "1.5", ".5": "0.5", "1.": "1.0", "1e3": "1000.0", "-1E-400": "-0.0", "-0": "-0.0"},
    "decimal(5,2)": {"1.5": "Decimal('1.50')", "-999.99": "Decimal('-999.99')"},
    "date": {"2005-09-30": "datetime.date(2005, 9, 30)", "0001-01-01": "datetime.date(1, 1, 1)"},
    "boolean": {"true": "True", "FALSE": "False"},
    "string": {
        "x": "'x'",
        " x ": "'x'",
        "it's": '"it\'s"',
        "\\n\\": "'\\\\n\\\\'",
        "月": "'月'",
        "NULL": "'NULL'",
        "-": "'-'",
    },
}
INSTANTS = {
    "2005-09-30 12:00:00": "2005, 9, 30, 12, 0,",
    "2005-09-30T12:00:00.123456Z": "2005, 9, 30, 12, 0, 0, 123456",
    "2005-09-30T12:00:00+08:00": "2005, 9, 30, 4, 0,",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> dict[str, Any]:
    """Return what the engine of the session makes of every file."""
    return read_everything(engine.name, tmp_path_factory.mktemp("csv").as_posix())


@pytest.mark.parametrize("way", ["data_prep", "infer"])
@pytest.mark.parametrize("dtype", TAKEN)
def test_a_text_is_a_value_or_puts_its_row_aside(found: dict[str, Any], dtype: str, way: str) -> None:
    """An empty field, and one of nothing but spaces, is null."""
    assert found[f"{dtype} {way}"] == TAKEN[dtype] | {"": "None", "  ": "None"}


@pytest.mark.parametrize("way", ["data_prep", "infer"])
def test_a_timestamp_is_an_instant(found: dict[str, Any], way: str) -> None:
    taken = {text: value for text, value in found[f"timestamp {way}"].items() if text.strip()}
    assert list(taken) == list(INSTANTS)
    for text, part in INSTANTS.items():
        assert part in taken[text]


@pytest.mark.parametrize("way", ["data_prep", "infer"])
def test_a_file_is_read_whatever_its_name_is(found: dict[str, Any], way: str) -> None:
    assert {name: found[f"{name} {way}"] for name in NAMES} == {name: [{"k": 1, "x": "a\nb"}] for name in NAMES}


@pytest.mark.parametrize("way", ["data_prep", "infer"])
def test_a_quote_that_is_not_closed_refuses_the_file(found: dict[str, Any], way: str) -> None:
    assert ", line 2, opens a quote that is not closed" in found[f"open.csv {way}"]


@pytest.mark.spark
def test_classic_spark_reads_the_same(found: dict[str, Any], spark_worker: EngineWorker, tmp_path: Path) -> None:
    other = spark_worker.call("tests.parity.csv_steps:read_everything", "spark", tmp_path.as_posix())
    assert other == found
