"""Wiring of training: labels and feature views in, a registered candidate and baseline out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.binding import bind
from boathouse.pipelines.training import nodes
from boathouse.problem.spec import UseCase
from boathouse.use_case import USE_CASE


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``training``."""
    return Pipeline(
        [*_data_nodes(use_case), *_model_nodes(use_case)], namespace="training", prefix_datasets_with_namespace=False
    )


def _data_nodes(use_case: UseCase) -> list[Node]:
    return [
        Node(
            bind(nodes.resolve_date, use_case=use_case),
            inputs=[use_case.spine_table, "params:as_of", "params:train_until"],
            outputs="training.as_of",
            name="resolve_date",
        ),
        Node(
            bind(nodes.select_spine, use_case=use_case),
            inputs=["model_input.labels", "training.as_of", "params:training.split"],
            outputs="training.spine",
            name="select_spine",
            tags=["training_set"],
        ),
        Node(
            bind(nodes.build_training_set, use_case=use_case),
            inputs=["training.spine", *(view.table for view in use_case.current_views)],
            outputs="model_input.training_set@spark",
            name="build_training_set",
            tags=["training_set"],
        ),
        Node(
            bind(nodes.take_samples, use_case=use_case),
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


def _model_nodes(use_case: UseCase) -> list[Node]:
    samples = ["training.train", "training.validation"]
    return [
        Node(
            bind(nodes.search_models, use_case=use_case),
            inputs=[*samples, "params:training.search"],
            outputs=["training.trials", "reports.training_trials"],
            name="search_models",
            tags=["fit"],
        ),
        Node(
            bind(nodes.finish_candidate, use_case=use_case),
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
            bind(nodes.fit_baseline, use_case=use_case),
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
