"""All pipelines by name, and the order in which they build on one another."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

FLOW = (
    "data_prep",
    "feature_engineering",
    "training",
    "evaluation",
    "promotion",
    "batch_inference",
    "stream_inference",
    "monitoring",
)
# A stream may go on for ever, and scores what batch inference has scored: it runs when it is named.
ON_REQUEST = ("stream_inference",)
WHOLE = tuple(name for name in FLOW if name not in ON_REQUEST)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines that the run asks for by name; ``__default__`` is the whole flow but for those on request.

    Kedro imports only the packages of the pipelines asked for, which keeps the start of a single
    pipeline short; then there is no ``__default__``.
    """
    found = find_pipelines(raise_errors=True)
    named = {name: found[name] for name in FLOW if name in found}
    if "__default__" not in found:
        return named
    return {"__default__": sum((named[name] for name in WHOLE), Pipeline([])), **named}
