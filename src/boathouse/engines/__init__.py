"""Who runs the PySpark code: ``sail``, ``spark`` or ``databricks``."""
