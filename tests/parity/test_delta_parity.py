"""Sail and classic Spark leave the same tables, and each works on the other's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boathouse.engines.spark import find_delta_jar, find_java

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not find_java(), reason="no Java: apt-get install openjdk-17-jre-headless"),
    pytest.mark.skipif(not find_delta_jar(), reason="no Delta jars: make jars"),
]
STEPS = Path(__file__).with_name("delta_steps.py")
# By hand: ids 0-3 of batch one, then 2-5 of batch two, then 100-103 of batch three.
ROWS_AFTER = {"overwrite": 4, "append": 12, "merge": 10, "replace_where": 12}


def run(engine: str, *steps: str) -> None:
    """Run ``steps`` on ``engine`` in a process of its own."""
    done = subprocess.run([sys.executable, str(STEPS), engine, *steps], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what each engine sees in each lakehouse, after the other has extended it."""
    base = tmp_path_factory.mktemp("parity")
    roots = {name: (base / name).as_posix() for name in ("by_sail", "by_spark")}
    files = {
        f"{engine} {name}": (base / f"{engine}_{name}.json").as_posix()
        for engine in ("sail", "spark")
        for name in roots
    }
    run("sail", f"write:{roots['by_sail']}")
    run("spark", f"write:{roots['by_spark']}", f"extend:{roots['by_sail']}")
    run(
        "sail",
        f"extend:{roots['by_spark']}",
        *[f"dump:{root}:{files[f'sail {name}']}" for name, root in roots.items()],
    )
    run("spark", *[f"dump:{root}:{files[f'spark {name}']}" for name, root in roots.items()])
    return {view: json.loads(Path(file).read_text()) for view, file in files.items()}


@pytest.mark.parametrize("mode", ROWS_AFTER)
def test_all_views_of_all_tables_are_the_same(seen: dict[str, Any], mode: str) -> None:
    """Values, types, versions, counts and fingerprints, whoever wrote and whoever reads."""
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
