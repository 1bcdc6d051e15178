"""Wiring of data preparation: extracts in, raw and clean tables out."""

from kedro.pipeline import Node, Pipeline

from boathouse.pipelines.data_prep import nodes

SOURCES = ("customers", "statements", "defaults")


def create_pipeline(**_: object) -> Pipeline:
    """Return the pipeline ``data_prep``."""
    report = Node(
        nodes.report_quality,
        inputs=[*(f"data_prep.{source}_counts" for source in SOURCES), "raw.customers"],
        outputs="audit.data_quality",
        name="report_quality",
        tags=["quality"],
    )
    ingestion = [
        Node(
            nodes.ingest, inputs=f"extract.{source}", outputs=f"raw.{source}", name=f"ingest_{source}", tags=["ingest"]
        )
        for source in SOURCES
    ]
    cleaning = [
        Node(
            getattr(nodes, f"clean_{source}"),
            inputs=[f"raw.{source}", "params:data_prep.quality", "params:data_prep.sample"],
            outputs=[f"clean.{source}", f"clean.{source}_quarantine", f"data_prep.{source}_counts"],
            name=f"clean_{source}",
            tags=["clean"],
        )
        for source in SOURCES
    ]
    return Pipeline([*ingestion, *cleaning, report], namespace="data_prep", prefix_datasets_with_namespace=False)
