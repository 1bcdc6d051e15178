"""Wiring of data preparation: extracts in, raw and clean tables out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.data_prep import nodes

SOURCES = ("customers", "statements", "defaults", "transactions")


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``data_prep``."""
    steps = [step for source in SOURCES for step in _steps_of(source)]
    check = Node(
        nodes.check_deliveries,
        inputs=["params:data_prep.quality", *(f"data_prep.{source}_counts" for source in SOURCES)],
        outputs="data_prep.checked_counts",
        name="check_deliveries",
        tags=["quality"],
    )
    report = Node(
        nodes.report_quality,
        inputs=["data_prep.checked_counts", "raw.customers"],
        outputs="audit.data_quality",
        name="report_quality",
        tags=["quality"],
    )
    return Pipeline([*steps, check, report], namespace="data_prep", prefix_datasets_with_namespace=False)


def _steps_of(source: str) -> list[Node]:
    """Return the nodes of one delivered file: ingest, judge, and clean once all files are judged fit."""
    return [
        Node(
            nodes.ingest, inputs=f"extract.{source}", outputs=f"raw.{source}", name=f"ingest_{source}", tags=["ingest"]
        ),
        Node(
            getattr(nodes, f"judge_{source}"),
            inputs=[f"raw.{source}", "params:data_prep.sample"],
            outputs=[f"data_prep.{source}_judged", f"data_prep.{source}_counts"],
            name=f"judge_{source}",
            tags=["quality"],
        ),
        Node(
            getattr(nodes, f"clean_{source}"),
            inputs=[f"data_prep.{source}_judged", "data_prep.checked_counts"],
            outputs=[f"clean.{source}", f"clean.{source}_quarantine"],
            name=f"clean_{source}",
            tags=["clean"],
        ),
    ]
