"""Sail and classic Spark leave the same tables, and each works on the other's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.engine_worker import EngineWorker

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.spark
STEPS = "tests.parity.delta_steps:run_steps"
# By hand: ids 0-3 of batch one, then 2-5 of batch two, then 100-103 of batch three.
ROWS_AFTER = {"overwrite": 4, "append": 12, "merge": 10, "replace_where": 12}


@pytest.fixture(scope="module")
def sail_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineWorker]:
    """Return a process of Sail: the session's engine may be another."""
    worker = EngineWorker("sail", tmp_path_factory.mktemp("sail") / "worker.log")
    yield worker
    worker.stop()


@pytest.fixture(scope="module")
def seen(
    tmp_path_factory: pytest.TempPathFactory, sail_worker: EngineWorker, spark_worker: EngineWorker
) -> dict[str, Any]:
    """Return what each engine sees in each lakehouse, after the other has extended it."""
    # Engines read a path as an address, a pattern or a template; the folder has what each would take apart.
    base = tmp_path_factory.mktemp("parity") / "#1 ?[x]{y}* %Zü'日|^"
    base.mkdir()
    roots = {name: (base / name).as_posix() for name in ("by_sail", "by_spark")}
    files = {
        f"{engine} {name}": (base / f"{engine}_{name}.json").as_posix()
        for engine in ("sail", "spark")
        for name in roots
    }
    sail_worker.call(STEPS, "sail", f"write:{roots['by_sail']}")
    spark_worker.call(STEPS, "spark", f"write:{roots['by_spark']}", f"extend:{roots['by_sail']}")
    sail_worker.call(STEPS, "sail", f"extend:{roots['by_spark']}")
    for engine, worker in (("sail", sail_worker), ("spark", spark_worker)):
        dumps = [f"dump:{root}:{files[f'{engine} {name}']}" for name, root in roots.items()]
        worker.call(STEPS, engine, *dumps)
    return {view: json.loads(Path(file).read_text()) for view, file in files.items()}


@pytest.mark.parametrize("mode", ROWS_AFTER)
def test_all_views_of_all_tables_are_the_same(seen: dict[str, Any], mode: str) -> None:
    """Values, types, versions, counts and fingerprints, whichever engine wrote and reads."""
    views = {view: tables[mode] for view, tables in seen.items()}
    first = views["sail by_sail"]
    assert len(first["rows"]) == first["count"] == ROWS_AFTER[mode]
    assert first["version"] == 2
    for view, table in views.items():
        assert table == first, view


def test_types_survive(seen: dict[str, Any]) -> None:
    """Written by hand, so that both engines cannot be wrong together."""
    assert seen["spark by_sail"]["merge"]["types"] == {
        "id": "bigint",
        "batch": "string",
        "day": "date",
        "count": "int",
        "share": "double",
        "text": "string",
        "flag": "boolean",
        "money": "decimal(10,2)",
        "reasons": "array<string>",
        "at": "timestamp",
    }
