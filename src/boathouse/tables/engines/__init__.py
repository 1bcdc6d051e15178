"""What runs the PySpark code: ``sail``, ``spark`` or ``databricks``."""

from boathouse.tables.engines.registry import get_engine, stop_engines

__all__ = ["get_engine", "stop_engines"]
