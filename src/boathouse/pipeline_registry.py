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
    """Return the pipelines that the run asks for by name; ``__default__`` is the whole flow.

    Kedro imports only the packages of the pipelines asked for, which keeps the start of a single
    pipeline short; then there is no ``__default__``.
    """
    found = find_pipelines(raise_errors=True)
    named = {name: found[name] for name in FLOW if name in found}
    return {"__default__": sum(named.values(), Pipeline([])), **named} if "__default__" in found else named
