"""What the configuration of one environment holds, as far as it can be read, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kedro.config import MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from boathouse.environment import open_conf
from boathouse.errors import BoathouseError
from boathouse.hooks.parameters import check_parameters
from boathouse.pipeline_registry import resolve_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kedro.config import OmegaConfigLoader
    from kedro.pipeline import Pipeline


@dataclass(frozen=True, kw_only=True)
class ConfState:
    """What one environment's configuration holds, as far as it can be read.

    Attributes:
        engine: Engine that it chooses.
        lakehouse_root: Folder of the tables.
        reports_folder: Folder of the reports.
        tracking_uri: Where MLflow tracks to.
        extracts: Files under the raw folder that the catalog reads.
        summary: How much there is, in a few words.
        problems: What is wrong, one sentence each; empty if nothing is.
    """

    engine: str = ""
    lakehouse_root: str = ""
    reports_folder: str = ""
    tracking_uri: str = ""
    extracts: tuple[str, ...] = ()
    summary: str = ""
    problems: tuple[str, ...] = field(default=())


def read_conf(
    conf_source: Path, environment: str, pipelines: Mapping[str, Pipeline], *, is_other: bool = False
) -> ConfState:
    """Return what globals, MLflow settings, catalog and parameters of ``environment`` say.

    Every dataset of the catalog is built, those that a pattern makes for the pipelines among them, and every options
    class of the pipelines' parameters.
    """
    try:
        loader = open_conf(environment, conf_source, is_other=is_other)
    except (OmegaConfBaseException, BoathouseError, ValueError) as error:
        return ConfState(problems=(f"globals: {str(error).splitlines()[0]}",))
    problems: list[str] = []
    settings = _read(loader, "globals", problems)
    tracking = _read(loader, "mlflow", problems)
    catalog = _resolve(_read(loader, "catalog", problems), pipelines, problems)
    problems += _find_catalog_problems(catalog)
    problems += _find_parameter_problems(loader, pipelines)
    lakehouse = settings.get("lakehouse", {})
    return ConfState(
        engine=lakehouse.get("engine", ""),
        lakehouse_root=lakehouse.get("root", ""),
        reports_folder=settings.get("reports_folder", ""),
        tracking_uri=tracking.get("server", {}).get("mlflow_tracking_uri") or "",
        extracts=_list_extracts(catalog, settings.get("raw_folder", "")),
        summary=f"{len(catalog)} datasets, engine {lakehouse.get('engine', '?')}",
        problems=tuple(problems),
    )


def _read(loader: OmegaConfigLoader, kind: str, problems: list[str]) -> dict[str, Any]:
    try:
        return dict(loader[kind])
    except MissingConfigException:
        problems.append(f"{kind}: no file")
    except (OmegaConfBaseException, BoathouseError, ValueError) as error:
        problems.append(f"{kind}: {str(error).splitlines()[0]}")
    return {}


def _resolve(catalog: dict[str, Any], pipelines: Mapping[str, Pipeline], problems: list[str]) -> dict[str, Any]:
    from kedro.io import DatasetError

    try:
        return resolve_entries(catalog, pipelines.values())
    except (DatasetError, KeyError) as error:
        problems.append(f"catalog: {str(error).strip().splitlines()[0]}")
    return {}


def _find_catalog_problems(catalog: dict[str, Any]) -> Iterator[str]:
    from kedro.io import DatasetError

    for name, entry in catalog.items():
        try:
            _build_dataset(name, entry)
        except (DatasetError, BoathouseError) as error:
            # Kedro wraps what a dataset refuses; the cause says what to do.
            reason = error.__cause__ if isinstance(error.__cause__, BoathouseError) else error
            yield f"catalog '{name}': {str(reason).strip().splitlines()[0]}"


def _build_dataset(name: str, entry: dict[str, Any]) -> None:
    from kedro.io import AbstractDataset

    known = {key: value for key, value in entry.items() if key != "validator"}
    AbstractDataset.from_config(name, known)


def _find_parameter_problems(loader: OmegaConfigLoader, pipelines: Mapping[str, Pipeline]) -> Iterator[str]:
    try:
        check_parameters(loader, pipelines)
    except MissingConfigException:
        yield "parameters: no file"
    except (BoathouseError, OmegaConfBaseException) as error:
        yield str(error)


def _list_extracts(catalog: dict[str, Any], raw_folder: str) -> tuple[str, ...]:
    """Return the files that have to be there; what a bank may leave out is no lack."""
    entries = (entry for entry in catalog.values() if isinstance(entry, dict) and not entry.get("optional"))
    paths = (entry.get("filepath", "") for entry in entries)
    return tuple(sorted({path for path in paths if raw_folder and str(path).startswith(raw_folder)}))
