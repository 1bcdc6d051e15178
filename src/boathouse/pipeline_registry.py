"""All pipelines by name, and the order of a whole run."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

FLOW = (
    "data_prep",
    "feature_engineering",
    "training",
    "evaluation",
    "promotion",
    "batch_inference",
    "monitoring",
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by name; ``__default__`` is the whole flow."""
    pipelines = find_pipelines(raise_errors=True)
    return {"__default__": sum((pipelines[name] for name in FLOW), Pipeline([]))} | {
        name: pipelines[name] for name in FLOW
    }
