"""A folder for PYTHONPATH: what the platform's runtime puts beside the packages that are installed.

``databricks.sdk`` and MLflow import ``dbruntime`` from there as on the platform: credentials, job context, task values.
"""
