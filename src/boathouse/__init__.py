"""Boathouse: the whole life of a model on tables, on a laptop and on Databricks."""

import os

# OpenMP reads it when a library loads it. Its default lets idle threads spin, which makes a fit beside other load
# ten to twenty times slower; with PASSIVE they sleep. Alone on a machine the difference is not measurable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Seconds for which MLflow's client of the platform tries again; by itself it does so for 500, which looks like a job
# that hangs. MLflow reads it at each request.
os.environ.setdefault("MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT", "60")

__version__ = "0.1.0"
