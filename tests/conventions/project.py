"""What the convention tests look at: the project's pipelines, configuration and files, read once."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from boathouse.pipeline_registry import FLOW, resolve_entries
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "boathouse"
CONF = ROOT / "conf"
BASE = "base"

# What a run or a tool leaves behind is nobody's text.
_IGNORED = {".git", "__pycache__", ".ipynb_checkpoints", "data", "lakehouse", "mlartifacts"}
_FOLDERS = (
    *(
        ".ci",
        ".github",
        "azure-pipelines",
        "benchmarks",
        "bundles",
        "conf",
        "docs",
        "notebooks",
        "resources",
        "scripts",
        "src",
    ),
    "tests",
)
_SUFFIXES = set(" .cfg .css .html .ipynb .j2 .lock .md .py .svg .toml .txt .yaml .yml".split(" "))


@cache
def pipelines() -> dict[str, Pipeline]:
    """Return the pipelines of the flow by name."""
    return {name: import_module(f"boathouse.pipelines.{name}").create_pipeline() for name in FLOW}


@cache
def catalog(environment: str = "dev") -> dict[str, dict[str, Any]]:
    """Return every dataset that the catalog of ``environment`` declares, by an entry or by a pattern."""
    return resolve_entries(written_catalog(environment), pipelines().values())


@cache
def written_catalog(environment: str = "dev") -> dict[str, dict[str, Any]]:
    """Return the catalog of ``environment`` as written, patterns as such, with every reference resolved."""
    loader = CONFIG_LOADER_CLASS(conf_source=str(CONF), env=environment, **CONFIG_LOADER_ARGS)
    entries: dict[str, dict[str, Any]] = loader["catalog"]
    return entries


def environments() -> list[str]:
    """Return the names of the environments: the folders of conf beside base that are in version control."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name not in {BASE, "local"})


def read_conf(environment: str, kind: str) -> dict[str, Any]:
    """Return what the files ``<kind>*.yml`` of one environment say by themselves, as written."""
    merged: dict[str, Any] = {}
    for path in sorted((CONF / environment).rglob(f"{kind}*.yml")):
        _merge(merged, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    return merged


def _merge(tree: dict[str, Any], other: dict[str, Any]) -> None:
    """Add ``other`` to ``tree``: several files may fill one group."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


def python_files(folder: Path = SOURCE) -> Iterator[tuple[str, str]]:
    """Give path, relative to the project, and text of each module under ``folder``."""
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def texts() -> Iterator[tuple[str, str]]:
    """Give path, relative to the project, and text of each text file that a reader of the project sees."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in _FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted(found):
        parts = set(path.relative_to(ROOT).parts)
        is_made = parts & _IGNORED or any(part.endswith(".egg-info") for part in parts)
        if path.suffix in _SUFFIXES and not is_made and path.name != ".coverage":
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
