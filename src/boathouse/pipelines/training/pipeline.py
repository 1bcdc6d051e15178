"""Wiring of training: labels and feature views in, a registered candidate and baseline out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.training import nodes
from boathouse.use_case.features import CURRENT_VIEWS


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``training``."""
    return Pipeline([*_data_nodes(), *_model_nodes()], namespace="training", prefix_datasets_with_namespace=False)


def _data_nodes() -> list[Node]:
    return [
        Node(
            nodes.resolve_date,
            inputs=["clean.statements", "params:as_of"],
            outputs="training.as_of",
            name="resolve_date",
        ),
        Node(
            nodes.select_spine,
            inputs=["model_input.labels", "training.as_of", "params:training.split"],
            outputs="training.spine",
            name="select_spine",
            tags=["training_set"],
        ),
        Node(
            nodes.build_training_set,
            inputs=["training.spine", *(view.table for view in CURRENT_VIEWS)],
            outputs="model_input.training_set@spark",
            name="build_training_set",
            tags=["training_set"],
        ),
        Node(
            nodes.take_samples,
            inputs={
                "training_set": "model_input.training_set@pandas",
                "features": "params:training.features",
                "leakage": "params:training.leakage",
                "as_of": "training.as_of",
            },
            outputs=["training.train", "training.validation", "reports.training_coverage"],
            name="take_samples",
            tags=["fit"],
        ),
    ]


def _model_nodes() -> list[Node]:
    samples = ["training.train", "training.validation"]
    return [
        Node(
            nodes.search_models,
            inputs=[*samples, "params:training.search"],
            outputs=["training.trials", "reports.training_trials"],
            name="search_models",
            tags=["fit"],
        ),
        Node(
            nodes.finish_candidate,
            inputs={
                "trials": "training.trials",
                "train": samples[0],
                "validation": samples[1],
                "calibration": "params:training.calibration",
                "costs": "params:training.costs",
                "split": "params:training.split",
            },
            outputs=["models.candidate", "reports.training_metrics"],
            name="finish_candidate",
            tags=["fit"],
        ),
        Node(
            nodes.fit_baseline,
            inputs={
                "train": samples[0],
                "validation": samples[1],
                "baseline": "params:training.baseline",
                "search": "params:training.search",
                "costs": "params:training.costs",
                "split": "params:training.split",
            },
            outputs="models.baseline",
            name="fit_baseline",
            tags=["fit"],
        ),
    ]
