"""The real project on the rows of a few customers, run in this process, in a folder of its own."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog

from boathouse.settings import CONFIG_LOADER_ARGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parents[1]
CONF = ROOT / "conf"
EXTRACTS = ("customers", "statements", "defaults")


@dataclass(frozen=True)
class SmallBank:
    """A data folder with the extracts of some customers; BOATHOUSE_DATA has to name it.

    Attributes:
        data: The folder.
    """

    data: Path

    @classmethod
    def build(cls, data: Path, *, customers: int) -> SmallBank:
        """Copy the rows of the first ``customers`` customers."""
        (data / "01_raw").mkdir(parents=True)
        for name in EXTRACTS:
            header, *rows = (ROOT / "data" / "01_raw" / f"{name}.csv").read_text(encoding="utf-8").splitlines()
            kept = [row for row in rows if int(row.split(",", 1)[0]) <= customers]
            (data / "01_raw" / f"{name}.csv").write_text("\n".join([header, *kept, ""]), encoding="utf-8")
        return cls(data)

    def copy(self, data: Path) -> SmallBank:
        """Return the same bank, whatever it has run so far, in another folder."""
        shutil.copytree(self.data, data)
        return SmallBank(data)

    def run(self, *pipelines: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        """Run pipelines of the project, all of them if none is named, in the environment ``test``."""
        configure_project("boathouse")
        with KedroSession.create(
            project_path=ROOT, env="test", runtime_params=params, conf_source=str(CONF)
        ) as session:
            return session.run(pipeline_names=list(pipelines) or None, **options)

    def dataset(self, name: str) -> Any:
        """Return a fresh dataset of the catalog."""
        loader = OmegaConfigLoader(str(CONF), env="test", **CONFIG_LOADER_ARGS)
        return DataCatalog.from_config(dict(loader["catalog"]))[name]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table, or the records of a ledger."""
        loaded = self.dataset(name).load()
        if isinstance(loaded, list):
            return [asdict(record) for record in loaded]
        return [row.asDict(recursive=True) for row in loaded.collect()]

    def versions(self, names: Iterable[str]) -> dict[str, int]:
        """Return the newest Delta version of each table."""
        found = {}
        for name in names:
            dataset = self.dataset(name)
            dataset.load()
            found[name] = int(dataset.last_read.version)
        return found

    def edit(self, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Replace an extract by what ``change`` makes of it; every value is text."""
        path = self.data / "01_raw" / f"{name}.csv"
        change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)
