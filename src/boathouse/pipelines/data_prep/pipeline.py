"""Wiring of data preparation: extracts in, raw and clean tables out."""

from kedro.pipeline import Node, Pipeline

from boathouse.lifecycle.sealed_results import seal_quality
from boathouse.pipelines.binding import bind
from boathouse.pipelines.data_prep import nodes
from boathouse.problem.spec import DataSource, UseCase
from boathouse.use_case import USE_CASE


def create_pipeline(use_case: UseCase = USE_CASE, **_: object) -> Pipeline:
    """Return the pipeline ``data_prep``."""
    names = [source.name for source in use_case.sources]
    steps = [step for source in use_case.sources for step in _steps_of(source, use_case)]
    check = Node(
        nodes.check_deliveries,
        inputs=["params:data_prep.quality", *(f"data_prep.{name}_counts" for name in names)],
        outputs="data_prep.checked_counts",
        name="check_deliveries",
        tags=["quality"],
    )
    report = Node(
        nodes.report_quality,
        inputs=["data_prep.checked_counts", f"raw.{names[0]}"],
        outputs="audit.data_quality",
        name="report_quality",
        tags=["quality"],
    )
    seal = Node(
        seal_quality,
        inputs="data_prep.checked_counts",
        outputs="audit.quality_evidence",
        name="record_quality",
        tags=["quality", "audit"],
    )
    return Pipeline([*steps, check, report, seal], namespace="data_prep", prefix_datasets_with_namespace=False)


def _steps_of(source: DataSource, use_case: UseCase) -> list[Node]:
    """Return the nodes of one delivered file: ingest, judge, and clean once all files are judged fit."""
    name = source.name
    return [
        Node(nodes.ingest, inputs=f"extract.{name}", outputs=f"raw.{name}", name=f"ingest_{name}", tags=["ingest"]),
        Node(
            bind(nodes.judge_source, source=source, use_case=use_case),
            inputs=[f"raw.{name}", "params:data_prep.sample"],
            outputs=[f"data_prep.{name}_judged", f"data_prep.{name}_counts"],
            name=f"judge_{name}",
            tags=["quality"],
        ),
        Node(
            bind(nodes.clean_source, source=source),
            inputs=[f"data_prep.{name}_judged", "data_prep.checked_counts"],
            outputs=[f"clean.{name}", f"clean.{name}_quarantine"],
            name=f"clean_{name}",
            tags=["clean"],
        ),
    ]
