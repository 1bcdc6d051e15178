"""A small lakehouse with everything that scoring and monitoring read, and runs of their pipelines on it."""

from __future__ import annotations

import calendar
import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from boathouse.core.features.feature_view import time_name
from boathouse.core.inference.options import BatchOptions
from boathouse.core.inference.stream_options import StreamOptions
from boathouse.core.modelling import LoadedModel
from boathouse.core.monitoring.options import DriftOptions, PerformanceOptions, PlaceOptions
from boathouse.core.scoring.calibration import Calibration
from boathouse.core.scoring.scorer import write_scorer
from boathouse.core.scoring.spec import ScorerSpec
from boathouse.settings import CONFIG_LOADER_ARGS
from boathouse.use_case.features import CURRENT_VIEWS, FEATURE_NAMES, MODEL_VIEWS
from boathouse.use_case.training_set import TRAINING_SET

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline

CONF = Path(__file__).parents[1] / "conf"
CUSTOMERS = 400
MONTHS = range(4, 10)
TYPES = {
    "batch_inference.scoring": BatchOptions,
    "stream_inference.stream": StreamOptions,
    "monitoring.drift": DriftOptions,
    "monitoring.performance": PerformanceOptions,
    "monitoring.place": PlaceOptions,
}


def month_end(month: int) -> date:
    """Return the last day of a month of 2005."""
    return date(2005, month, calendar.monthrange(2005, month)[1])


def make_champion(version: str = "3") -> LoadedModel:
    """Return a rule on months_late as the champion: 5 %, 40 % and 70 % for 0, 1 and 2 months late."""
    table = {
        "column": FEATURE_NAMES.index("months_late"),
        "bounds": [0, 1, 2],
        "log_odds": [float(np.log(p / (1 - p))) for p in (0.05, 0.4, 0.7)],
        "missing_log_odds": -3.0,
    }
    spec = ScorerSpec(
        algorithm="rate_table",
        features=FEATURE_NAMES,
        label="missed_payment",
        calibration=Calibration("none"),
        threshold=0.3,
        reason_texts={name: name for name in FEATURE_NAMES},
    )
    return LoadedModel(
        name="test.models.missed_payment", version=version, files=write_scorer(spec, json.dumps(table).encode())
    )


@dataclass
class ScoredHouse:
    """One lakehouse in a folder of its own, environment ``test``."""

    catalog: dict[str, Any]
    parameters: dict[str, Any]

    @classmethod
    def build(cls) -> ScoredHouse:
        """Return the house as conf describes it; BOATHOUSE_DATA says where it is."""
        loader = OmegaConfigLoader(str(CONF), env="test", **CONFIG_LOADER_ARGS)
        return cls(dict(loader["catalog"]), loader["parameters"])

    def dataset(self, name: str) -> Any:
        """Return a fresh dataset of the catalog."""
        return DataCatalog.from_config(self.catalog)[name]

    def version(self, name: str) -> int:
        """Return the newest Delta version of a table."""
        dataset = self.dataset(name)
        dataset.load()
        return int(dataset.last_read.version)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table."""
        return [row.asDict(recursive=True) for row in self.dataset(name).load().collect()]

    def fill(self) -> None:
        """Write statements, features, labels and the training set."""
        frame = make_features()
        statements = pd.DataFrame(
            {
                "customer_id": frame["customer_id"],
                "statement_month": [day.replace(day=1) for day in frame["observed_on"]],
                "statement_date": frame["observed_on"],
                "pay_status": frame["months_late"].astype("int32"),
                "months_late": frame["months_late"].astype("int32"),
                "usage": np.where(frame["months_late"] > 0, "late", "revolving"),
                "bill_amt": frame["bill_amt"],
                "pay_amt": frame["pay_amt"],
            }
        )
        self.dataset("clean.statements").save(statements)
        for view in MODEL_VIEWS:
            self.dataset(view.table).save(frame[list(view.columns)])
        self.dataset("model_input.labels").save(frame[LABEL_COLUMNS])
        month = pd.to_datetime(frame["observed_on"]).dt.month
        split = np.select([month <= 6, month == 7], ["train", "validation"], "test")
        training = frame.assign(split=split)[month <= 8]
        times = {time_name(view): training["observed_on"] for view in CURRENT_VIEWS}
        self.dataset("model_input.training_set@spark").save(training.assign(**times)[list(TRAINING_SET.column_names)])

    def run(self, pipeline: Pipeline, **replaced: Any) -> None:
        """Run ``pipeline`` with typed parameters; ``replaced`` sets datasets by name, dots as two underscores."""
        catalog = DataCatalog.from_config(self.catalog)
        for name in sorted(pipeline.inputs()):
            if name.startswith("params:"):
                catalog[name] = MemoryDataset(self._parameter(name.removeprefix("params:")))
        for name, value in replaced.items():
            catalog[name.replace("__", ".").replace("params.", "params:")] = MemoryDataset(value, copy_mode="assign")
        SequentialRunner().run(pipeline, catalog)

    def _parameter(self, name: str) -> Any:
        value: Any = self.parameters
        for part in name.split("."):
            value = value[part]
        return TYPES[name](**value) if name in TYPES else value


LABEL_COLUMNS = ["customer_id", "observed_on", "missed_payment", "label_event_date", "label_known_on"]


def make_features() -> pd.DataFrame:
    """Return features and labels of every customer and month; 'one month late' exists in September alone."""
    generator = np.random.default_rng(11)
    parts = []
    for month in MONTHS:
        part = pd.DataFrame({name: generator.normal(size=CUSTOMERS) for name in FEATURE_NAMES})
        part["pay_amt"] = part["pay_amt"].abs()
        shares = [0.75, 0.13, 0.12] if month == MONTHS[-1] else [0.88, 0.0, 0.12]
        part["months_late"] = generator.choice([0.0, 1.0, 2.0], CUSTOMERS, p=shares)
        part["missed_payment"] = (generator.random(CUSTOMERS) < 0.05 + 0.3 * part["months_late"]).astype("int32")
        part.insert(0, "customer_id", np.arange(1, CUSTOMERS + 1))
        part.insert(1, "observed_on", month_end(month))
        part["label_event_date"] = part["label_known_on"] = month_end(month + 1)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


MOMENT = datetime(2005, 10, 1, 8)
